/** The shapes of Memory Brush, a row each: name, what it does, whether it is on, and a button that deletes it. */

import { say } from "../words.mjs";
import { TINTS } from "./colourings.mjs";
import { button, choice, element } from "./elements.mjs";
import { DOES } from "./shapes.mjs";
import { DOES_WORDS } from "./wording.mjs";

const NAMES = {
  box: (number) => say("Box {number}", { number }),
  sphere: (number) => say("Sphere {number}", { number }),
  lasso: (number) => say("Lasso {number}", { number }),
};

export class ShapeList {
  /** root: the element to fill; edited: called once after every change. */
  constructor(root, model, edited) {
    Object.assign(this, { root, model, edited });
    model.onChange((what) => what !== "tool" && this.refresh());
    this.refresh();
  }

  refresh() {
    const { model, root } = this;
    const { shapes, editable } = model;
    if (JSON.stringify(shapes) + editable !== this.drawn) {
      this.drawn = JSON.stringify(shapes) + editable;
      root.replaceChildren();
      this.rows = shapes.map((shape, number) => this.#row(shape, number));
    }
    this.rows.forEach((row, number) => row.classList.toggle("on", number === model.chosen));
  }

  #row(shape, number) {
    const { model } = this;
    const row = element("div", this.root, { className: `row ${shape.off ? "off" : ""}` });
    row.addEventListener("pointerdown", () => model.choose(number));
    const edit = (changes) => {
      model.change(number, changes);
      this.edited();
    };
    element("i", row).style.background = TINTS[shape.does];
    const title = say("The shape's name");
    const name = element("input", row, { className: "name", value: shape.name ?? "", title, ariaLabel: title });
    name.placeholder = NAMES[shape.kind](number + 1);
    name.onchange = () => edit({ name: name.value.trim() || undefined });
    if (shape.kind === "lasso") this.#depths(row, shape, edit);
    const does = choice(row, DOES, DOES_WORDS, say("What becomes of the points"), (value) => edit({ does: value }));
    does.value = shape.does;
    const eye = shape.off ? say("Switch this shape on") : say("Switch this shape off; it stays in the list");
    button(row, shape.off ? "○" : "●", eye, () => edit({ off: shape.off ? undefined : true })).className = "eye";
    button(row, "✕", say("Delete this shape"), () => {
      model.remove(number);
      this.edited();
    }).className = "delete";
    for (const one of row.querySelectorAll("input, select, button")) one.disabled = !model.editable;
    return row;
  }

  /** Where a lasso begins and ends. */
  #depths(row, shape, edit) {
    const fields = {
      near: [say("from"), say("It begins this far from its camera, scene units")],
      far: [say("to"), say("It ends this far from its camera, scene units; empty for no end")],
    };
    for (const [name, [word, title]] of Object.entries(fields)) {
      const label = element("label", row, { textContent: `${word} `, title });
      const field = element("input", label, { type: "number", min: 0, step: "any", className: name, ariaLabel: title });
      field.value = shape[name] ?? "";
      field.onchange = () => {
        const value = field.value === "" ? undefined : Math.max(0, Number(field.value));
        const { near = 0, far } = { ...shape, [name]: value };
        if ((far ?? Infinity) < near) field.value = shape[name] ?? ""; // nothing would lie between
        else edit({ [name]: value });
      };
    }
  }
}
