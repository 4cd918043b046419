/** Shapes that cut and lock a memory, as text and as a test of points: the same as mirage_core/shapes.py. */

const FORMAT = "mirage-memory-shapes";
const VERSION = 1;
export const KINDS = ["box", "sphere", "lasso"];
export const DOES = ["erase", "keep", "lock", "unlock"];
const MOST = 1e6; // size of any number
// of each kind: name, numbers in a row, rows (null: three or more)
const NUMBERS = {
  box: [["low", 3], ["high", 3]],
  sphere: [["center", 3]],
  lasso: [["cam2world", 4, 4], ["K", 3, 3], ["polygon", 2, null]],
};
const DIGITS = 7; // of a number in the text: those of float32
const MIN_DEPTH = 2 ** -10; // scene units; nearer points are behind a camera or on it

/** Read shapes; an empty text means none. Throws an Error whose message says what is wrong. */
export function shapesFromText(text) {
  if (typeof text !== "string") throw new Error(`shapes: must be a text; got ${JSON.stringify(text).slice(0, 40)}.`);
  if (!text.trim()) return [];
  let data;
  try {
    data = JSON.parse(text);
  } catch (error) {
    throw new Error(`shapes: must be JSON; ${error.message}.`);
  }
  if (data?.format !== FORMAT) throw new Error(`shapes: must be a JSON object with "format": "${FORMAT}".`);
  if (data.version !== VERSION) throw new Error(`shapes: must be of version ${VERSION}; got ${data.version}.`);
  if (!Array.isArray(data.shapes)) throw new Error("shapes: must hold a list of shapes.");
  data.shapes.forEach((shape, n) => check(shape, `shapes: shape ${n + 1}`));
  return data.shapes;
}

function check(shape, where) {
  const among = (name, values) => {
    if (values.includes(shape?.[name])) return;
    throw new Error(`${where}: ${name} must be one of ${values.join(", ")}; got ${shape?.[name]}.`);
  };
  among("kind", KINDS);
  among("does", DOES);
  for (const [name, columns, rows] of NUMBERS[shape.kind]) {
    const value = rows === undefined ? [shape[name]] : shape[name];
    const numbers = (row) => Array.isArray(row) && row.length === columns && row.every(isNumber);
    const many = Array.isArray(value) && (rows === null ? value.length > 2 : value.length === (rows ?? 1));
    if (!many || !value.every(numbers)) throw new Error(`${where}: ${name} must be numbers, ${columns} in a row.`);
  }
  const { kind, low, high, radius, near = 0, far = null } = shape;
  const must = (right, text) => {
    if (!right) throw new Error(`${where}: ${text}`);
  };
  must(kind !== "box" || low.every((value, n) => value <= high[n]), "low must not lie above high.");
  must(kind !== "sphere" || (isNumber(radius) && radius > 0), `radius must be above 0; got ${radius}.`);
  must(near >= 0 && (far === null || far >= near), "near must be at least 0, and far at least near.");
}

const isNumber = (value) => typeof value === "number" && Math.abs(value) <= MOST;

/** JSON with a line per shape; no shape is an empty text. */
export function textFromShapes(shapes) {
  if (!shapes.length) return "";
  const lines = shapes.map((shape) => `  ${JSON.stringify(shape)}`);
  return `{"format": "${FORMAT}", "version": ${VERSION}, "shapes": [\n${lines.join(",\n")}\n]}`;
}

/** A shape whose numbers are as the text will hold them. */
export function roundedShape(shape) {
  const round = (value) => {
    if (Array.isArray(value)) return value.map(round);
    return typeof value === "number" ? Number(value.toPrecision(DIGITS)) + 0 : value; // + 0: no negative zero
  };
  return Object.fromEntries(Object.entries(shape).map(([name, value]) => [name, round(value)]));
}

/** The test whether a place of the world, three numbers, is inside a shape. */
export function insideOf(shape) {
  return { box: insideBox, sphere: insideSphere, lasso: insideLasso }[shape.kind](shape);
}

function insideBox({ low, high }) {
  return (x, y, z) =>
    x >= low[0] && x <= high[0] && y >= low[1] && y <= high[1] && z >= low[2] && z <= high[2];
}

function insideSphere({ center, radius }) {
  return (x, y, z) => (x - center[0]) ** 2 + (y - center[1]) ** 2 + (z - center[2]) ** 2 <= radius ** 2;
}

function insideLasso({ cam2world, K, polygon, near = 0, far }) {
  const [right, down, forward] = [0, 1, 2].map((axis) => along(cam2world, axis));
  const corners = Float64Array.from(polygon.flat());
  const edges = [0, 1].map((axis) => polygon.map((corner) => corner[axis]));
  const [left, top] = edges.map((values) => Math.min(...values));
  const [farRight, bottom] = edges.map((values) => Math.max(...values));
  const [nearest, farthest] = [Math.max(near, MIN_DEPTH), far ?? Infinity];
  return (x, y, z) => {
    const depth = forward(x, y, z);
    if (depth < nearest || depth > farthest) return false;
    const u = (K[0][0] * right(x, y, z)) / depth + K[0][2];
    const v = (K[1][1] * down(x, y, z)) / depth + K[1][2];
    return u >= left && u <= farRight && v >= top && v <= bottom && isWithin(corners, u, v);
  };
}

/** The function from a place of the world to how far it lies along an axis of a camera. */
function along(cam2world, axis) {
  const [[tx, ty, tz], [a, b, c]] = [3, axis].map((column) => [0, 1, 2].map((row) => cam2world[row][column]));
  return (x, y, z) => a * (x - tx) + b * (y - ty) + c * (z - tz);
}

/** The even-odd rule; corners: u, v, u, v, ... */
function isWithin(corners, u, v) {
  let within = false;
  for (let n = 0, before = corners.length - 2; n < corners.length; before = n, n += 2) {
    const [v1, v2] = [corners[n + 1], corners[before + 1]];
    if (v1 > v === v2 > v) continue;
    if (u < ((corners[before] - corners[n]) * (v - v1)) / (v2 - v1) + corners[n]) within = !within;
  }
  return within;
}

/** Which of the places, Float32Array of N times three, are inside: Uint8Array. */
export function inside(shape, xyz) {
  const test = insideOf(shape);
  const found = new Uint8Array(xyz.length / 3);
  for (let n = 0; n < found.length; n++) found[n] = test(xyz[3 * n], xyz[3 * n + 1], xyz[3 * n + 2]);
  return found;
}

/**
 * What becomes of points when shapes are applied in their order: {stays, locked}, Uint8Array each. Locked ones stay.
 *
 * locked: Uint8Array, which points are locked before.
 */
export function painted(xyz, locked, shapes) {
  const after = { stays: new Uint8Array(locked.length).fill(1), locked: locked.slice() };
  for (const shape of shapes) {
    if (shape.off) continue;
    const within = inside(shape, xyz);
    for (let n = 0; n < within.length; n++) {
      if (shape.does === "lock") after.locked[n] |= within[n] & after.stays[n];
      else if (shape.does === "unlock") after.locked[n] &= 1 - within[n];
      else if (within[n] !== Number(shape.does === "keep")) after.stays[n] &= after.locked[n];
    }
  }
  return after;
}
