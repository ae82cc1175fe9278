/**
 * Counter-based random numbers: every value is a function of (seed, purpose, step, sample, index), so there is
 * no generator state to save, replay or share between threads. Philox4x32-10 (Salmon et al., SC 2011).
 *
 * @module
 */
export { philox4x32 } from "./philox.ts";
export { type Key, RandomStream } from "./stream.ts";
