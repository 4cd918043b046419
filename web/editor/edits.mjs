/** What can be done to the keys of a path; nothing here changes what it is given. */

const POSE = ["position", "pan", "tilt", "roll", "field_of_view", "target"];
export const AT_THE_PICTURE = { position: [0, 0, 0], pan: 0, tilt: 0, roll: 0, target: null };

/** What a key says of the camera, without its time and its way on. */
export const poseOfKey = (key) => Object.fromEntries(POSE.map((name) => [name, key[name]]));

/** The pose seen in a mirror that stands upright along the start camera's view: left and right change places. */
export function mirrored(pose) {
  const over = (place) => place && [-place[0] + 0, place[1], place[2]]; // + 0: no negative zero
  const turned = { pan: -pose.pan + 0, roll: -pose.roll + 0 };
  return { ...pose, ...turned, position: over(pose.position), target: over(pose.target) };
}

/** The path ends as it begins: its last key takes the first one's pose, or a key at the end does. */
export function looped(keys) {
  const last = keys[keys.length - 1];
  const end = { ...last, ...poseOfKey(keys[0]), time: 1 };
  return last.time < 1 || keys.length === 1 ? [...keys, end] : [...keys.slice(0, -1), end];
}

/** Without these keys; one is always left. */
export function without(keys, numbers) {
  const left = keys.filter((_, number) => !numbers.includes(number));
  return left.length ? left : [keys[numbers[0]]];
}
