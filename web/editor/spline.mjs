/**
 * Poses along a smooth curve: the same as mirage_core/splines.py.
 *
 * A pose is {position: [x, y, z], rotation: [w, x, y, z]}, OpenCV axes (x right, y down, z forward).
 */

const LONGEST_TANGENT = 2; // of the shorter neighbouring segment

export const add = (a, b) => a.map((value, n) => value + b[n]);
export const scaled = (a, factor) => a.map((value) => value * factor);
export const length = (a) => Math.hypot(...a);
const difference = (a, b) => a.map((value, n) => value - b[n]);

export function multiply([aw, ax, ay, az], [bw, bx, by, bz]) {
  return [
    aw * bw - ax * bx - ay * by - az * bz,
    aw * bx + ax * bw + ay * bz - az * by,
    aw * by - ax * bz + ay * bw + az * bx,
    aw * bz + ax * by - ay * bx + az * bw,
  ];
}

export const inverse = ([w, x, y, z]) => [w, -x, -y, -z];

/** Rotate a vector by a unit quaternion. */
export function rotated(q, [x, y, z]) {
  return multiply(multiply(q, [0, x, y, z]), inverse(q)).slice(1);
}

/** The quaternion of a rotation vector, radians. */
export function exp(turn) {
  const angle = length(turn);
  const factor = angle < 1e-12 ? 0.5 : Math.sin(angle / 2) / angle;
  return [Math.cos(angle / 2), ...scaled(turn, factor)];
}

/** The shortest rotation vector of a unit quaternion, radians. */
export function log(q) {
  const [w, ...v] = q[0] < 0 ? scaled(q, -1) : q;
  const size = length(v);
  return scaled(v, size < 1e-12 ? 2 : (2 * Math.atan2(size, w)) / size);
}

const slerp = (a, b, u) => multiply(a, exp(scaled(log(multiply(inverse(a), b)), u)));
const lerp = (a, b, u) => a.map((value, n) => value + (b[n] - value) * u);

function tangents(steps) {
  const inner = steps.slice(1).map((after, n) => {
    const mean = scaled(add(steps[n], after), 0.5);
    const longest = LONGEST_TANGENT * Math.min(length(steps[n]), length(after));
    return length(mean) > longest ? scaled(mean, longest / length(mean)) : mean;
  });
  const end = (step, next) => (next ? scaled(difference(scaled(step, 3), next), 0.5) : step);
  return [end(steps[0], inner[0]), ...inner, end(steps[steps.length - 1], inner[inner.length - 1])];
}

function deCasteljau(values, between, u) {
  let left = values;
  while (left.length > 1) left = left.slice(1).map((value, n) => between(left[n], value, u));
  return left[0];
}

/** Return the function from a fractional pose number to the pose there. */
export function poseSpline(poses) {
  if (poses.length === 1) return () => poses[0];
  const pairs = poses.slice(1).map((pose, n) => [poses[n], pose]);
  const steps = tangents(pairs.map(([a, b]) => difference(b.position, a.position))).map((t) => scaled(t, 1 / 3));
  const spins = tangents(pairs.map(([a, b]) => log(multiply(inverse(a.rotation), b.rotation))));
  const turns = spins.map((spin) => [exp(scaled(spin, 1 / 3)), exp(scaled(spin, -1 / 3))]);
  return (time) => {
    const n = Math.min(Math.floor(time), poses.length - 2);
    const [a, b] = pairs[n];
    const places = [a.position, add(a.position, steps[n]), difference(b.position, steps[n + 1]), b.position];
    const looks = [a.rotation, multiply(a.rotation, turns[n][0]), multiply(b.rotation, turns[n + 1][1]), b.rotation];
    return { position: deCasteljau(places, lerp, time - n), rotation: deCasteljau(looks, slerp, time - n) };
  };
}
