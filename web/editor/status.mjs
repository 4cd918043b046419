/** The sentences that the editor says of the path as it stands: below the timeline, and over the view. */

import { say } from "../words.mjs";
import { standsAt } from "./coverage.mjs";

const percent = (share) => `${Math.round(share * 100)} %`;

/** The latent frame that stands nearest to a video frame. */
function latentAt(scene, model, frame) {
  const stands = scene?.coverage ? standsAt(scene.coverage, model.frames) : [];
  return stands.reduce((best, one, at) => (Math.abs(one - frame) < Math.abs(stands[best] - frame) ? at : best), 0);
}

/** Where the playhead is, which key is chosen, and what is known; known: the share of each latent frame. */
export function stateText(model, scene, known) {
  const at = model.frameOf(model.time);
  const place = { frame: at, frames: model.frames, key: model.chosen + 1, keys: model.keys.length };
  if (model.blank) return say("frame {frame} of {frames}", place);
  const here = known[latentAt(scene, model, at)];
  if (here === undefined) return say("frame {frame} of {frames} · key {key} of {keys}", place);
  const mean = known.reduce((sum, one) => sum + one, 0) / known.length;
  const shares = { ...place, here: percent(here), mean: percent(mean) };
  return scene.thinned > 1
    ? say("frame {frame} of {frames} · key {key} of {keys} · known here about {here}, along the path {mean}", shares)
    : say("frame {frame} of {frames} · key {key} of {keys} · known here {here}, along the path {mean}", shares);
}

/** Why the path, or the scene, cannot be shown, or null. */
export function failureText({ error, linked }, failure) {
  if (!error) return failure ?? null;
  if (linked) return `${error}\n${say("It comes in through the input path: mend it there.")}`;
  return `${error}\n${say("The text is kept as it is until you start anew.")}`;
}

/** stale: whether the scene is of nodes that have changed since. */
export function hintText({ blank, linked, keyAtPlayhead }, { scene, stale, view: { through } }) {
  if (linked && blank) return say("The path comes in through the input path. Press Show scene to see it here.");
  if (linked) {
    return say("The path comes in through the input path. This is the one of the last run; edit it where it comes from.");
  }
  if (stale) return say("A node that leads to this scene has changed since. Press Show scene to see it as it is now.");
  if (!scene) return say("Press Show scene to see the points of the memory here.");
  if (!through) return "";
  if (keyAtPlayhead < 0) return say("Add key to change the view here.");
  return say("Drag turns the camera, the wheel moves it.");
}
