/** What the editor edits: a path, and all that can be done to its keys. The text is the widget's value. */

import { AT_THE_PICTURE, looped, mirrored, poseOfKey, without } from "./edits.mjs";
import { anglesOf, poseOf, roundedKey } from "./keys.mjs";
import { CLOSEST, PathState } from "./path_state.mjs";
import { rotated } from "./spline.mjs";
import { movedTimes, stretchedTimes } from "./times.mjs";

let copied = null; // a pose that can be put on any key of any editor

export class PathModel extends PathState {
  /** Whether a key cannot leave its pose and its time: the first one, locked to the picture. */
  holds(number) {
    return this.startLocked && number === 0;
  }

  get hasCopy() {
    return copied !== null;
  }

  /** Put a key with this pose, {position, rotation, target or none}, at the playhead; one there takes the pose. */
  addKey(pose) {
    if (!this.editable) return;
    const here = this.keyAtPlayhead;
    const { position, rotation, target = null } = pose;
    if (here >= 0) return this.changeKey(here, { position, ...anglesOf(rotation), target });
    const before = this.keys.findLastIndex((key) => key.time < this.time);
    const { field_of_view = null, easing } = this.keys[before] ?? {};
    const way = easing === "smooth" ? easing : "linear"; // a gentle start or stop is there once
    const key = { field_of_view, easing: way, time: this.time, position, ...anglesOf(rotation), target };
    this.keys.splice(before + 1, 0, roundedKey(key));
    this.turnToOnly(before + 1);
    this.edited();
  }

  /** Where the chosen key looks, a median depth ahead of it. */
  get ahead() {
    const { position, rotation } = poseOf(this.key);
    return rotated(rotation, [0, 0, 1]).map((value, n) => value + position[n]);
  }

  /** Let the chosen key look at a place, or, with null, as it looks now. */
  lookAt(target) {
    this.changeKey(this.chosen, { target });
  }

  lookAtFromAll(target) {
    if (!this.editable) return;
    this.keys = this.keys.map((key, number) => (this.holds(number) ? key : roundedKey({ ...key, target })));
    this.edited();
  }

  /** Change a key; of one that is held only the lens and the way on. */
  changeKey(number, changes) {
    if (!this.editable) return;
    // a key that is turned by hand lets go of its target
    const turned = ("pan" in changes || "tilt" in changes) && !("target" in changes) ? { target: null } : {};
    const held = this.holds(number) ? { ...AT_THE_PICTURE, time: 0 } : {};
    this.keys[number] = roundedKey({ ...this.keys[number], ...changes, ...turned, ...held });
    this.turnTo(number);
    this.edited();
  }

  /** Lock the first key to the picture, where it is put, or let it go. */
  lockStart(locked) {
    if (!this.editable) return;
    this.startLocked = locked;
    if (locked) this.keys[0] = roundedKey({ ...this.keys[0], ...AT_THE_PICTURE, time: 0 });
    this.edited();
  }

  /** Whether the time of a key follows from the lengths of the ways beside it. */
  paces(number) {
    return this.constantSpeed && number > 0 && number < this.keys.length - 1;
  }

  /** Go at one speed through all keys, or by the times and the ways on of each. */
  setConstantSpeed(constant) {
    if (!this.editable) return;
    this.constantSpeed = constant;
    this.edited();
  }

  copyPose() {
    if (!this.blank) copied = poseOfKey(this.key);
    this.changed("choice");
  }

  pastePose() {
    if (copied) this.changeKey(this.chosen, copied);
  }

  mirrorPose() {
    if (!this.editable) return;
    const chosen = this.selected.filter((number) => !this.holds(number));
    this.keys = this.keys.map((key, number) => (chosen.includes(number) ? roundedKey(mirrored(key)) : key));
    this.edited();
  }

  /** Put other keys in the place of all. */
  replaceKeys(keys) {
    if (!this.editable) return;
    this.keys = keys.map(roundedKey);
    this.turnToOnly(0);
    this.edited();
  }

  /** Put keys, each at its own time, in the place of all from a video frame on; a locked start stays. */
  replaceFrom(frame, keys) {
    if (!this.editable) return;
    const early = (key) => key.time * (this.frames - 1) < frame - 0.5;
    const kept = this.keys.filter((key, number) => early(key) || this.holds(number));
    const after = kept.length ? kept[kept.length - 1].time : -1;
    this.keys = [...kept, ...keys.filter((key) => key.time > after)].map(roundedKey);
    this.constantSpeed = false; // the times are those of the flight
    this.turnToOnly(Math.min(kept.length, this.keys.length - 1));
    this.edited();
  }

  /** Take the keys that were fitted to the input cameras. */
  takeOffer() {
    if (this.editable && this.offer) this.text = this.offer;
  }

  /** Let the path end where it begins. */
  loop() {
    if (!this.editable) return;
    this.keys = looped(this.keys);
    this.edited();
  }

  /**
   * Give keys other times, as one of them is dragged to a time.
   *
   * how: "move" (all that are chosen), "insert" (it and all after it), "stretch" (the whole path).
   * before: the times when the drag began.
   */
  retime(number, time, how = "move", before = this.times) {
    if (!this.editable || this.holds(number) || this.paces(number)) return;
    const place = (lowest, highest) => this.nearest(time, lowest, highest);
    const chosen = this.selected.includes(number) ? this.selected : [number];
    const moves = (n) => !this.holds(n) && (how === "insert" ? n >= number : chosen.includes(n));
    const moving = this.keys.map((_, n) => n).filter(moves);
    const stretched = how === "stretch";
    const times = stretched
      ? stretchedTimes(before, number, this.#apart, place)
      : movedTimes(before, moving, number, this.#apart, place);
    if (times) this.setTimes(times, number);
  }

  /** Give all keys new times, on whole video frames where these leave room, and go to one of them. */
  setTimes(times, number = this.chosen) {
    if (!this.editable) return;
    const whole = times.map((time) => this.timeOf(time * (this.frames - 1)));
    const room = whole.every((time, n) => n === 0 || time > whole[n - 1]);
    this.keys = this.keys.map((key, n) => roundedKey({ ...key, time: room ? whole[n] : times[n] }));
    this.turnTo(number);
    this.time = this.keys[number].time;
    this.edited();
  }

  get times() {
    return this.keys.map((key) => key.time);
  }

  get #apart() {
    return Math.max(this.frames > 1 ? 1 / (this.frames - 1) : 0, CLOSEST);
  }

  deleteKeys() {
    const chosen = this.selected.filter((number) => !this.holds(number));
    if (!this.editable || !chosen.length) return;
    this.keys = without(this.keys, chosen);
    this.turnToOnly(Math.min(chosen[0], this.keys.length - 1));
    this.edited();
  }
}
