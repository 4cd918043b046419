/** The keys of a path, as text and as poses: the same as mirage_core/camera_keys.py. */

import { EASINGS, atOneSpeed, byEasings, timesAtOneSpeed } from "./pace.mjs";
import { add, length, multiply, poseSpline, rotated, scaled } from "./spline.mjs";

export { EASINGS };

const FORMAT = "mirage-camera-keys";
const VERSION = 1;
const FIELDS = ["time", "position", "pan", "tilt", "roll", "field_of_view", "easing", "target"];
export const [NARROWEST, WIDEST] = [10, 179]; // degrees
const MOST = 1e6; // size of any number
const NO_AIM = 1e-6; // median depths: a camera this near to its target keeps its own view
const DECIMALS = { time: 6, position: 5, angle: 3 };

const EMPTY = { position: [0, 0, 0], pan: 0, tilt: 0, roll: 0, field_of_view: null, easing: "linear", target: null };
const DEFAULT = [
  { ...EMPTY, time: 0, easing: "smooth" },
  { ...EMPTY, time: 1, position: [0, 0, 0.3] },
];

/**
 * Read a path: {keys, startLocked, constantSpeed}; an empty text means a short way forward, its start locked to the
 * picture.
 *
 * Throws an Error whose message says what is wrong.
 */
export function pathFromText(text) {
  if (typeof text !== "string") throw new Error(`path: must be a text; got ${JSON.stringify(text).slice(0, 40)}.`);
  if (!text.trim()) return { keys: DEFAULT.map((key) => ({ ...key })), startLocked: true, constantSpeed: false };
  let data;
  try {
    data = JSON.parse(text);
  } catch (error) {
    throw new Error(`path: must be JSON; ${error.message}.`);
  }
  if (data?.format !== FORMAT) throw new Error(`path: must be a JSON object with "format": "${FORMAT}".`);
  if (data.version !== VERSION) throw new Error(`path: must be of version ${VERSION}; got ${data.version}.`);
  if (!Array.isArray(data.keys) || !data.keys.length) throw new Error("path: keys must be a list of at least one key.");
  const options = { startLocked: switchOf(data, "start_locked"), constantSpeed: switchOf(data, "constant_speed") };
  return { keys: keysOf(data), ...options };
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
  for (const name of ["position", "target"]) {
    if (key[name] === null && name === "target") continue;
    const three = Array.isArray(key[name]) && key[name].length === 3;
    if (!three) throw new Error(`${where}: ${name} must be 3 numbers.`);
  }
  const places = [...key.position, ...(key.target ?? [])];
  const numbers = [...places, key.time, key.pan, key.tilt, key.roll, key.field_of_view ?? 1];
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

/** JSON with a line per key, for hands that edit it; a target is there only where a key has one. */
export function textFromPath({ keys, startLocked, constantSpeed }) {
  const names = (key) => FIELDS.filter((name) => name !== "target" || key.target);
  const row = (key) => JSON.stringify(Object.fromEntries(names(key).map((name) => [name, key[name]])));
  const lines = keys.map((key) => `  ${row(key)}`);
  const options = `${startLocked ? '"start_locked": true, ' : ""}${constantSpeed ? '"constant_speed": true, ' : ""}`;
  return `{"format": "${FORMAT}", "version": ${VERSION}, ${options}"keys": [\n${lines.join(",\n")}\n]}`;
}

const rounded = (value, decimals) => Number(value.toFixed(decimals)) + 0; // + 0: no negative zero

/** A key whose numbers are as the text will hold them; pan and tilt are those that look at its target. */
export function roundedKey(given) {
  const place = (values) => values && values.map((value) => rounded(value, DECIMALS.position));
  const key = aimed({ ...given, position: place(given.position), target: place(given.target) });
  return {
    ...key,
    time: rounded(key.time, DECIMALS.time),
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

/** Pan and tilt, degrees, that look along a way. */
export const anglesTo = ([x, y, z]) => ({
  pan: degrees(Math.atan2(x, z)),
  tilt: degrees(Math.asin(Math.max(-1, Math.min(1, -y / Math.max(Math.hypot(x, y, z), NO_AIM))))),
});

const wayTo = (target, position) => add(target, scaled(position, -1));

/** The key with the pan and tilt that look at its target. */
function aimed(key) {
  if (!key.target) return key;
  const way = wayTo(key.target, key.position);
  return length(way) > NO_AIM ? { ...key, ...anglesTo(way) } : key;
}

/** Pose of a key, which looks at its target where it has one: pan about y, then tilt about x, then roll about z. */
export function poseOf(given) {
  const key = aimed(given);
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

/** The keys with the times at which a camera at one speed is at them, at least `apart` from each other. */
export function pacedKeys(keys, apart) {
  const times = timesAtOneSpeed(keys, poseSpline(keys.map(poseOf)), apart);
  return keys.map((key, n) => roundedKey({ ...key, time: times[n] }));
}

/**
 * Return the function from a time 0..1 to {position, rotation, fieldOfView} there, and the target looked at, if any.
 *
 * ownField: horizontal field of view of the start camera, degrees, where a key names none.
 */
export function pathThrough(given, ownField, constantSpeed = false) {
  const keys = given.map(aimed);
  const spline = poseSpline(keys.map(poseOf));
  const along = constantSpeed ? atOneSpeed(keys, spline) : byEasings(keys);
  const fields = keys.map((key) => key.field_of_view ?? ownField);
  return (time) => {
    const at = along(time);
    const low = Math.min(Math.floor(at), Math.max(keys.length - 2, 0));
    const high = Math.min(low + 1, keys.length - 1);
    const pose = lookingAtTargets(spline(at), keys[low], keys[high], at - low);
    return { ...pose, fieldOfView: mix(fields[low], fields[high], at - low) };
  };
}

const mix = (one, other, part) => one + (other - one) * part;

/** A pose between two keys with targets looks at a point on the way from one target to the other. */
function lookingAtTargets(pose, one, after, part) {
  if (!one.target || !after.target) return pose;
  const target = one.target.map((value, n) => mix(value, after.target[n], part));
  const way = wayTo(target, pose.position);
  if (length(way) <= NO_AIM) return pose;
  return { ...poseOf({ position: pose.position, ...anglesTo(way), roll: mix(one.roll, after.roll, part) }), target };
}
