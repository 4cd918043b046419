// Reads {xyz, locked, texts, bad} from a file named on the command line; writes what web/memory_view makes of it as JSON.
import { readFileSync } from "node:fs";
import { Frame } from "../../web/memory_view/frame.mjs";
import { painted, roundedShape, shapesFromText, textFromShapes } from "../../web/memory_view/shapes.mjs";

const { xyz, locked, texts, bad, cam2world, unit } = JSON.parse(readFileSync(process.argv[2]));
const places = Float32Array.from(xyz.flat());
const answer = { painted: [], errors: [], again: [] };
for (const text of texts) {
  const shapes = shapesFromText(text);
  const after = painted(places, Uint8Array.from(locked), shapes);
  answer.painted.push({ stays: [...after.stays], locked: [...after.locked] });
  answer.again.push(textFromShapes(shapes.map(roundedShape)));
}
for (const text of bad) {
  try {
    shapesFromText(text);
    answer.errors.push(null);
  } catch (error) {
    answer.errors.push(error.message);
  }
}
const frame = new Frame(cam2world, unit);
answer.seen = xyz.map((place) => frame.toView(place));
answer.back = answer.seen.map((place) => frame.toWorld(place));
const { rows } = frame;
const seenByMatrix = (place) => [0, 4, 8].map((at) => rows[at + 3] + place.reduce((sum, one, n) => sum + rows[at + n] * one, 0));
answer.matrix = xyz.map(seenByMatrix);
process.stdout.write(JSON.stringify(answer));
