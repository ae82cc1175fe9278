/**
 * Labelled pictures: flat shapes at different distances before a textured wall, in the manner of CLEVR; and letters
 * over coloured noise.
 *
 * @module
 */
export { encodeScene } from "./encode.ts";
export { type Letter, LETTERS } from "./glyphs.ts";
export { drawLetter, type LetterPicture, renderLetter } from "./letter_picture.ts";
export { renderScene } from "./render.ts";
export { drawScene, labelsOf, type Scene, type SceneLabels, type SceneObject } from "./scene.ts";
export { type Shape, SHAPES } from "./shapes.ts";
