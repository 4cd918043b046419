/** How points look under the shapes: which are drawn, and in which colour. */

import { coloured, tint } from "./colourings.mjs";
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
  const { shape, held } = model;
  if (!shape || shape.off) return { rgb, shown: after.stays };
  const within = inside(shape, scene.xyz);
  for (let n = 0; n < within.length; n++) {
    if (within[n] && (held || shape.does === "unlock")) tint(rgb, n, shape.does);
    else if (held && shape.does === "keep") tint(rgb, n, null);
  }
  return { rgb, shown: held ? paintedScene(scene, model.shapes.filter((one) => one !== shape)).stays : after.stays };
}

/** Say in the colours of the picture which points are locked. */
export function markLocked(rgb, locked) {
  for (let n = 0; n < locked.length; n++) if (locked[n]) tint(rgb, n, "lock");
}
