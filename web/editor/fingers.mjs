/** The fingers that are on a touch screen. */

export class Fingers {
  /** canvas: what they touch. */
  constructor(canvas) {
    this.places = new Map(); // pointer id -> {x, y} of the page
    const note = ({ pointerId, clientX: x, clientY: y }) => this.places.set(pointerId, { x, y });
    const on = (name, act) => canvas.addEventListener(name, act, { capture: true });
    on("pointerdown", (event) => event.pointerType === "touch" && note(event));
    on("pointermove", (event) => this.places.has(event.pointerId) && note(event));
    for (const name of ["pointerup", "pointercancel"]) on(name, (event) => this.places.delete(event.pointerId));
  }

  get count() {
    return this.places.size;
  }

  /** The middle of two fingers, and how far they are apart: {x, y, spread}; null with one, or none. */
  get pair() {
    const [one, two] = this.places.values();
    if (!two) return null;
    return { x: (one.x + two.x) / 2, y: (one.y + two.y) / 2, spread: Math.hypot(one.x - two.x, one.y - two.y) };
  }
}
