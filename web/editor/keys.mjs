/** The keys of a path, as text and as poses: the same as mirage_core/camera_keys.py. */

import { multiply, poseSpline, rotated } from "./spline.mjs";

const FORMAT = "mirage-camera-keys";
const VERSION = 1;
// speeds at the start and at the end of the way to the next key, 1 = even; null: as the ways beside it have them
const SPEEDS = { linear: [1, 1], smooth: null, "start gently": [0, 2], "stop gently": [2, 0] };
const FASTEST = 3; // such a speed at its end: a faster cubic way would turn back
export const EASINGS = Object.keys(SPEEDS);
const FIELDS = ["time", "position", "pan", "tilt", "roll", "field_of_view", "easing"];
export const [NARROWEST, WIDEST] = [10, 179]; // degrees
const MOST = 1e6; // size of any number
const DECIMALS = { time: 6, position: 5, angle: 3 };

const EMPTY = { position: [0, 0, 0], pan: 0, tilt: 0, roll: 0, field_of_view: null, easing: "linear" };
const DEFAULT = [
  { ...EMPTY, time: 0, easing: "smooth" },
  { ...EMPTY, time: 1, position: [0, 0, 0.3] },
];

/**
 * Read a path: {keys, startLocked}; an empty text means a short way forward, whose start is locked to the picture.
 *
 * Throws an Error whose message says what is wrong.
 */
export function pathFromText(text) {
  if (typeof text !== "string") throw new Error(`path: must be a text; got ${JSON.stringify(text).slice(0, 40)}.`);
  if (!text.trim()) return { keys: DEFAULT.map((key) => ({ ...key })), startLocked: true };
  let data;
  try {
    data = JSON.parse(text);
  } catch (error) {
    throw new Error(`path: must be JSON; ${error.message}.`);
  }
  if (data?.format !== FORMAT) throw new Error(`path: must be a JSON object with "format": "${FORMAT}".`);
  if (data.version !== VERSION) throw new Error(`path: must be of version ${VERSION}; got ${data.version}.`);
  if (!Array.isArray(data.keys) || !data.keys.length) throw new Error("path: keys must be a list of at least one key.");
  return { keys: keysOf(data), startLocked: switchOf(data, "start_locked") };
}

function switchOf(data, name) {
  const value = data[name] ?? false;
  if (typeof value !== "boolean") throw new Error(`path: ${name} must be true or false; got ${JSON.stringify(value)}.`);
  return value;
}

function keysOf(data) {
  const keys = data.keys.map((one, n) => checked(one, n + 1));
  keys.slice(1).forEach((after, n) => {
    if (!(keys[n].time < after.time)) {
      throw new Error(`path: keys must come in the order of their times; see keys ${n + 1} and ${n + 2}.`);
    }
  });
  return keys;
}

function checked(one, number) {
  const where = `path: key ${number}`;
  if (one === null || typeof one !== "object" || !("time" in one)) throw new Error(`${where} must have a time.`);
  const strange = Object.keys(one).filter((name) => !FIELDS.includes(name));
  if (strange.length) throw new Error(`${where} may have ${FIELDS.join(", ")}; got ${strange.join(", ")}.`);
  const key = { ...EMPTY, ...one };
  if (!Array.isArray(key.position) || key.position.length !== 3) {
    throw new Error(`${where}: position must be three numbers.`);
  }
  const numbers = [...key.position, key.time, key.pan, key.tilt, key.roll, key.field_of_view ?? 1];
  if (!numbers.every((value) => Number.isFinite(value) && Math.abs(value) <= MOST)) {
    throw new Error(`${where}: time, position and angles must be numbers of at most ${MOST} in size.`);
  }
  if (key.time < 0 || key.time > 1) throw new Error(`${where}: time must lie in 0..1; got ${key.time}.`);
  if (key.field_of_view !== null && !(key.field_of_view >= NARROWEST && key.field_of_view <= WIDEST)) {
    throw new Error(`${where}: field_of_view must lie in ${NARROWEST}..${WIDEST}; got ${key.field_of_view}.`);
  }
  if (!EASINGS.includes(key.easing)) throw new Error(`${where}: easing must be one of ${EASINGS.join(", ")}.`);
  return key;
}

