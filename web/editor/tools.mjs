/** Buttons for what can be done to the poses of a path. */

import { say } from "../words.mjs";
import { button, menu } from "./elements.mjs";
import { PRESETS, presetKeys } from "./presets.mjs";
import { evenTimes, fillingTimes } from "./times.mjs";

export class Tools {
  /** row: the element to fill; edit(change): does a change of the model as one step for Undo. */
  constructor(row, model, edit) {
    this.model = model;
    const tool = (name, title, change) => button(row, name, title, () => edit(change));
    const copy = say("Copy the chosen key's pose and lens");
    this.copyButton = button(row, say("Copy pose"), copy, () => model.copyPose());
    const paste = say("Give the chosen key the copied pose and lens");
    this.pasteButton = tool(say("Paste pose"), paste, () => model.pastePose());
    const mirror = say("Mirror the chosen key, left to right, about the start camera");
    this.mirrorButton = tool(say("Mirror"), mirror, () => model.mirrorPose());
    const loop = say("End where the path begins: the last key takes the first one's pose and lens");
    this.loopButton = tool(say("Loop"), loop, () => model.loop());
    const lock = say("Keep the first key at the picture's camera and at the first video frame");
    this.lockButton = tool(say("Lock start"), lock, () => model.lockStart(!model.startLocked));
    this.#makeTiming(row, edit);
    this.#makeWhole(row, edit);
  }

  /** Other keys in the place of all. */
  #makeWhole(row, edit) {
    const { model } = this;
    const preset = (name) => [say(name), () => edit(() => model.replaceKeys(presetKeys(name)))];
    const moves = say("Put the keys of a move of the Camera Path node in place of all keys");
    this.presetMenu = menu(row, say("Presets"), moves, Object.fromEntries(PRESETS.map(preset)));
    const take = say("Put keys along the path of the input cameras, as it came in the last run, in place of all keys");
    this.takeButton = button(row, say("Take as keys"), take, () => edit(() => model.takeOffer()));
  }

  #makeTiming(row, edit) {
    const { model } = this;
    const title = say("Other times for all keys");
    const retimed = (times) => () => edit(() => model.setTimes(times(model.times)));
    this.retimeMenu = menu(row, say("Retime"), title, {
      [say("Spread the keys evenly")]: retimed(evenTimes),
      [say("Fill all video frames")]: retimed(fillingTimes),
      [say("Choose all keys")]: () => model.chooseBetween(0, 1),
    });
    const snap = say("Dragged keys go to the video frames that latent frames stand at; a shown memory tells which");
    this.snapButton = button(row, say("Snap"), snap, () => model.setSnap(!model.snap));
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
    this.retimeMenu.disabled = !model.editable;
    this.presetMenu.disabled = !model.editable;
    this.takeButton.disabled = !model.editable;
    this.takeButton.hidden = !model.offer;
    this.snapButton.disabled = !model.timing;
    this.snapButton.classList.toggle("on", Boolean(model.stands));
    this.snapButton.ariaPressed = `${Boolean(model.stands)}`;
  }
}
