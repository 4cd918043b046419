/** How the 3D views of a memory draw its tokens. */

import * as THREE from "./lib/three.mjs";

// the colours are those of the page, sRGB, and three.js takes colours of vertices as linear light
const TO_LINEAR = `vColor.rgb = mix(pow((vColor.rgb + 0.055) / 1.055, vec3(2.4)), vColor.rgb / 12.92,
  vec3(lessThanEqual(vColor.rgb, vec3(0.04045))));`;

/** Squares as wide as the attribute `tokenWidth`, in the attribute `color`, sRGB. */
export function tokenMaterial() {
  const material = new THREE.PointsMaterial({ vertexColors: true, sizeAttenuation: true });
  material.onBeforeCompile = (shader) => {
    shader.vertexShader = `attribute float tokenWidth;\n${shader.vertexShader}`
      .replace("gl_PointSize = size;", "gl_PointSize = size * tokenWidth;")
      .replace("#include <color_vertex>", `#include <color_vertex>\n${TO_LINEAR}`);
  };
  return material;
}
