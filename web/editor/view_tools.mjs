/** The buttons that lie on the view, and what they say. */

import { say } from "../words.mjs";
import { BACKGROUND, TEXT } from "./colours.mjs";
import { Fly } from "./fly.mjs";

const STYLE = `
.mirage-editor .tools { position: absolute; left: 8px; right: 8px; bottom: 8px; display: flex; flex-wrap: wrap; gap: 4px;
  align-items: center; pointer-events: none; }
.mirage-editor .tools button { pointer-events: auto; color: ${TEXT}; background: ${BACKGROUND}d0; border-color: #555c66; }
.mirage-editor .tools button.on { background: #2c6f66; }
.mirage-editor .tools button.recording { background: #9c2b2b; }
.mirage-editor .tools span { padding: 2px 6px; border-radius: 4px; color: ${TEXT}; background: ${BACKGROUND}d0; }
.mirage-editor .tools span:empty, .mirage-editor .tools [hidden] { display: none; }
@media (pointer: coarse) { .mirage-editor .tools button { min-width: 36px; height: 32px; } }
`;

export class ViewTools {
  /** root: the editor's element; view: its View; model: its PathModel; edited: called once after every finished change. */
  constructor(root, view, model, edited) {
    Object.assign(this, { root, view, model });
    const host = view.canvas.parentElement;
    this.fly = new Fly(view, model, { changed: () => this.refresh(), edited });
    const style = document.createElement("style");
    style.textContent = STYLE;
    this.row = document.createElement("div");
    this.row.className = "tools";
    host.append(style, this.row);
    const fly = say("Fly through the scene with W A S D, Q and E, and the mouse (F)");
    this.flyButton = this.#button(say("Fly"), fly, () => (this.fly.active ? this.fly.stop() : this.fly.start()));
    const record = say("Record the flight into the path, from the playhead to its end (R)");
    this.recordButton = this.#button(say("Record"), record, () => this.fly.toggleRecord());
    this.said = document.createElement("span");
    this.row.append(this.said);
    model.onChange(() => this.refresh());
    this.refresh();
  }

  dispose() {
    this.fly.dispose();
  }

  /** A key that is pressed; return whether it is one for the view. */
  key(event) {
    return this.fly.key(event);
  }

  refresh() {
    const { fly, model } = this;
    this.flyButton.classList.toggle("on", fly.active);
    this.recordButton.hidden = !fly.active;
    this.recordButton.disabled = !model.editable;
    this.recordButton.textContent = fly.record ? say("Stop recording") : say("Record");
    this.recordButton.classList.toggle("recording", fly.record !== null);
    this.said.textContent = fly.active ? this.#flightText() : this.#recordText();
  }

  #flightText() {
    const { fly } = this;
    const speed = say("Speed {speed} depths a second.", { speed: fly.speed.toPrecision(2) });
    if (fly.record) {
      const recording = say("Recording: it fills the path from video frame {frame} on. R ends it.", { frame: fly.firstFrame });
      return `${recording} ${speed}`;
    }
    const look = fly.locked ? say("The mouse looks around.") : say("Drag looks around.");
    return [say("W A S D, Q and E fly, Shift faster."), look, say("R records, Escape leaves."), speed].join(" ");
  }

  #recordText() {
    const { note, made } = this.fly;
    if (note === "done") return say("The flight is in the path, as {keys} keys.", { keys: made });
    if (note === "short") return say("That was too short to become a path. Record for a second or more.");
    return "";
  }

  #button(name, title, act) {
    const made = document.createElement("button");
    Object.assign(made, { type: "button", textContent: name, title });
    made.onclick = () => {
      act();
      this.root.focus({ preventScroll: true }); // keys go to the editor, and Space does not press the button again
    };
    this.row.append(made);
    return made;
  }
}
