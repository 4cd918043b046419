/** What Memory Brush edits: shapes, the chosen one, the tool. Their text is the widget's value. */

import { roundedShape, shapesFromText, textFromShapes } from "./shapes.mjs";

export const TOOLS = ["look", "box", "sphere", "lasso"];

export class ShapesModel {
  #text = "";
  #listeners = [];

  constructor() {
    this.linked = false; // the shapes come through a link: they are shown as they last came, and the text waits
    this.came = ""; // the text of the last run
    this.chosen = -1;
    this.tool = "look";
    this.does = "erase";
    this.held = false; // a gesture goes on: what it erases is still shown
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

  get editable() {
    return !this.error && !this.linked;
  }

  get shape() {
    return this.shapes[this.chosen];
  }

  /** What a panel made anew takes over beside the text. */
  get look() {
    const { chosen, tool, does } = this;
    return { chosen, tool, does };
  }

  set look({ chosen, tool, does }) {
    Object.assign(this, { tool, does });
    this.choose(chosen);
  }

  setTool(tool) {
    this.tool = tool;
    this.#changed("tool");
  }

  /** What the next shape does; the chosen one does it, too. */
  setDoes(does) {
    this.does = does;
    this.#changed("tool");
  }

  /** -1: none. Undo empties the shapes before it fills them again, so a number beyond them is kept. */
  choose(number) {
    this.chosen = number;
    this.#changed("choice");
  }

  hold(held) {
    this.held = held;
    this.#changed("shapes");
  }

  /** Put a shape behind the others, and choose it. */
  add(shape) {
    if (!this.editable) return;
    this.shapes.push(roundedShape(shape));
    this.chosen = this.shapes.length - 1;
    this.#edited();
  }

  /** Change some values of a shape; undefined takes a value away. */
  change(number, changes) {
    if (!this.editable || !this.shapes[number]) return;
    this.shapes[number] = roundedShape({ ...this.shapes[number], ...changes });
    this.#edited();
  }

  remove(number) {
    if (!this.editable || !this.shapes[number]) return;
    this.shapes.splice(number, 1);
    this.chosen = Math.min(this.chosen, this.shapes.length - 1);
    this.#edited();
  }

  #read() {
    this.shapes = [];
    this.error = null; // why the text cannot be read
    try {
      this.shapes = shapesFromText(this.linked ? this.came : this.#text);
    } catch (error) {
      this.error = error.message;
    }
    this.#changed("shapes");
  }

  #edited() {
    this.#text = textFromShapes(this.shapes);
    this.#changed("shapes");
  }

  /** what: "shapes", "choice" or "tool". */
  #changed(what) {
    for (const listener of this.#listeners) listener(what);
  }
}
