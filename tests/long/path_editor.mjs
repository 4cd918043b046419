// Reads {frames, K, cases: [{text}]} and a scene file named on the command line; writes poses and coverage as JSON.
import { readFileSync } from "node:fs";
import { knownShare, standsAt } from "../../web/editor/coverage.mjs";
import { anglesOf, pathFromText, pathThrough, poseOf, textFromPath } from "../../web/editor/keys.mjs";
import { PRESETS, presetKeys } from "../../web/editor/presets.mjs";
import { ownFieldOf, sceneFromBytes } from "../../web/editor/scene.mjs";
import { rotated } from "../../web/editor/spline.mjs";

const [vectors, sceneFile] = process.argv.slice(2);
const { frames, K, cases } = JSON.parse(readFileSync(vectors));
const own = ownFieldOf({ K });
const timings = [{ stride: 4, clip: 0 }, { stride: 8, clip: 0 }, { stride: 4, clip: 5 }, { stride: 1, clip: 0 }];
const answer = { cases: [], stands: timings.map((timing) => [timing, standsAt(timing, 60)]) };
for (const { text } of cases) {
  const { keys, constantSpeed } = pathFromText(text);
  const path = pathThrough(keys, own, constantSpeed);
  const poses = [];
  for (let frame = 0; frame < frames; frame++) {
    const { position, rotation, fieldOfView } = path(frames > 1 ? frame / (frames - 1) : 0);
    const columns = [[1, 0, 0], [0, 1, 0], [0, 0, 1]].map((axis) => rotated(rotation, axis));
    poses.push({ position, columns, fx: 0.5 / Math.tan((fieldOfView * Math.PI) / 360) });
  }
  const angles = keys.filter((key) => !key.target).map((key) => ({ wanted: [key.pan, key.tilt, key.roll], found: anglesOf(poseOf(key).rotation) }));
  answer.cases.push({ poses, angles, again: JSON.stringify(pathFromText(textFromPath({ keys })).keys) === JSON.stringify(keys) });
}
answer.presets = PRESETS.map((name) => [name, textFromPath({ keys: presetKeys(name) })]);
if (sceneFile) {
  const bytes = readFileSync(sceneFile);
  const scene = sceneFromBytes(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  const [, , , bend] = cases;
  const path = pathThrough(pathFromText(bend.text).keys, ownFieldOf(scene));
  answer.known = [];
  for (let frame = 0; frame < frames; frame++) answer.known.push(knownShare(scene, path(frame / (frames - 1)), ownFieldOf(scene)));
}
process.stdout.write(JSON.stringify(answer));
