/** What the keys of the keyboard do while the editor has the focus, and the list of them. */

import { say } from "../words.mjs";
import { button, element } from "./elements.mjs";

const TYPING = /^(INPUT|SELECT|TEXTAREA)$/;
const UNDOING = ["z", "y"]; // with Ctrl: they go on to ComfyUI
const HELD_BACK = ["s", "o", "g", "d", "x"]; // with Ctrl: what a browser does with them is not meant either

/** Hand the keys to `keys` and, with Ctrl, to `commands`, both name -> act; what is left to `others`: was it used? */
export function listenToKeys(root, { keys, commands, others }) {
  root.addEventListener("keydown", (event) => {
    const { tagName } = event.target;
    const command = event.ctrlKey || event.metaKey;
    const letter = event.key.toLowerCase();
    if (command && UNDOING.includes(letter) && !TYPING.test(tagName)) return;
    event.stopPropagation(); // ComfyUI opens sidebars, deletes nodes and runs by keys
    if (TYPING.test(tagName) || (tagName === "BUTTON" && [" ", "Enter"].includes(event.key))) return;
    const act = command ? commands[letter] : !event.altKey && keys[event.key];
    if (act) act();
    else if (command ? !HELD_BACK.includes(letter) : event.altKey || !others(event)) return;
    event.preventDefault();
  });
}

/** The list of the keys, over the view. */
export class KeyList {
  /** view: the element that it lies on. */
  constructor(view) {
    this.box = element("div", view, { className: "list", hidden: true, tabIndex: -1, role: "dialog" });
    this.box.ariaLabel = say("Keys of the keyboard");
    for (const [keys, what] of this.#rows()) {
      const row = element("div", this.box);
      element("kbd", row, { textContent: keys });
      element("span", row, { textContent: what });
    }
    button(this.box, say("Close"), say("Close the list"), () => this.toggle(false));
  }

  get open() {
    return !this.box.hidden;
  }

  toggle(open = !this.open) {
    this.box.hidden = !open;
  }

  #rows() {
    return [
      [say("Space"), say("Play or stop")],
      ["← →", say("The video frame before or after")],
      [say("Home, End"), say("The first or the last video frame")],
      [say("Del"), say("Delete the chosen keys")],
      ["Ctrl+C, Ctrl+V", say("Copy and paste a pose")],
      ["Ctrl+A", say("Choose all keys")],
      ["Ctrl+Z, Ctrl+Shift+Z", say("Undo and redo")],
      ["W S A D Q E", say("Forward, back, left, right, down, up")],
      ["F", say("Fly through the scene, or stop")],
      ["R", say("While flying: record, or stop recording")],
      ["7, 1, 3", say("Look flat from above, ahead, from the right")],
      ["?", say("This list")],
    ];
  }
}
