/** The path's text, over the view: read, edited by hand, applied. */

import { say } from "../words.mjs";
import { button, described, element } from "./elements.mjs";
import { pathFromText, textFromPath } from "./keys.mjs";

export class TextPanel {
  /** view: the element that it lies on; edit(change): does a change of the model as one step for Undo. */
  constructor(view, model, edit) {
    Object.assign(this, { model, edit, dirty: false });
    this.box = element("div", view, { className: "list text", hidden: true });
    this.area = element("textarea", this.box, { spellcheck: false });
    described(this.area, say("Text of the path"), say("The path as JSON, as it is kept in the workflow"));
    this.area.oninput = () => {
      this.dirty = true;
      this.refresh();
    };
    this.said = element("div", this.box, { className: "said" });
    this.said.setAttribute("role", "status");
    const row = element("div", this.box, { className: "row" });
    this.applyButton = button(row, say("Apply"), say("Take this text as the path"), () => this.#apply());
    this.resetButton = button(row, say("Reset"), say("Bring back the text of the path as it is"), () => this.#reset());
    button(row, say("Close"), say("Close the text; what was not applied is dropped"), () => this.toggle(false));
  }

  get open() {
    return !this.box.hidden;
  }

  toggle(open = !this.open) {
    this.box.hidden = !open;
    this.#reset();
  }

  #reset() {
    this.dirty = false;
    this.refresh();
  }

  #apply() {
    this.edit(() => (this.model.text = this.area.value));
    this.#reset();
  }

  /** The text as it is, or, through a link, as it last came; of a path that was never edited, what it means. */
  get #text() {
    const { model } = this;
    if (model.linked) return model.came?.path ?? "";
    return model.text === "" ? textFromPath(model) : `${model.text}`;
  }

  /** What is wrong with the text in the panel; "": nothing. */
  get #fault() {
    try {
      pathFromText(this.area.value);
      return "";
    } catch (error) {
      return error.message;
    }
  }

  refresh() {
    if (!this.open) return;
    if (!this.dirty) this.area.value = this.#text;
    this.area.readOnly = this.model.linked;
    const fault = this.#fault;
    this.said.textContent = fault;
    this.applyButton.disabled = !this.dirty || fault !== "";
    this.resetButton.disabled = !this.dirty;
  }
}
