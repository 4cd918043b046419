/** The list of keys, over the view. */

import { element } from "./elements.mjs";
import { BRUSH_KEYS, KEYS } from "./wording.mjs";

export class KeyHelp {
  /** root: the element to lie over; brush: whether Memory Brush's keys are listed, too. */
  constructor(root, brush) {
    this.box = element("div", root, { className: "help", hidden: true });
    for (const [key, what] of brush ? [...KEYS, ...BRUSH_KEYS] : KEYS) {
      element("b", this.box, { textContent: key });
      element("div", this.box, { textContent: what() });
    }
  }

  get open() {
    return !this.box.hidden;
  }

  toggle() {
    this.box.hidden = !this.box.hidden;
  }
}
