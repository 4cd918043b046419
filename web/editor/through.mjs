/** The picture that a camera takes of the points. */

import { flipped, flippedTurn } from "./axes.mjs";

export const [NEAR, FAR] = [0.01, 200]; // all lengths: median depths of the picture

/** Height and width of the picture's shape. */
export const shapeOf = (scene) => scene?.image_size ?? [2, 3];

/** The largest {left, top, width, height} of the picture's shape in a space of so many pixels. */
export function fitted(scene, width, height) {
  const [H, W] = shapeOf(scene);
  const [w, h] = width / height > W / H ? [(height * W) / H, height] : [width, (width * H) / W];
  return { left: (width - w) / 2, top: (height - h) / 2, width: w, height: h };
}

/** {fx, fy, cx, cy} of a horizontal field of view, as shares of the picture's width and height. */
export function lensOf(scene, fieldOfView, ownField) {
  const slope = Math.tan((fieldOfView * Math.PI) / 360); // half a picture's width at depth 1
  if (!scene) {
    const [H, W] = shapeOf(scene);
    return { fx: 0.5 / slope, fy: (0.5 / slope) * (W / H), cx: 0.5, cy: 0.5 };
  }
  const { K } = scene;
  const zoom = Math.tan((ownField * Math.PI) / 360) / slope;
  return { fx: K[0][0] * zoom, fy: K[1][1] * zoom, cx: K[0][2], cy: K[1][2] };
}

/** Give a camera of three.js a pose {position, rotation} and a lens of lensOf. */
export function aim(camera, { position, rotation }, { fx, fy, cx, cy }) {
  camera.position.set(...flipped(position));
  const [w, x, y, z] = flippedTurn(rotation);
  camera.quaternion.set(x, y, z, w);
  camera.updateMatrixWorld();
  const edges = [-cx / fx, (1 - cx) / fx, cy / fy, -(1 - cy) / fy].map((edge) => edge * NEAR);
  camera.projectionMatrix.makePerspective(...edges, NEAR, FAR);
  camera.projectionMatrixInverse.copy(camera.projectionMatrix).invert();
}
