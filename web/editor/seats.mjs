/**
 * Which editor belongs to which node. ComfyUI makes every node anew at each undo, redo and change of workflow; what is
 * on the page, and where it looks from, must outlive that.
 *
 * At undo and redo a node leaves and comes back under its id in one go, and ComfyUI keeps showing the element that it
 * has: the new node takes the old one's seat, with the element and the editor in it. When another workflow is opened the
 * editors are closed, and what they looked at is kept for the time when theirs is opened again.
 */

import { PathModel } from "./model.mjs";

/** What sits in a seat: its model, and the class of its editor. three.js is fetched by the first one of a page. */
const PATH_EDITOR = { model: () => new PathModel(), editor: async () => (await import("./editor.mjs")).Editor };

class Seat {
  constructor(makeHost, kind) {
    this.root = document.createElement("div");
    this.model = kind.model();
    this.node = null;
    this.closed = false;
    const host = makeHost(this);
    this.opened = kind.editor().then((Editor) => {
      if (this.closed) return null;
      this.editor = new Editor(this.root, this.model, host);
      if (this.look) this.editor.look = this.look;
      return this.editor;
    });
  }

  close() {
    this.closed = true;
    this.editor?.dispose();
    this.root.replaceChildren();
  }
}

export class Seats {
  #seats = new Map(); // by root graph and node id, as ComfyUI itself keeps elements
  #fresh = new Set(); // seats that the last loading of a graph made
  #looks = new WeakMap(); // of closed editors: workflow -> Map of key -> look
  #left = null; // the workflow whose graph was emptied for another

  /**
   * page: {rootGraph(), workflow()}: what is open now; makeHost(seat): what an Editor is given as its host; kind: as
   * PATH_EDITOR.
   */
  constructor(page, makeHost, kind = PATH_EDITOR) {
    this.page = page;
    this.makeSeat = () => new Seat(makeHost, kind);
  }

  /** The seat of a node that has come into a graph. */
  take(node) {
    const key = `${node.graph.rootGraph.id}:${node.id}`;
    let seat = this.#seats.get(key);
    if (!seat) {
      seat = this.makeSeat();
      this.#seats.set(key, seat);
      this.#fresh.add(seat);
    }
    seat.node = node;
    return seat;
  }

  [Symbol.iterator]() {
    return this.#seats.values();
  }

  /** Close the editors of nodes that are gone. */
  sweep() {
    for (const [key, seat] of this.#seats) {
      if (this.#isHere(seat.node)) continue;
      const workflow = this.page.workflow();
      const look = seat.editor?.look ?? seat.look;
      if (workflow && look) {
        if (!this.#looks.has(workflow)) this.#looks.set(workflow, new Map());
        this.#looks.get(workflow).set(key, look);
      }
      this.#seats.delete(key);
      seat.close();
    }
  }

  /** A graph is about to be loaded; for undo and redo the one before is still there. */
  beforeLoading() {
    this.sweep();
    this.#fresh.clear();
    this.#left = this.page.rootGraph().nodes.length ? null : this.page.workflow();
  }

  /** The loaded graph is that of the active workflow, which may have been open before. */
  restoreLooks() {
    const workflow = this.page.workflow();
    const looks = this.#looks.get(workflow);
    for (const [key, seat] of this.#seats) {
      if (!this.#fresh.delete(seat) || workflow === this.#left || !looks?.has(key)) continue;
      seat.look = looks.get(key);
      if (seat.editor) seat.editor.look = seat.look;
    }
    this.#looks.delete(workflow);
  }

  #isHere(node) {
    const root = this.page.rootGraph();
    const { graph } = node;
    return (graph === root || root.subgraphs.get(graph?.id) === graph) && graph.getNodeById(node.id) === node;
  }
}
