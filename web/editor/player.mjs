/** Plays a path at the speed of a video. */

const FRAMES_PER_SECOND = 24;

export class Player {
  #run = null;

  /** onChange: called when it starts, at each step, and when it stops. */
  constructor(model, onChange) {
    Object.assign(this, { model, onChange });
  }

  get playing() {
    return this.#run !== null;
  }

  stop() {
    if (!this.#run) return;
    this.#run = null;
    this.onChange();
  }

  toggle() {
    if (this.#run) return this.stop();
    const seconds = Math.max(this.model.frames - 1, 1) / FRAMES_PER_SECOND;
    const from = this.model.time < 1 ? this.model.time : 0;
    const begun = performance.now();
    const run = (this.#run = {});
    const step = (now) => {
      if (this.#run !== run) return;
      this.model.seek(from + (now - begun) / 1000 / seconds);
      if (this.model.time >= 1) this.#run = null;
      else requestAnimationFrame(step);
      this.onChange();
    };
    requestAnimationFrame(step);
  }
}
