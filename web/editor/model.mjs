/** What the editor edits: keys, which one is chosen, where the playhead is. The text is the widget's value. */

import { AT_THE_PICTURE, looped, mirrored, poseOfKey, without } from "./edits.mjs";
import { anglesOf, pathFromText, pathThrough, roundedKey, textFromPath } from "./keys.mjs";

const CLOSEST = 1e-4; // between the times of two keys
let copied = null; // a pose that can be put on any key of any editor

export class PathModel {
  #text = "";
  #choice = 0;
  #listeners = [];

  constructor() {
    this.linked = false; // the path comes through a link: it is shown as it last came, and the text waits
    this.came = null; // what came in the last run: {path, frames, linked: which of them through a link}
    this.time = 0; // of the playhead, 0..1
    this.frames = 2;
    this.ownField = 50; // degrees, of the start camera
    this.#read();
  }

  onChange(listener) {
    this.#listeners.push(listener);
  }

  get text() {
    return this.#text;
  }

  /** Take a value of the widget as it is; an unreadable one is kept, and shown as an error. */
  set text(text) {
    this.#text = text;
    this.#read();
  }

  setLinked(linked) {
    if (linked === this.linked) return;
    this.linked = linked;
    this.#read();
  }

  setCame(came) {
    this.came = came;
    if (this.linked) this.#read();
  }

  /** Begin anew instead of a text that cannot be read. */
  startAnew() {
    this.text = textFromPath(pathFromText(""));
  }

  /** Whether there is no path to show: it cannot be read, or has not come yet. The keys are then those of no text. */
  get blank() {
    return Boolean(this.error) || (this.linked && !this.came?.linked.includes("path"));
  }

  get editable() {
    return !this.blank && !this.linked;
  }

  /** Which key is chosen. A shorter path does not forget it: undo empties the path before it fills it again. */
  get chosen() {
    return Math.min(this.#choice, this.keys.length - 1);
  }

  get key() {
    return this.keys[this.chosen];
  }

  /** Whether a key cannot leave its pose and its time: the first one, locked to the picture. */
  holds(number) {
    return this.startLocked && number === 0;
  }

  get hasCopy() {
    return copied !== null;
  }

  /** What an editor made anew takes over beside the text. */
  get look() {
    return { choice: this.#choice, time: this.time };
  }

  set look({ choice, time }) {
    this.#choice = choice;
    this.time = time;
    this.#changed("playhead");
  }

  /** The key that the playhead stands on, or -1. */
  get keyAtPlayhead() {
    return this.keys.findIndex((key) => Math.abs(key.time - this.time) * Math.max(this.frames - 1, 1) < 0.5);
  }

  get camera() {
    return this.at(this.time);
  }

  frameOf(time) {
    return Math.round(time * (this.frames - 1));
  }

  timeOf(frame) {
    return this.frames > 1 ? Math.max(0, Math.min(1, Math.round(frame) / (this.frames - 1))) : 0;
  }

  setLength(frames) {
    if (frames === this.frames || !(frames >= 1)) return;
    this.frames = frames;
    this.#changed("path");
  }

  setOwnField(degrees) {
    this.ownField = degrees;
    this.#changed("path");
  }

  choose(number) {
    this.#choice = number;
    this.#changed("choice");
  }

  seek(time) {
    this.time = Math.max(0, Math.min(1, time));
    const here = this.keyAtPlayhead;
    if (here >= 0) this.#choice = here;
    this.#changed("playhead");
  }

  /** Put a key with this pose at the playhead; one that stands there takes the pose. */
  addKey(pose) {
    if (!this.editable) return;
    const here = this.keyAtPlayhead;
    if (here >= 0) return this.changeKey(here, { position: pose.position, ...anglesOf(pose.rotation) });
    const before = this.keys.findLastIndex((key) => key.time < this.time);
    const { field_of_view = null, easing } = this.keys[before] ?? {};
    const way = easing === "smooth" ? easing : "linear"; // a gentle start or stop is there once
    const key = { field_of_view, easing: way, time: this.time, position: pose.position, ...anglesOf(pose.rotation) };
    this.keys.splice(before + 1, 0, roundedKey(key));
    this.#choice = before + 1;
    this.#edited();
  }

  /** Change a key; of one that is held only the lens and the way on. */
  changeKey(number, changes) {
    if (!this.editable) return;
    const held = this.holds(number) ? { ...AT_THE_PICTURE, time: 0 } : {};
    this.keys[number] = roundedKey({ ...this.keys[number], ...changes, ...held });
    this.#choice = number;
    this.#edited();
  }

  /** Lock the first key to the picture, where it is put, or let it go. */
  lockStart(locked) {
    if (!this.editable) return;
    this.startLocked = locked;
    this.changeKey(0, {});
  }

  copyPose() {
    if (!this.blank) copied = poseOfKey(this.key);
    this.#changed("choice");
  }

  pastePose() {
    if (copied) this.changeKey(this.chosen, copied);
  }

  mirrorPose() {
    this.changeKey(this.chosen, mirrored(this.key));
  }

  /** Let the path end where it begins. */
  loop() {
    if (!this.editable) return;
    this.keys = looped(this.keys);
    this.#edited();
  }

  /** Give a key another time: a whole frame, between its neighbours. */
  retime(number, time) {
    if (!this.editable || this.holds(number)) return;
    const step = Math.max(this.frames > 1 ? 1 / (this.frames - 1) : 0, CLOSEST);
    const lowest = number > 0 ? this.keys[number - 1].time + step : 0;
    const highest = number < this.keys.length - 1 ? this.keys[number + 1].time - step : 1;
    if (lowest > highest) return;
    const whole = this.timeOf(time * (this.frames - 1));
    this.time = Math.max(lowest, Math.min(highest, whole));
    this.changeKey(number, { time: this.time });
  }

  deleteKey() {
    if (!this.editable || this.holds(this.chosen)) return;
    this.keys = without(this.keys, [this.chosen]);
    this.#choice = this.chosen;
    this.#edited();
  }

  #read() {
    this.#take(pathFromText(""));
    this.error = null; // why the text cannot be read
    try {
      if (!this.linked) this.#take(pathFromText(this.#text));
      else if (!this.blank) this.#take(pathFromText(this.came.path));
    } catch (error) {
      this.error = error.message;
    }
    this.#changed("path");
  }

  #take({ keys, startLocked }) {
    Object.assign(this, { keys, startLocked });
  }

  #edited() {
    this.#text = textFromPath(this);
    this.#changed("path");
  }

  /** what: "path", "choice" or "playhead". */
  #changed(what) {
    if (what === "path") this.at = pathThrough(this.keys, this.ownField);
    for (const listener of this.#listeners) listener(what);
  }
}
