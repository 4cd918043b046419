/** The moves of the Camera Path node (mirage_core/paths.py) as keys that can be edited. */

const SPIRAL_TURNS = 2;
const THERE_AND_BACK_LOOK = 0.15; // radians: how far the camera looks aside on its way
const DEGREES = 180 / Math.PI;
const MIDDLE = [0, 0, 1]; // of the scene: straight ahead at the median depth

/** By name: amount, as that node offers it; parts: ways between keys; at: the pose at a share s of the move. */
const MOVES = {
  "there and back": {
    amount: 0.3,
    parts: 6,
    back: true,
    at: (s, a) => ({ position: [0.25 * a * s, 0, a * s], pan: THERE_AND_BACK_LOOK * Math.sin(Math.PI * s) * DEGREES }),
  },
  dolly: { amount: 0.3, parts: 1, at: (s, a) => ({ position: [0, 0, a * s] }) },
  truck: { amount: 0.3, parts: 1, at: (s, a) => ({ position: [a * s, 0, 0] }) },
  pedestal: { amount: 0.3, parts: 1, at: (s, a) => ({ position: [0, -a * s, 0] }) },
  pan: { amount: 20, parts: 1, at: (s, a) => ({ pan: a * s }) },
  tilt: { amount: 20, parts: 1, at: (s, a) => ({ tilt: a * s }) },
  orbit: {
    amount: 20,
    parts: 4,
    at: (s, a) => ({ position: [Math.sin((a * s) / DEGREES), 0, 1 - Math.cos((a * s) / DEGREES)], target: MIDDLE }),
  },
  spiral: {
    amount: 0.1,
    parts: 24,
    at: (s, a) => {
      const sweep = SPIRAL_TURNS * 2 * Math.PI * s;
      return { position: [a * s * Math.cos(sweep), a * s * Math.sin(sweep), 0.5 * a * s], target: MIDDLE };
    },
  },
  "figure eight": {
    amount: 0.1,
    parts: 16,
    at: (s, a) => {
      const circle = 2 * Math.PI * s;
      return { position: [a * Math.sin(circle), 0.5 * a * Math.sin(2 * circle), 0], target: MIDDLE };
    },
  },
};
export const PRESETS = Object.keys(MOVES);

/** When a move that sets off and arrives gently is at a share of its way: t of 3 t^2 - 2 t^3. */
const whenAt = (share) => 0.5 - Math.sin(Math.asin(1 - 2 * share) / 3);

/** The keys of a move; amount: median depths, or degrees of pan, tilt and orbit. */
export function presetKeys(name, amount = MOVES[name].amount) {
  const { parts, at, back } = MOVES[name];
  const key = (time, share) => ({
    ...{ position: [0, 0, 0], pan: 0, tilt: 0, roll: 0, target: null, field_of_view: null, easing: "smooth", time },
    ...at(share, amount),
  });
  const shares = Array.from({ length: parts + 1 }, (_, n) => n / parts);
  if (!back) return shares.map((share) => key(whenAt(share), share));
  const out = shares.map((share) => key(whenAt(share) / 2, share));
  return [...out, ...out.slice(0, -1).reverse().map((one) => ({ ...one, time: 1 - one.time }))];
}
