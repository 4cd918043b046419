/** How points look under the shapes: which are drawn, and in which colour. */

import { coloured, tint, TINTS } from "./colourings.mjs";
import { inside, painted } from "./shapes.mjs";

/** The shapes' effect on a scene's points: {stays, locked}. */
export const paintedScene = ({ xyz, width, locked }, shapes) =>
  painted(xyz, locked ?? new Uint8Array(width.length), shapes);

/**
 * Return {rgb, shown} for the points of a scene.
 *
 * model: shapes, the chosen one, and whether a gesture holds it: then what it takes away is still drawn, in its colour.
 */
export function appearanceOf(scene, after, colouring, model) {
  const rgb = coloured(scene, after.locked, colouring);
  let shown = after.stays;
  if (colouring === "picture") {
    for (let n = 0; n < shown.length; n++) if (after.locked[n]) tint(rgb, n, TINTS.lock);
  }
  const { shape } = model;
  if (!shape || shape.off) return { rgb, shown };
  const within = inside(shape, scene.xyz);
  if (model.held) shown = paintedScene(scene, model.shapes.filter((one) => one !== shape)).stays;
  for (let n = 0; n < within.length; n++) {
    if (within[n]) tint(rgb, n, TINTS[shape.does]);
    else if (model.held && shape.does === "keep") tint(rgb, n, null);
  }
  return { rgb, shown };
}
