/** What lies over the view: a hint or an error, the legend, the lasso that is being drawn, the list of keys. */

import { say } from "../words.mjs";
import { legendOf } from "./colourings.mjs";
import { button, element } from "./elements.mjs";
import { KeyHelp } from "./key_help.mjs";
import { HINTS } from "./wording.mjs";

const LASSO = `<svg viewBox="0 0 1 1" preserveAspectRatio="none">
  <polygon fill="#fff3" stroke="#fff" vector-effect="non-scaling-stroke"/></svg>`;

export class Overlays {
  /** root: the element to lie over; beginAnew: called instead of a text that cannot be read. */
  constructor(root, brush, beginAnew) {
    this.brush = brush;
    this.hint = element("div", root, { className: "over hint" });
    this.said = element("span", this.hint);
    this.anew = button(this.hint, say("Start anew"), say("Begin without shapes; Undo brings the text back"), beginAnew);
    this.legend = element("div", root, { className: "over legend" });
    root.insertAdjacentHTML("beforeend", LASSO);
    this.lasso = root.querySelector("polygon");
    this.help = new KeyHelp(root, brush);
  }

  /** Draw a lasso's corners, shares of the view; none: nothing. */
  draw(corners) {
    this.lasso.setAttribute("points", corners.map((corner) => corner.join(",")).join(" "));
  }

  /** Say what to do, or what is wrong: failure, or the model's own error. */
  say({ error, linked, tool }, failure, empty) {
    const kept = error && !linked ? `\n${say("The text is kept as it is until you start anew.")}` : "";
    this.said.textContent = error || failure ? `${error ?? failure}${kept}` : hintText(linked, tool, empty);
    this.hint.classList.toggle("error", Boolean(error || failure));
    this.anew.hidden = !error || linked;
  }

  explain(scene, painted, colouring) {
    this.legend.replaceChildren();
    for (const { background, text } of legendOf(scene, painted, colouring, this.brush)) {
      const line = element("span", this.legend);
      if (background) element("i", line).style.background = background;
      line.append(text);
    }
  }
}

function hintText(linked, tool, empty) {
  if (empty) return say("Press Show points to see the points of the memory here.");
  if (linked) {
    const where = say("They are edited where they come from.");
    return `${say("The shapes come in through the input shapes. These are the ones of the last run.")} ${where}`;
  }
  return HINTS[tool]();
}
