/** The fields of the chosen key. */

import { say } from "../words.mjs";
import { described, element } from "./elements.mjs";
import { EASINGS, NARROWEST, WIDEST } from "./keys.mjs";

const WAY_ON = { linear: "even", smooth: "smooth", "start gently": "gentle start", "stop gently": "gentle stop" };

export class Fields {
  /** row: the element to fill; edit(change): does a change of the model as one step for Undo. */
  constructor(row, model, edit) {
    Object.assign(this, { model, edit });
    this.state = element("span", row, { className: "state" });
    element("span", row, { className: "space" });
    this.#makeLens(row);
    this.#makeWay(row);
  }

  #change(changes) {
    this.edit(() => this.model.changeKey(this.model.chosen, changes));
  }

  #makeLens(row) {
    const title = say("Horizontal field of view of the chosen key, degrees");
    const label = element("label", row, { textContent: `${say("Lens")} `, title });
    this.lens = element("input", label, { type: "number", min: NARROWEST, max: WIDEST, step: 1 });
    described(this.lens, say("Lens"), title);
    this.lens.onchange = () => {
      const value = this.lens.value === "" ? null : Math.max(NARROWEST, Math.min(WIDEST, Number(this.lens.value)));
      this.#change({ field_of_view: value });
    };
  }

  #makeWay(row) {
    const title = say("How the camera goes to the next key");
    const label = element("label", row, { textContent: `${say("Way on")} `, title });
    this.easing = described(element("select", label), say("Way on"), title);
    for (const value of EASINGS) element("option", this.easing, { value, textContent: say(WAY_ON[value]) });
    this.easing.onchange = () => this.#change({ easing: this.easing.value });
  }

  refresh() {
    const { key, blank, editable, keys, chosen, ownField } = this.model;
    if (document.activeElement !== this.lens) this.lens.value = blank ? "" : (key.field_of_view ?? "");
    this.lens.placeholder = ownField.toFixed(0);
    this.lens.disabled = !editable;
    this.easing.value = blank ? "" : key.easing;
    this.easing.disabled = !editable || chosen === keys.length - 1;
  }
}
