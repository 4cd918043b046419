/** What colourings, tools and effects are called: by name, the function that says it. */

import { say } from "../words.mjs";

export const COLOUR_WORDS = {
  picture: () => say("Picture"),
  origin: () => say("Origin"),
  age: () => say("Age"),
  confidence: () => say("Confidence"),
  locked: () => say("Locked"),
};
export const TOOL_WORDS = {
  look: () => say("Look"),
  box: () => say("Box"),
  sphere: () => say("Sphere"),
  lasso: () => say("Lasso"),
};
export const TOOL_TITLES = {
  look: () => say("Turn the view; click a token to read it (V)"),
  box: () => say("Drag from a token: a box grows around it (B)"),
  sphere: () => say("Drag from a token: a sphere grows around it (O)"),
  lasso: () => say("Draw around what the view shows, however deep it lies (L)"),
};
export const DOES_WORDS = {
  erase: () => say("erase"),
  keep: () => say("keep"),
  lock: () => say("lock"),
  unlock: () => say("unlock"),
};
export const DOES_TITLES = {
  erase: () => say("The next shape removes the points inside"),
  keep: () => say("The next shape removes the points outside"),
  lock: () => say("The next shape locks the points inside: nothing replaces, prunes or erases them"),
  unlock: () => say("The next shape unlocks the points inside"),
};
const leave = () => say("Alt and drag turns the view, Escape leaves the tool.");
const grow = () => `${say("Drag from a token: the shape grows around it.")} ${leave()}`;
export const HINTS = {
  look: () => "",
  box: grow,
  sphere: grow,
  lasso: () => `${say("Draw around the points.")} ${leave()}`,
};
/** Keys and what they do; the second half is Memory Brush's. */
export const KEYS = [
  ["W S A D", () => say("Walk forward, back, left, right")],
  ["E Q", () => say("Go up, down")],
  ["Home", () => say("See all points")],
  ["?", () => say("List the keys")],
];
export const BRUSH_KEYS = [
  ["V B O L", () => say("Look, box, sphere, lasso")],
  ["Esc", () => say("Leave the tool")],
  ["Delete", () => say("Delete the chosen shape")],
  ["Alt", () => say("Hold it to turn the view while a tool is chosen")],
  ["Ctrl Z, Ctrl Y", () => say("Undo, redo")],
];
