/** One number of the chosen key. */

import { described, element } from "./elements.mjs";

export const shown = (value, decimals) => `${Number(value.toFixed(decimals))}`;

/** A number of a key: Enter, or leaving the field, takes what was typed; Escape brings back what was there. */
export class NumberField {
  /**
   * options: {name, label, title, read(key): text, write(number or null, key): its changes, unit,
   * ofPose: whether a key that is held keeps it}.
   */
  constructor(parent, model, edit, options) {
    Object.assign(this, { model, edit, ...options });
    this.typing = null; // number of the key that is typed for
    const label = element("label", parent, { textContent: `${options.name} `, title: options.title });
    this.input = element("input", label, { type: "number", step: "any" });
    described(this.input, options.label ?? options.name, options.title);
    if (options.unit) label.append(` ${options.unit}`);
    this.input.oninput = () => (this.typing ??= model.chosen);
    this.input.onchange = () => this.#take();
    this.input.onkeydown = ({ key }) => {
      if (key === "Enter") this.#take();
      if (key === "Escape") this.#restore();
    };
  }

  #take() {
    const number = this.typing;
    this.typing = null;
    if (number === null || number >= this.model.keys.length || !this.input.validity.valid) return this.refresh();
    const value = this.input.value === "" ? null : Number(this.input.value);
    const changes = this.write(value, this.model.keys[number]);
    if (changes) this.edit(() => this.model.changeKey(number, changes));
    this.refresh();
  }

  #restore() {
    this.typing = null;
    this.refresh();
  }

  refresh() {
    const { model } = this;
    this.input.disabled = !model.editable || (this.ofPose && model.holds(model.chosen));
    if (this.typing === null) this.input.value = model.blank ? "" : this.read(model.key);
  }
}
