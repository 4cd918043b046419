/** Buttons for what can be done to the poses of a path. */

import { say } from "../words.mjs";
import { button } from "./elements.mjs";

export class Tools {
  /** row: the element to fill; edit(change): does a change of the model as one step for Undo. */
  constructor(row, model, edit) {
    this.model = model;
    const tool = (name, title, change) => button(row, name, title, () => edit(change));
    const copy = say("Copy the chosen key's pose and lens");
    this.copyButton = button(row, say("Copy pose"), copy, () => model.copyPose());
    this.pasteButton = tool(say("Paste pose"), say("Give the chosen key the copied pose and lens"), () => model.pastePose());
    const mirror = say("Mirror the chosen key, left to right, about the start camera");
    this.mirrorButton = tool(say("Mirror"), mirror, () => model.mirrorPose());
    const loop = say("End where the path begins: the last key takes the first one's pose and lens");
    this.loopButton = tool(say("Loop"), loop, () => model.loop());
    const lock = say("Keep the first key at the picture's camera and at the first video frame");
    this.lockButton = tool(say("Lock start"), lock, () => model.lockStart(!model.startLocked));
  }

  refresh() {
    const { model } = this;
    const fixed = !model.editable || model.holds(model.chosen);
    this.copyButton.disabled = model.blank;
    this.pasteButton.disabled = fixed || !model.hasCopy;
    this.mirrorButton.disabled = fixed;
    this.loopButton.disabled = !model.editable;
    this.lockButton.disabled = !model.editable;
    this.lockButton.classList.toggle("on", model.startLocked && !model.blank);
    this.lockButton.ariaPressed = `${model.startLocked}`;
  }
}
