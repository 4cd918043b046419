/** What can be taken hold of at a shape: {name, place of the world, drag(event) -> the values that change}. */

import * as THREE from "../lib/three.mjs";

const LEAST_SHARE = 0.01; // of the unit: the smallest box edge and radius that a drag makes
const LEAST_SINE = 0.05; // between a box's axis and the mouse's ray: below it a drag says nothing

export const leastSize = (view) => LEAST_SHARE * view.frame.unit;

export function handlesOf(shape, view) {
  return { box: boxHandles, sphere: sphereHandles, lasso: () => [] }[shape.kind](shape, view);
}

function boxHandles({ low, high }, view) {
  const middle = low.map((value, n) => (value + high[n]) / 2);
  const faces = ["low", "high"].flatMap((end) =>
    [0, 1, 2].map((axis) => faceHandle({ low, high }, middle, { axis, end }, view)),
  );
  const move = (place) => {
    const by = place.map((value, n) => value - middle[n]);
    return { low: low.map((value, n) => value + by[n]), high: high.map((value, n) => value + by[n]) };
  };
  return [...faces, { name: "middle", place: middle, drag: (event) => move(view.onPlane(event, middle)) }];
}

function faceHandle(box, middle, { axis, end }, view) {
  const place = middle.with(axis, box[end][axis]);
  return {
    name: `${end} ${"xyz"[axis]}`,
    place,
    drag: (event) => {
      const value = alongAxis(event, place, axis, view);
      if (value === null) return {};
      const least = leastSize(view);
      const within = end === "low" ? Math.min(value, box.high[axis] - least) : Math.max(value, box.low[axis] + least);
      return { [end]: box[end].with(axis, within) };
    },
  };
}

/** Where on a line along a world axis the mouse's ray is nearest, as a coordinate; null: the ray runs along it. */
function alongAxis(event, place, axis, view) {
  const { from, along } = view.rayAt(event);
  const line = new THREE.Vector3(...view.frame.toView(place));
  const end = new THREE.Vector3(...view.frame.toView(place.with(axis, place[axis] + view.frame.unit)));
  const direction = end.sub(line); // of length 1 in the view
  const cosine = direction.dot(along);
  const sine = 1 - cosine * cosine;
  if (sine < LEAST_SINE * LEAST_SINE) return null;
  const away = from.sub(line);
  return place[axis] + (view.frame.unit * (away.dot(direction) - cosine * away.dot(along))) / sine;
}

function sphereHandles({ center, radius }, view) {
  const edge = view.rightInWorld.map((value, n) => center[n] + radius * value);
  const sizeAt = (event) => Math.max(leastSize(view), distance(center, view.onPlane(event, center)));
  return [
    { name: "radius", place: edge, drag: (event) => ({ radius: sizeAt(event) }) },
    { name: "middle", place: center, drag: (event) => ({ center: view.onPlane(event, center) }) },
  ];
}

export const distance = (one, other) => Math.hypot(...one.map((value, n) => value - other[n]));
