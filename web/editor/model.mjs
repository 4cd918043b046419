/** What the editor edits: keys, which one is chosen, where the playhead is. The text is the widget's value. */

import { anglesOf, keysFromText, pathThrough, roundedKey, textFromKeys } from "./keys.mjs";

const CLOSEST = 1e-4; // between the times of two keys

export class PathModel {
  #text = "";
  #listeners = [];

  constructor() {
    this.keys = keysFromText("");
    this.error = null; // why the text cannot be read; then nothing can be edited
    this.chosen = 0;
    this.time = 0; // of the playhead, 0..1
    this.frames = 2;
    this.ownField = 50; // degrees, of the start camera
    this.at = pathThrough(this.keys, this.ownField);
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
    try {
      this.keys = keysFromText(text);
      this.error = null;
    } catch (error) {
      this.error = error.message;
    }
    this.chosen = Math.min(this.chosen, this.keys.length - 1);
    this.#changed("path");
  }

  get key() {
    return this.keys[this.chosen];
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
    this.chosen = number;
    this.#changed("choice");
  }

  seek(time) {
    this.time = Math.max(0, Math.min(1, time));
    const here = this.keyAtPlayhead;
    if (here >= 0) this.chosen = here;
    this.#changed("playhead");
  }

  /** Put a key with this pose at the playhead; one that stands there takes the pose. */
  addKey(pose) {
    const here = this.keyAtPlayhead;
    if (here >= 0) return this.changeKey(here, { position: pose.position, ...anglesOf(pose.rotation) });
    const before = this.keys.findLastIndex((key) => key.time < this.time);
    const own = { field_of_view: null, easing: "linear" };
    const like = before >= 0 ? { ...own, field_of_view: this.keys[before].field_of_view } : own;
    const key = { ...like, time: this.time, position: pose.position, ...anglesOf(pose.rotation) };
    this.keys.splice(before + 1, 0, roundedKey(key));
    this.chosen = before + 1;
    this.#edited();
  }

  changeKey(number, changes) {
    this.keys[number] = roundedKey({ ...this.keys[number], ...changes });
    this.chosen = number;
    this.#edited();
  }

  /** Give a key another time: a whole frame, between its neighbours. */
  retime(number, time) {
    const step = Math.max(this.frames > 1 ? 1 / (this.frames - 1) : 0, CLOSEST);
    const lowest = number > 0 ? this.keys[number - 1].time + step : 0;
    const highest = number < this.keys.length - 1 ? this.keys[number + 1].time - step : 1;
    if (lowest > highest) return;
    const whole = this.timeOf(time * (this.frames - 1));
    this.time = Math.max(lowest, Math.min(highest, whole));
    this.changeKey(number, { time: this.time });
  }

  deleteKey() {
    if (this.keys.length === 1) return;
    this.keys.splice(this.chosen, 1);
    this.chosen = Math.min(this.chosen, this.keys.length - 1);
    this.#edited();
  }

  #edited() {
    this.#text = textFromKeys(this.keys);
    this.#changed("path");
  }

  /** what: "path", "choice" or "playhead". */
  #changed(what) {
    if (what === "path") this.at = pathThrough(this.keys, this.ownField);
    for (const listener of this.#listeners) listener(what);
  }
}
