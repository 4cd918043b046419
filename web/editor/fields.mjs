/** The fields of the chosen key. */

import { say } from "../words.mjs";
import { button, described, element } from "./elements.mjs";
import { EASINGS, NARROWEST, WIDEST } from "./keys.mjs";
import { NumberField, shown } from "./number_field.mjs";
import { TargetFields } from "./target_fields.mjs";

const SENSOR = 36; // millimetres wide: the lenses that photographers know
const WAY_ON = {
  linear: "linear",
  smooth: "smooth (eases through keys)",
  "start gently": "ease in",
  "stop gently": "ease out",
};

const toMillimetres = (degrees) => SENSOR / 2 / Math.tan((degrees * Math.PI) / 360);
const toDegrees = (millimetres) => (Math.atan(SENSOR / 2 / millimetres) * 360) / Math.PI;

export class Fields {
  /** poses, ways: the rows to fill; edit(change): does a change of the model as one step for Undo. */
  constructor(poses, ways, model, edit) {
    Object.assign(this, { model, edit, numbers: [] });
    this.#makePlace(poses);
    this.#makeAngles(poses);
    this.#makeLens(ways);
    this.#makeWay(ways);
    this.target = new TargetFields(ways, model, edit);
  }

  #number(row, options) {
    const field = new NumberField(row, this.model, this.edit, options);
    this.numbers.push(field);
    return field;
  }

  #makePlace(row) {
    const titles = [
      say("Position of the chosen key to the right of the start camera; 1 is the scene's median depth"),
      say("Position of the chosen key below the start camera; 1 is the scene's median depth"),
      say("Position of the chosen key in front of the start camera; 1 is the scene's median depth"),
    ];
    titles.forEach((title, axis) => {
      const write = (value, { position }) => {
        if (value === null) return null;
        return { position: position.map((old, n) => (n === axis ? value : old)) };
      };
      const read = ({ position }) => shown(position[axis], 5);
      this.#number(row, { name: "XYZ"[axis], title, read, write, ofPose: true });
    });
  }

  #makeAngles(row) {
    const angles = {
      pan: [say("Pan"), say("Turn of the chosen key to the right of the start camera's view, degrees")],
      tilt: [say("Tilt"), say("Turn of the chosen key upwards from the start camera's view, degrees")],
      roll: [say("Roll"), say("Turn of the chosen key about its own view, clockwise, degrees")],
    };
    for (const [angle, [name, title]] of Object.entries(angles)) {
      const write = (value) => (value === null ? null : { [angle]: value });
      this.#number(row, { name, title, read: (key) => shown(key[angle], 3), write, ofPose: true });
    }
  }

  #makeLens(row) {
    const lens = (degrees) => ({ field_of_view: Math.max(NARROWEST, Math.min(WIDEST, degrees)) });
    const none = { field_of_view: null };
    this.degrees = this.#number(row, {
      name: say("Lens"),
      title: say("Horizontal field of view of the chosen key, degrees; empty: the picture's own"),
      unit: "°",
      read: (key) => (key.field_of_view === null ? "" : shown(key.field_of_view, 2)),
      write: (value) => (value === null ? none : lens(value)),
    }).input;
    this.millimetres = this.#number(row, {
      name: "",
      label: say("Focal length"),
      title: say("Focal length of the chosen key, on a sensor 36 mm wide; empty: the picture's own"),
      unit: "mm",
      read: (key) => (key.field_of_view === null ? "" : shown(toMillimetres(key.field_of_view), 1)),
      write: (value) => (value === null ? none : value > 0 ? lens(toDegrees(value)) : null),
    }).input;
  }

  #makeWay(row) {
    const title = say("How the camera goes to the next key");
    const label = element("label", row, { textContent: `${say("Way on")} `, title });
    this.easing = described(element("select", label), say("Way on"), title);
    for (const value of EASINGS) element("option", this.easing, { value, textContent: say(WAY_ON[value]) });
    this.easing.onchange = () => {
      this.edit(() => this.model.changeKey(this.model.chosen, { easing: this.easing.value }));
    };
    const even = say("Move at one speed from the first key to the last; the times of the keys between follow");
    const toggle = () => this.edit(() => this.model.setConstantSpeed(!this.model.constantSpeed));
    this.constant = button(row, say("Constant speed"), even, toggle);
  }

  refresh() {
    const { key, blank, editable, keys, chosen, ownField, constantSpeed } = this.model;
    for (const field of this.numbers) field.refresh();
    this.target.refresh();
    this.degrees.placeholder = ownField.toFixed(0);
    this.millimetres.placeholder = toMillimetres(ownField).toFixed(0);
    this.easing.value = blank ? "" : key.easing;
    this.easing.disabled = !editable || constantSpeed || chosen === keys.length - 1;
    this.constant.disabled = !editable;
    this.constant.classList.toggle("on", constantSpeed && !blank);
    this.constant.ariaPressed = `${constantSpeed}`;
  }
}
