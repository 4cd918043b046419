/** Few keys whose path comes near to a flight. */

import { anglesOf, pathThrough, poseOf, roundedKey } from "./keys.mjs";
import { inverse, length, log, multiply } from "./spline.mjs";

const PLACE = 0.02; // median depths that the path may stand off from the flight
const TURN = 1; // degrees that it may be turned away
const MOST_KEYS = 40;
const MOST_STEPS = 240; // video frames that are looked at

/**
 * Keys {time, position, pan, tilt, roll, field_of_view, easing} that replace a path from a time on.
 *
 * flight: [{seconds, position, pan, tilt, roll}], in order, at least two; however long it took, it fills the video
 * frames from the frame `first` to the last of `frames`. lens: field_of_view of the keys.
 */
export function keysOfFlight(flight, first, frames, lens) {
  const last = frames - 1;
  const begun = flight[0].seconds;
  const every = [];
  const steps = Math.min(last - first, MOST_STEPS);
  for (let n = 0; n <= steps; n++) {
    const frame = first + Math.round((n * (last - first)) / steps);
    const seconds = begun + ((frame - first) / (last - first)) * (flight[flight.length - 1].seconds - begun);
    const pose = poseOf(between(flight, seconds));
    const key = { ...pose, ...anglesOf(pose.rotation), time: frame / last, field_of_view: lens, easing: "linear" };
    every.push(key);
  }
  return keysNear(every).map(({ rotation, ...key }) => roundedKey(key));
}

/** Where a flight was at a time. */
function between(flight, seconds) {
  const after = Math.max(1, flight.findIndex((one, n) => n > 0 && one.seconds >= seconds));
  const [one, two] = [flight[after - 1], flight[after]];
  const share = Math.max(0, Math.min(1, (seconds - one.seconds) / Math.max(two.seconds - one.seconds, 1e-9)));
  const mixed = (a, b) => a + (b - a) * share;
  const [pan, tilt, roll] = ["pan", "tilt", "roll"].map((name) => mixed(one[name], two[name]));
  return { position: one.position.map((value, n) => mixed(value, two.position[n])), pan, tilt, roll };
}

/** Of poses that are keys already, few whose path stays near all of them: evenly spread, or where they are needed. */
function keysNear(every) {
  const needed = neededKeys(every);
  for (let count = 2; count < needed.length; count++) {
    const spread = Array.from({ length: count }, (_, n) => Math.round((n * (every.length - 1)) / (count - 1)));
    if (furthest(every, spread).far <= 1) return spread.map((n) => every[n]);
  }
  return needed.map((n) => every[n]);
}

/** The worst is added until none is far; then those go that are not missed. */
function neededKeys(every) {
  let chosen = [0, every.length - 1];
  for (;;) {
    const { worst, far } = furthest(every, chosen);
    if (far <= 1 || chosen.length >= MOST_KEYS) break;
    chosen = [...chosen, worst].sort((a, b) => a - b);
  }
  for (const one of chosen.slice(1, -1)) {
    const without = chosen.filter((other) => other !== one);
    if (furthest(every, without).far <= 1) chosen = without;
  }
  return chosen;
}

/** The pose furthest from the path through the chosen ones, and how far it is, in tolerances. */
function furthest(every, chosen) {
  const at = pathThrough(chosen.map((n) => every[n]), 50); // the lens does not matter here
  let [worst, far] = [0, 0];
  every.forEach(({ time, position, rotation }, n) => {
    const there = at(time);
    const off = length(position.map((value, axis) => value - there.position[axis])) / PLACE;
    const turn = (length(log(multiply(inverse(there.rotation), rotation))) * 180) / Math.PI / TURN;
    if (Math.max(off, turn) > far) [worst, far] = [n, Math.max(off, turn)];
  });
  return { worst, far };
}
