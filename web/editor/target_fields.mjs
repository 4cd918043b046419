/** What the chosen key looks at. */

import { say } from "../words.mjs";
import { button, element } from "./elements.mjs";
import { NumberField, shown } from "./number_field.mjs";

export class TargetFields {
  /** row: the element to fill; edit(change): does a change of the model as one step for Undo. */
  constructor(row, model, edit) {
    this.model = model;
    const title = say("Let the chosen key look at a point, wherever it is; at first the one straight ahead of it");
    const toggle = () => model.lookAt(model.key.target ? null : model.ahead);
    this.button = button(row, say("Look at"), title, () => edit(toggle));
    this.place = element("span", row, { className: "row" });
    const titles = [
      say("What the chosen key looks at, to the right of the start camera; 1 is the scene's median depth"),
      say("What the chosen key looks at, below the start camera; 1 is the scene's median depth"),
      say("What the chosen key looks at, in front of the start camera; 1 is the scene's median depth"),
    ];
    this.numbers = titles.map((hint, axis) => {
      const read = ({ target }) => (target ? shown(target[axis], 5) : "");
      const write = (value, { target }) => {
        if (value === null || !target) return null;
        return { target: target.map((old, n) => (n === axis ? value : old)) };
      };
      const name = "XYZ"[axis];
      const label = say("Look at {axis}", { axis: name });
      return new NumberField(this.place, model, edit, { name, label, title: hint, read, write, ofPose: true });
    });
    const all = say("Let every key look at this point");
    button(this.place, say("All keys"), all, () => edit(() => model.lookAtFromAll(model.key.target)));
  }

  refresh() {
    const { model } = this;
    const aims = !model.blank && Boolean(model.key.target);
    this.button.disabled = !model.editable || model.holds(model.chosen);
    this.button.classList.toggle("on", aims);
    this.button.ariaPressed = `${aims}`;
    this.place.hidden = !aims;
    for (const field of this.numbers) field.refresh();
    this.place.querySelector("button").disabled = !model.editable;
  }
}
