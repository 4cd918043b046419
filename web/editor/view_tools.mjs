/** The buttons that lie on the view, and what is told about what it shows. */

import { say } from "../words.mjs";
import { BACKGROUND, TEXT } from "./colours.mjs";
import { CLOSE, Collisions } from "./collisions.mjs";
import { button, element } from "./elements.mjs";
import { Fly } from "./fly.mjs";
import { Thumbnails } from "./thumbnails.mjs";

const STYLE = `
.mirage-editor .tools { position: absolute; left: 8px; right: 8px; bottom: 8px; display: flex; flex-wrap: wrap;
  gap: 4px; align-items: center; pointer-events: none; }
.mirage-editor .tools button { pointer-events: auto; color: ${TEXT}; background: ${BACKGROUND}d0;
  border-color: #555c66; }
.mirage-editor .tools button.on { background: #2c6f66; }
.mirage-editor .tools button.recording { background: #9c2b2b; }
.mirage-editor .tools span { padding: 2px 6px; border-radius: 4px; color: ${TEXT}; background: ${BACKGROUND}d0; }
.mirage-editor .tools span:empty, .mirage-editor .tools [hidden] { display: none; }
@media (pointer: coarse) { .mirage-editor .tools button { min-width: 36px; height: 32px; } }
`;

export class ViewTools {
  /**
   * root: the editor's element; parts: {view, timeline, model} of it.
   * host: {edited(), changed()}: called once after every finished change, and when the view looks otherwise.
   */
  constructor(root, { view, timeline, model }, { edited, changed }) {
    Object.assign(this, { root, view, model, changed });
    const host = view.canvas.parentElement;
    this.fly = new Fly(view, model, { changed: () => this.#flightChanged(), edited });
    element("style", host, { textContent: STYLE });
    this.row = element("div", host, { className: "tools" });
    this.#makeButtons();
    this.said = element("span", this.row);
    this.collisions = new Collisions(view, model, (found) => {
      timeline.setCollisions(found);
      this.refresh();
    });
    this.thumbnails = new Thumbnails(view, timeline, model, () => this.fly.active);
    model.onChange((what) => {
      if (what === "playhead") this.fly.note = ""; // something else is done now
      this.refresh();
    });
    view.onChange(() => this.refresh());
    this.refresh();
  }

  dispose() {
    this.fly.dispose();
    this.collisions.dispose();
    this.thumbnails.dispose();
  }

  /** A key that is pressed; return whether it is one for the view. */
  key(event) {
    const side = { 7: "top", 1: "front", 3: "side" }[event.key];
    if (side) this.#flat(side);
    return Boolean(side) || this.fly.key(event);
  }

  refresh() {
    const { fly, model } = this;
    this.flyButton.classList.toggle("on", fly.active);
    this.recordButton.hidden = !fly.active;
    this.recordButton.disabled = !model.editable;
    this.recordButton.textContent = fly.record ? say("Stop recording") : say("Record");
    this.recordButton.classList.toggle("recording", fly.record !== null);
    this.said.textContent = fly.active ? this.#flightText() : this.#text();
  }

  #flightChanged() {
    this.refresh();
    this.changed();
  }

  /** See all of it flat from a side. Turning the view brings the perspective back. */
  #flat(side) {
    this.view.setThrough(false);
    this.view.overview(side);
    this.changed();
  }

  #flightText() {
    const { fly } = this;
    const speed = say("Speed {speed} depths a second.", { speed: fly.speed.toPrecision(2) });
    if (fly.record) {
      const frame = fly.first;
      const recording = say("Recording: it fills the path from video frame {frame} on. R ends it.", { frame });
      return `${recording} ${speed}`;
    }
    const look = fly.locked ? say("The mouse looks around.") : say("Drag looks around.");
    return [say("W A S D, Q and E fly, Shift faster."), look, say("R records, Escape leaves."), speed].join(" ");
  }

  #text() {
    const { model, view } = this;
    const hatched = view.through && view.scene?.coverage ? say("Hatched is what the memory does not know.") : "";
    const near = say("Here the camera comes nearer than {close} median depths to the points.", { close: CLOSE });
    const meets = this.collisions.found[model.frameOf(model.time)] ? near : "";
    return [this.#recordText(), hatched, meets].filter(Boolean).join(" ");
  }

  #recordText() {
    const { note, made } = this.fly;
    if (note === "done") return say("The flight is in the path, as {keys} keys.", { keys: made });
    if (note === "short") return say("That was too short to become a path. Record for a second or more.");
    return "";
  }

  #makeButtons() {
    const { fly } = this;
    const make = (name, title, act) =>
      button(this.row, name, title, () => {
        act();
        this.root.focus({ preventScroll: true }); // keys go to the editor, and Space does not press the button again
      });
    const flying = say("Fly through the scene with W A S D, Q and E, and the mouse (F)");
    this.flyButton = make(say("Fly"), flying, () => (fly.active ? fly.stop() : fly.start()));
    const record = say("Record the flight into the path, from the playhead to its end (R)");
    this.recordButton = make(say("Record"), record, () => fly.toggleRecord());
    for (const [name, title, side] of [
      [say("Top"), say("Look straight down, flat: what is ahead of the start camera is up (7)"), "top"],
      [say("Front"), say("Look the way of the start camera, flat (1)"), "front"],
      [say("Side"), say("Look from the right, flat: the start camera looks to the right (3)"), "side"],
    ]) {
      make(name, title, () => this.#flat(side));
    }
  }
}
