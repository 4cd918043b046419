/** What the colours of a memory's points say, and the words that explain them. */

import { CAREFUL, DIM, KNOWN, PATH } from "../editor/colours.mjs";
import { say } from "../words.mjs";

const RAMP = ["#440154", "#3b528b", "#21918c", "#5ec962", "#fde725"]; // viridis: even steps of light
const TINT = 0.6; // share of a tint in what it colours
const STEPS = 255; // of the ramp
const DIMMED = 0.25; // of its light has what a shape is about to leave out
/** Of what a shape does to the points inside. */
export const TINTS = { erase: "#e5484d", keep: "#46a758", lock: PATH, unlock: "#6ea8fe" };

const bytes = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
const BYTES_OF_TINT = Object.fromEntries(Object.entries(TINTS).map(([does, colour]) => [does, bytes(colour)]));
const BLACK = [0, 0, 0];

/** The colours of the ramp from 0 to STEPS, three bytes each. */
const ON_RAMP = Array.from({ length: STEPS + 1 }, (_, step) => {
  const at = (step / STEPS) * (RAMP.length - 1);
  const low = Math.min(Math.floor(at), RAMP.length - 2);
  const [one, other] = [RAMP[low], RAMP[low + 1]].map(bytes);
  return one.map((value, n) => Math.round(value + (other[n] - value) * (at - low)));
});
const onRamp = (share) => ON_RAMP[Math.round(Math.max(0, Math.min(1, share)) * STEPS)];

/** The lowest and the highest of some values. */
function ends(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const one of values) [low, high] = [Math.min(low, one), Math.max(high, one)];
  return [low, high];
}

const isStart = ({ frame, start }, n) => frame[n] >= start[0] && frame[n] <= start[1];

const OF_POINT = {
  picture: ({ rgb }) => (n) => rgb.subarray(3 * n, 3 * n + 3),
  origin: (scene) => {
    const [start, later] = [KNOWN, CAREFUL].map(bytes);
    return (n) => (isStart(scene, n) ? start : later);
  },
  age: ({ frame }) => {
    const [first, last] = ends(frame);
    return (n) => onRamp((frame[n] - first) / Math.max(last - first, 1));
  },
  confidence: ({ confidence }) => (n) => onRamp(confidence[n]),
  locked: (_, locked) => {
    const free = bytes(DIM);
    return (n) => (locked[n] ? BYTES_OF_TINT.lock : free);
  },
};
export const COLOURINGS = Object.keys(OF_POINT);

/** Colours of all points, Uint8Array of N times three; locked: Uint8Array, which of them are. */
export function coloured(scene, locked, name) {
  const of = OF_POINT[name](scene, locked);
  const rgb = new Uint8Array(3 * locked.length);
  for (let n = 0; n < locked.length; n++) rgb.set(of(n), 3 * n);
  return rgb;
}

/** Mix the colour of what a shape does into that of point n; null dims it. */
export function tint(rgb, n, does) {
  const other = does ? BYTES_OF_TINT[does] : BLACK;
  const share = does ? TINT : 1 - DIMMED;
  for (let c = 0; c < 3; c++) rgb[3 * n + c] += (other[c] - rgb[3 * n + c]) * share;
}

/**
 * What explains a colouring: {background: of its swatch, or none, text}, one a line.
 *
 * painted: {stays, locked}; marksLocks: whether the picture's colours say what is locked.
 */
export function legendOf(scene, painted, name, marksLocks) {
  const { stays, locked } = painted;
  const count = (test) => number(stays.reduce((sum, here, n) => sum + (here && test(n) ? 1 : 0), 0));
  return {
    picture: () => [
      { text: say("The tokens' own colours, by the latent format: close to the picture, not exact.") },
      ...(marksLocks && locked.includes(1) ? [lockedLine(count((n) => locked[n]))] : []),
    ],
    origin: () => originLegend(scene, count),
    age: () => [{ background: GRADIENT, text: spanText(scene) }],
    confidence: () => [{ background: GRADIENT, text: say("Confidence 0 to 1: share of a token's pixels with depth") }],
    locked: () => [
      lockedLine(count((n) => locked[n])),
      { background: DIM, text: say("Not locked: {points}", { points: count((n) => !locked[n]) }) },
    ],
  }[name]();
}

const GRADIENT = `linear-gradient(to right, ${RAMP.join(", ")})`;
export const number = (value) => value.toLocaleString("en");

const lockedLine = (points) => ({ background: TINTS.lock, text: say("Locked, never replaced: {points}", { points }) });

function spanText({ frame }) {
  const [first, last] = ends(frame);
  return say("Latent frames {first} to {last}: the one that wrote the point", { first, last });
}

function originLegend(scene, count) {
  const [first, last] = scene.start;
  const points = count((n) => isStart(scene, n));
  return [
    { background: KNOWN, text: say("Start, latent frames {first} to {last}: {points}", { first, last, points }) },
    { background: CAREFUL, text: say("Written later: {points}", { points: count((n) => !isStart(scene, n)) }) },
    { text: say("Told by the latent frame that wrote a point; whether a model made it is not kept.") },
  ];
}
