/** What the panels of the Camera Path Editor are made of: its style, its buttons and its fields. */

import { BACKGROUND, CAREFUL, DIM, TEXT } from "./colours.mjs";

// what lies on the node has the colours of ComfyUI's theme, what lies on the picture those of the picture
export const STYLE = `
.mirage-editor { position: relative; width: 100%; height: 100%; min-height: 380px; display: flex;
  flex-direction: column; gap: 4px; font: 12px sans-serif; color: var(--input-text); overflow: hidden; outline: none;
  box-sizing: border-box; padding: 3px; }
.mirage-editor:focus-within { outline: 1px solid var(--input-text); outline-offset: -1px; }
.mirage-editor :focus-visible { outline: 2px solid var(--input-text); outline-offset: 1px; }
.mirage-editor .row { display: flex; flex-wrap: wrap; gap: 4px; align-items: center; flex: none; }
.mirage-editor .row[hidden] { display: none; }
.mirage-editor .space { flex: 1; }
.mirage-editor button, .mirage-editor select, .mirage-editor input { font: inherit; color: var(--input-text);
  background: var(--comfy-input-bg); border: 1px solid var(--border-color); border-radius: 4px; padding: 2px 7px;
  height: 22px; }
.mirage-editor button:hover { border-color: var(--input-text); }
.mirage-editor button.on { background: #2c6f66; color: ${TEXT}; }
.mirage-editor button:disabled, .mirage-editor select:disabled, .mirage-editor input:disabled { opacity: 0.5; }
.mirage-editor input { width: 52px; appearance: textfield; padding: 2px 4px; }
.mirage-editor input::-webkit-inner-spin-button { appearance: none; }
.mirage-editor select.menu { width: 86px; }
.mirage-editor .panels { display: flex; flex-direction: column; gap: 4px; flex: 0 1 auto; min-height: 48px;
  overflow: auto; }
.mirage-editor .view { position: relative; flex: 1 0 120px; background: ${BACKGROUND}; }
.mirage-editor .times { position: relative; flex: none; height: 66px; }
.mirage-editor .hint { position: absolute; left: 8px; right: 8px; top: 8px; pointer-events: none; white-space: pre-line;
  display: flex; flex-direction: column; align-items: flex-start; gap: 4px; }
.mirage-editor .hint span { padding: 2px 6px; border-radius: 4px; color: ${TEXT}; background: ${BACKGROUND}d0; }
.mirage-editor .hint.error span { color: ${CAREFUL}; }
.mirage-editor .hint span:empty { display: none; }
.mirage-editor .hint button { pointer-events: auto; }
@media (pointer: coarse) {
  .mirage-editor button, .mirage-editor select, .mirage-editor input { height: 28px; min-width: 28px; }
}
.mirage-editor .list { position: absolute; inset: 8px; overflow: auto; padding: 8px; border-radius: 4px; color: ${TEXT};
  background: ${BACKGROUND}f0; border: 1px solid ${DIM}; }
.mirage-editor .list[hidden] { display: none; }
.mirage-editor .text { display: flex; flex-direction: column; gap: 4px; }
.mirage-editor textarea { flex: 1; resize: none; font: 11px monospace; color: var(--input-text);
  background: var(--comfy-input-bg); border: 1px solid var(--border-color); white-space: pre; }
.mirage-editor .said { color: ${CAREFUL}; }
.mirage-editor .list kbd { display: inline-block; min-width: 150px; font: inherit; font-weight: bold; }
`;

export function element(kind, parent, properties = {}) {
  const made = Object.assign(document.createElement(kind), properties);
  parent.append(made);
  return made;
}

/** A button with a name, and with a sentence for who hovers over it or has it read out. */
export function button(parent, name, title, act) {
  const made = element("button", parent, { type: "button", textContent: name, title, onclick: act });
  made.ariaDescription = title;
  return made;
}

/** Give a field the name that is read out, and the sentence that is shown over it. */
export function described(field, name, title) {
  return Object.assign(field, { ariaLabel: name, title });
}

/** A menu under its name; acts: what it offers -> what that does. */
export function menu(parent, name, title, acts) {
  const made = described(element("select", parent, { className: "menu" }), name, title);
  element("option", made, { textContent: name, value: "", hidden: true, selected: true });
  for (const offer of Object.keys(acts)) element("option", made, { textContent: offer, value: offer });
  made.onchange = () => {
    const act = acts[made.value];
    made.value = "";
    made.closest(".mirage-editor").focus({ preventScroll: true }); // keys are for the editor again
    act();
  };
  return made;
}
