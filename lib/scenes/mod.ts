/**
 * Labelled pictures in the manner of CLEVR: flat shapes at different distances before a textured wall.
 *
 * @module
 */
export { encodeScene } from "./encode.ts";
export { renderScene } from "./render.ts";
export { drawScene, labelsOf, type Scene, type SceneLabels, type SceneObject } from "./scene.ts";
export { type Shape, SHAPES } from "./shapes.ts";