/** JSON with a line per key, for hands that edit it. */
export function textFromPath({ keys, startLocked }) {
  const lines = keys.map((key) => `  ${JSON.stringify(Object.fromEntries(FIELDS.map((name) => [name, key[name]])))}`);
  const options = startLocked ? '"start_locked": true, ' : "";
  return `{"format": "${FORMAT}", "version": ${VERSION}, ${options}"keys": [\n${lines.join(",\n")}\n]}`;
}

const rounded = (value, decimals) => Number(value.toFixed(decimals)) + 0; // + 0: no negative zero

/** A key whose numbers are as the text will hold them. */
export function roundedKey(key) {
  return {
    ...key,
    time: rounded(key.time, DECIMALS.time),
    position: key.position.map((value) => rounded(value, DECIMALS.position)),
    pan: rounded(key.pan, DECIMALS.angle),
    tilt: rounded(key.tilt, DECIMALS.angle),
    roll: rounded(key.roll, DECIMALS.angle),
  };
}

const radians = (degrees) => (degrees * Math.PI) / 180;
const degrees = (angle) => (angle * 180) / Math.PI;
const turnAbout = (axis, angle) => {
  const q = [Math.cos(radians(angle) / 2), 0, 0, 0];
  q[axis + 1] = Math.sin(radians(angle) / 2);
  return q;
};

/** Pose of a key: pan about y, then tilt about x, then roll about z. */
export function poseOf(key) {
  const rotation = multiply(multiply(turnAbout(1, key.pan), turnAbout(0, key.tilt)), turnAbout(2, key.roll));
  return { position: key.position, rotation };
}

/** Pan, tilt and roll, degrees, of a rotation. */
export function anglesOf(rotation) {
  const [fx, fy, fz] = rotated(rotation, [0, 0, 1]);
  const [, rightY] = rotated(rotation, [1, 0, 0]);
  const [, downY] = rotated(rotation, [0, 1, 0]);
  return {
    pan: degrees(Math.atan2(fx, fz)),
    tilt: degrees(Math.asin(Math.max(-1, Math.min(1, -fy)))),
    roll: degrees(Math.atan2(rightY, downY)),
  };
}

/** Speeds at the start and at the end of every way between keys, 1 = even. */
function speedsBetween(keys) {
  const pairs = keys.slice(1).map((after, n) => [keys[n], after]);
  const spans = pairs.map(([one, after]) => after.time - one.time);
  const poses = keys.map(({ position, pan, tilt, roll }) => `${[...position, pan, tilt, roll]}`);
  const holds = spans.map((_, n) => poses[n] === poses[n + 1]);
  const given = pairs.map(([one]) => SPEEDS[one.easing]);
  /** Of a smooth way at key n, where the way `beside` it has its end 0 or 1. */
  const smooth = (way, n, beside, end) => {
    if (beside < 0 || beside >= spans.length) return 0;
    if (holds[beside]) return 1; // the curve itself stands still there
    if (!given[beside]) return (2 * spans[way]) / (keys[n + 1].time - keys[n - 1].time);
    return Math.min((given[beside][end] * spans[way]) / spans[beside], FASTEST);
  };
  return given.map((speeds, n) => speeds ?? [smooth(n, n, n - 1, 1), smooth(n, n + 1, n + 1, 0)]);
}

/** The cubic way from 0 to 1 that has these speeds at its ends. */
function eased([first, last], u) {
  const v = 1 - u;
  return u * (u * u + (3 - last) * u * v + first * v * v);
}

/**
 * Return the function from a time 0..1 to {position, rotation, fieldOfView} there.
 *
 * ownField: horizontal field of view of the start camera, degrees, where a key names none.
 */
export function pathThrough(keys, ownField) {
  const spline = poseSpline(keys.map(poseOf));
  const speeds = speedsBetween(keys);
  const fields = keys.map((key) => key.field_of_view ?? ownField);
  return (time) => {
    let along = 0;
    if (keys.length > 1) {
      const at = Math.max(keys[0].time, Math.min(keys[keys.length - 1].time, time));
      let low = keys.findLastIndex((key) => key.time <= at);
      low = Math.min(low, keys.length - 2);
      along = low + eased(speeds[low], (at - keys[low].time) / (keys[low + 1].time - keys[low].time));
    }
    const low = Math.min(Math.floor(along), Math.max(keys.length - 2, 0));
    const high = Math.min(low + 1, keys.length - 1);
    return { ...spline(along), fieldOfView: fields[low] + (fields[high] - fields[low]) * (along - low) };
  };
}
