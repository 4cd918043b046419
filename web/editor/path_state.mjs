/** A path as the editor has it: its text and its keys, which of them are chosen, and where the playhead is. */

import { standsAt } from "./coverage.mjs";
import { pacedKeys, pathFromText, pathThrough, textFromPath } from "./keys.mjs";

export const CLOSEST = 1e-4; // between the times of two keys

export class PathState {
  #text = "";
  #choice = 0;
  #others = new Set(); // keys that are chosen beside this one
  #listeners = [];

  constructor() {
    this.linked = false; // the path comes through a link: it is shown as it last came, and the text waits
    this.came = null; // what came in the last run: {path, frames, linked: which of them through a link}
    this.offer = null; // text of the keys that were fitted to the input cameras in the last run
    this.time = 0; // of the playhead, 0..1
    this.frames = 2;
    this.timing = null; // of the memory's latent frames: {stride, clip}
    this.snap = false; // dragged keys go to the video frames that latent frames stand at
    this.ownField = 50; // degrees, of the start camera
    this.read();
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
    this.read();
  }

  setLinked(linked) {
    if (linked === this.linked) return;
    this.linked = linked;
    this.read();
  }

  setCame(came) {
    this.came = came;
    if (this.linked) this.read();
  }

  setOffer(text) {
    this.offer = text;
    this.changed("choice");
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

  /** Numbers of all chosen keys, growing. */
  get selected() {
    return this.keys.map((_, number) => number).filter((number) => number === this.chosen || this.#others.has(number));
  }

  get key() {
    return this.keys[this.chosen];
  }

  /** What an editor made anew takes over beside the text. */
  get look() {
    return { choice: this.#choice, others: [...this.#others], time: this.time, snap: this.snap };
  }

  set look({ choice, others, time, snap }) {
    Object.assign(this, { time, snap });
    this.#choice = choice;
    this.#others = new Set(others);
    this.changed("playhead");
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
    this.changed("path");
  }

  setOwnField(degrees) {
    this.ownField = degrees;
    this.changed("path");
  }

  /** Choose a key; with `more` beside those that are chosen, or no longer. */
  choose(number, more = false) {
    const chosen = more ? this.selected.filter((one) => one !== number) : [];
    const taken = !more || !this.selected.includes(number) || !chosen.length;
    this.#choice = taken ? number : chosen[0];
    this.#others = new Set(chosen);
    this.changed("choice");
  }

  /** Choose the keys between two times, if there are any. */
  chooseBetween(from, to) {
    const inside = this.keys.flatMap(({ time }, number) => (time >= from && time <= to ? [number] : []));
    if (!inside.length) return;
    this.#choice = inside[0];
    this.#others = new Set(inside);
    this.changed("choice");
  }

  setTiming(timing) {
    this.timing = timing;
    this.changed("choice");
  }

  setSnap(snap) {
    this.snap = snap;
    this.changed("choice");
  }

  /** The video frames that latent frames stand at, where keys snap to them; else null. */
  get stands() {
    return this.snap && this.timing ? standsAt(this.timing, this.frames) : null;
  }

  /** The nearest time that a key may be dragged to, or null. */
  nearest(time, lowest = 0, highest = 1) {
    const slack = 1e-6; // of times that the text rounds
    const whole = this.timeOf(time * (this.frames - 1));
    if (lowest > highest + slack) return null;
    if (!this.stands) return Math.max(lowest, Math.min(highest, whole));
    const all = this.stands.map((frame) => this.timeOf(frame));
    const inside = all.filter((at) => at >= lowest - slack && at <= highest + slack);
    const away = inside.map((at) => Math.abs(at - time));
    return inside.length ? inside[away.indexOf(Math.min(...away))] : null;
  }

  seek(time) {
    this.time = Math.max(0, Math.min(1, time));
    const here = this.keyAtPlayhead;
    if (here >= 0) this.turnTo(here);
    this.changed("playhead");
  }

  // for those who change the keys, and for seek

  /** Make a key the chosen one; those that are chosen together with it stay so. */
  turnTo(number) {
    if (!this.selected.includes(number)) this.#others.clear();
    this.#choice = number;
  }

  /** Make a key the only chosen one. */
  turnToOnly(number) {
    this.#others.clear();
    this.#choice = number;
  }

  read() {
    this.take(pathFromText(""));
    this.error = null; // why the text cannot be read
    try {
      if (!this.linked) this.take(pathFromText(this.#text));
      else if (!this.blank) this.take(pathFromText(this.came.path));
    } catch (error) {
      this.error = error.message;
    }
    this.changed("path");
  }

  take({ keys, startLocked, constantSpeed }) {
    Object.assign(this, { keys, startLocked, constantSpeed });
  }

  edited() {
    if (this.constantSpeed) this.keys = pacedKeys(this.keys, CLOSEST);
    this.#text = textFromPath(this);
    this.changed("path");
  }

  /** what: "path", "choice" or "playhead". */
  changed(what) {
    if (what === "path") this.at = pathThrough(this.keys, this.ownField, this.constantSpeed);
    for (const listener of this.#listeners) listener(what);
  }
}
