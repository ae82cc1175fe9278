/* What all kernels share: the machine's vectors, and elementary functions that compilers can vectorise. */
#include <math.h>
#include <stdint.h>
#include <string.h>

/* Floats in a vector register, and rows of the tile that a matrix product keeps in registers. */
#if defined(__AVX512F__)
#define LANES 16
#define TILE_ROWS 14
#elif defined(__AVX__)
#define LANES 8
#define TILE_ROWS 6
#else
#define LANES 4
#define TILE_ROWS 8
#endif

/* Arguments of a kernel: numbers and addresses. */
typedef int64_t word;

#include "interface.h"

/* Works on rows (or matrices) `begin` to `end`; `scratch` is memory for this thread alone. */
typedef void kernel(const word *a, word begin, word end, float *scratch);

static inline float bits_to_float(int32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/*
 * a b + c, rounded once where the machine can. All sources are compiled without contraction: which products compilers
 * fuse with which sums is different from loop to loop, and an element must not depend on the loop that computes it.
 */
static inline float multiply_add(float a, float b, float c) {
#if defined(__FMA__) || defined(__aarch64__)
  return fmaf(a, b, c);
#else
  return a * b + c;
#endif
}

/* e^x, relative error below 2e-7; 0 where it is below 2^-125. Comparisons are written so that they vectorise. */
static inline float exp_of(float x) {
  /* At these ends the result is 0 and infinity by itself. */
  float within = x < -87.3f ? -87.3f : x;
  within = within > 89.0f ? 89.0f : within;
  float n = rintf(within * 1.44269504f);
  float r = multiply_add(n, -0.693145752f, within);
  r = multiply_add(n, -1.42860677e-6f, r);
  float p = 0.00139464484f;
  p = multiply_add(p, r, 0.00836915337f);
  p = multiply_add(p, r, 0.0416662619f);
  p = multiply_add(p, r, 0.166665167f);
  p = multiply_add(p, r, 0.5f);
  p = multiply_add(p * r, r, r) + 1.0f;
  /* In two steps: 2^128 is no float, but e^88.7 is. */
  return p * bits_to_float(((int32_t)n + 126) * (1 << 23)) * 2.0f;
}

/* The error function, relative error below 4e-7: a quotient of polynomials, fitted to its relative error. */
static inline float erf_of(float x) {
  float t = x < -3.91f ? -3.91f : x;
  t = t > 3.91f ? 3.91f : t;
  float s = t * t;
  float p = 0.00022831936f;
  p = multiply_add(p, s, 0.00344207860f);
  p = multiply_add(p, s, 0.0510518104f);
  p = multiply_add(p, s, 0.186235487f);
  p = multiply_add(p, s, 1.12837923f);
  float q = -1.15358148e-7f;
  q = multiply_add(q, s, 2.33125502e-5f);
  q = multiply_add(q, s, 0.00102309103f);
  q = multiply_add(q, s, 0.0141387992f);
  q = multiply_add(q, s, 0.1113737f);
  q = multiply_add(q, s, 0.498379588f);
  q = multiply_add(q, s, 1.0f);
  return t * p / q;
}

/*
 * The sine of x + ahead pi / 2, off by less than 1e-7 up to 10^6 and 2e-7 up to 10^9, where floats are 64 apart; beyond
 * that of 10^9, and no number of infinity. What is left of whole quarter turns needs the digits of a double.
 */
static inline float sine_ahead(float x, int32_t ahead) {
  float within = x < -1e9f ? -1e9f : x;
  within = within > 1e9f ? 1e9f : within;
  double n = rint((double)within * 0.63661977236758134);
  float r = (float)((double)within - n * 1.5707963267948966);
  float z = r * r;
  float s = -0.000195173f;
  s = multiply_add(s, z, 0.008332178f);
  s = multiply_add(s, z, -0.16666655f);
  s = multiply_add(s * z, r, r);
  float c = 0.000024433157f;
  c = multiply_add(c, z, -0.0013887316f);
  c = multiply_add(c, z, 0.041666646f);
  c = multiply_add(c, z, -0.5f);
  c = multiply_add(c, z, 1.0f);
  int32_t quarter = (int32_t)n + ahead;
  float value = quarter & 1 ? c : s;
  return (quarter & 2 ? -value : value) + (x - x);
}

static inline float sin_of(float x) { return sine_ahead(x, 0); }

static inline float cos_of(float x) { return sine_ahead(x, 1); }
