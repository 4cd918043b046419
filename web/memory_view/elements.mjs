/** The look of Preview Memory and Memory Brush. What lies on the node has the colours of ComfyUI's theme. */

import { BACKGROUND, CAREFUL, TEXT } from "../editor/colours.mjs";

export const STYLE = `
.mirage-memory { position: relative; width: 100%; height: 100%; min-height: 320px; display: flex;
  flex-direction: column; gap: 4px; font: 12px sans-serif; color: var(--input-text); overflow: hidden; outline: none; }
.mirage-memory .row { display: flex; flex-wrap: wrap; gap: 4px; align-items: center; flex: none; }
.mirage-memory .space { flex: 1; }
.mirage-memory button, .mirage-memory select, .mirage-memory input { font: inherit; color: var(--input-text);
  background: var(--comfy-input-bg); border: 1px solid var(--border-color); border-radius: 4px; padding: 2px 7px;
  height: 24px; box-sizing: border-box; }
.mirage-memory button:hover { border-color: var(--input-text); }
.mirage-memory button.on { background: #2c6f66; color: ${TEXT}; }
.mirage-memory :disabled { opacity: 0.5; }
.mirage-memory :focus-visible { outline: 1px solid var(--input-text); }
.mirage-memory .view { position: relative; flex: 1; min-height: 140px; background: ${BACKGROUND}; color: ${TEXT}; }
.mirage-memory:focus-within .view { outline: 1px solid var(--input-text); }
.mirage-memory .over { position: absolute; left: 8px; right: 8px; pointer-events: none; display: flex;
  flex-direction: column; align-items: flex-start; gap: 3px; white-space: pre-line; }
.mirage-memory .over span, .mirage-memory .help { padding: 2px 6px; border-radius: 4px; background: ${BACKGROUND}d0; }
.mirage-memory .hint { top: 8px; }
.mirage-memory .hint.error span { color: ${CAREFUL}; }
.mirage-memory .over button { pointer-events: auto; }
.mirage-memory .legend { bottom: 8px; }
.mirage-memory .legend i { display: inline-block; width: 36px; height: 9px; margin-right: 6px; border-radius: 2px; }
.mirage-memory .help { position: absolute; right: 8px; top: 8px; display: grid; grid-template-columns: auto auto;
  gap: 3px 10px; pointer-events: none; background: ${BACKGROUND}; border: 1px solid ${TEXT}; }
.mirage-memory svg { position: absolute; inset: 0; width: 100%; height: 100%; pointer-events: none; }
.mirage-memory .list { flex: none; max-height: 96px; overflow-y: auto; display: grid; gap: 2px; }
.mirage-memory .list .row { flex-wrap: nowrap; padding: 1px 3px; border-radius: 4px; border: 1px solid #0000; }
.mirage-memory .list .row.on { border-color: var(--input-text); }
.mirage-memory .list .row.off input { opacity: 0.5; }
.mirage-memory .list i { flex: none; width: 9px; height: 9px; border-radius: 2px; }
.mirage-memory .list .name { flex: 1; min-width: 40px; }
.mirage-memory .list label input { width: 58px; }
.mirage-memory .state { min-height: 15px; }
.mirage-memory .reading { min-height: 30px; } /* two lines: the view keeps its size when a token is read */
.mirage-memory .over span:empty, .mirage-memory [hidden] { display: none; }
@media (pointer: coarse) { .mirage-memory button, .mirage-memory select, .mirage-memory input { height: 32px; } }
`;

export function element(kind, parent, properties = {}) {
  const made = Object.assign(document.createElement(kind), properties);
  parent.append(made);
  return made;
}

/** A button whose title is also what a screen reader says. */
export function button(parent, name, title, onclick) {
  return element("button", parent, { type: "button", textContent: name, title, ariaLabel: title, onclick });
}

/** A choice among values; words: of each, the function that says it. */
export function choice(parent, values, words, title, onchange) {
  const made = element("select", parent, { title, ariaLabel: title });
  for (const value of values) element("option", made, { value, textContent: words[value]() });
  made.onchange = () => onchange(made.value);
  return made;
}
