/** The points that the node wrote for the editor: a .safetensors file (nodes/host/editor_file.py). */

const KINDS = { F32: Float32Array, U8: Uint8Array };
const kept = new Map(); // file name -> promise of a scene: undo and reload make the node anew
const MOST_KEPT = 4;

/** The server no longer has a file: ComfyUI empties its temporary folder when it starts. */
export class Gone extends Error {}

/** Read the bytes of a .safetensors file: {tensors by name, scene: the header's JSON}. */
export function sceneFromBytes(bytes) {
  const size = Number(new DataView(bytes).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 8, size)));
  const { __metadata__: about, ...entries } = header;
  const scene = JSON.parse(about.scene);
  for (const [name, { dtype, data_offsets: [start, end] }] of Object.entries(entries)) {
    scene[name] = new KINDS[dtype](bytes.slice(8 + size + start, 8 + size + end)); // sliced: offsets need not be aligned
  }
  return scene;
}

/** Fetch a scene by ComfyUI's name for its file; url turns a path of the server into an address. */
export function fetchScene(file, url) {
  const name = file.filename;
  if (!kept.has(name)) {
    kept.set(name, load(file, url));
    kept.get(name).catch(() => kept.delete(name));
    if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value);
  }
  return kept.get(name);
}

async function load({ filename, subfolder, type }, url) {
  const answer = await fetch(url(`/view?${new URLSearchParams({ filename, subfolder, type })}`));
  if (!answer.ok) throw new Gone(`${filename}: ${answer.status} ${answer.statusText}`);
  return sceneFromBytes(await answer.arrayBuffer());
}

/** Horizontal field of view of the start camera, degrees. */
export const ownFieldOf = (scene) => (2 * Math.atan(0.5 / scene.K[0][0]) * 180) / Math.PI;
