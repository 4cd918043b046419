/** Where on its way a camera is at each time: the same as the _along of mirage_core/camera_keys.py. */

// speeds at the start and at the end of the way to the next key, 1 = even; null: as the ways beside it have them
const SPEEDS = { linear: [1, 1], smooth: null, "start gently": [0, 2], "stop gently": [2, 0] };
const FASTEST = 3; // such a speed at its end: a faster cubic way would turn back
export const EASINGS = Object.keys(SPEEDS);

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

/** The function from a time to a fractional key number, each way with the easing of the key before it. */
export function byEasings(keys) {
  if (keys.length === 1) return () => 0;
  const speeds = speedsBetween(keys);
  return (time) => {
    const at = Math.max(keys[0].time, Math.min(keys[keys.length - 1].time, time));
    const low = Math.min(keys.findLastIndex((key) => key.time <= at), keys.length - 2);
    return low + eased(speeds[low], (at - keys[low].time) / (keys[low + 1].time - keys[low].time));
  };
}

const STILL = 1e-4; // median depths: on a way shorter than this the camera stays where it is
const PIECES = 64; // of the way from key to key, by which its length is measured

/** When the pieces of the way between keys begin, where the camera goes at one speed; spline: of poseSpline. */
function reachedAtOneSpeed(keys, spline) {
  const places = Array.from({ length: (keys.length - 1) * PIECES + 1 }, (_, n) => spline(n / PIECES).position);
  const lengths = places.slice(1).map((place, n) => Math.hypot(...place.map((value, axis) => value - places[n][axis])));
  const ways = keys.slice(1).map((after, n) => {
    const pieces = lengths.slice(n * PIECES, (n + 1) * PIECES);
    return { pieces, span: after.time - keys[n].time, length: pieces.reduce((sum, one) => sum + one, 0) };
  });
  const moving = ways.filter((way) => way.length > STILL);
  const sum = (name) => moving.reduce((total, way) => total + way[name], 0);
  const slowness = sum("span") / Math.max(sum("length"), STILL);
  const reached = [keys[0].time];
  for (const { pieces, span, length } of ways) {
    const took = (piece) => (length > STILL ? piece * slowness : span / PIECES);
    for (const piece of pieces) reached.push(reached[reached.length - 1] + took(piece));
  }
  return reached;
}

/** As byEasings, at one speed on all ways on which the camera moves; on the others it takes the time of the keys. */
export function atOneSpeed(keys, spline) {
  if (keys.length === 1) return () => 0;
  const reached = reachedAtOneSpeed(keys, spline);
  return (time) => {
    const at = Math.max(keys[0].time, Math.min(keys[keys.length - 1].time, time));
    const low = Math.max(0, Math.min(reached.findLastIndex((one) => one <= at), reached.length - 2));
    const share = (at - reached[low]) / Math.max(reached[low + 1] - reached[low], 1e-12);
    return (low + Math.max(0, Math.min(1, share))) / PIECES;
  };
}

/** The times at which a camera at one speed is at the keys, at least `apart` from each other. */
export function timesAtOneSpeed(keys, spline, apart) {
  const times = keys.length === 1 ? [keys[0].time] : reachedAtOneSpeed(keys, spline).filter((_, n) => n % PIECES === 0);
  times[times.length - 1] = keys[keys.length - 1].time;
  for (let n = 1; n < times.length; n++) times[n] = Math.max(times[n], times[n - 1] + apart);
  for (let n = times.length - 2; n >= 0; n--) times[n] = Math.min(times[n], times[n + 1] - apart);
  return times;
}
