/** The points, the path and its keys in 3D, and what the mouse does among them. */

import * as THREE from "../lib/three.mjs";
import { BACKGROUND, CAREFUL, DIM, KNOWN, LEAST_KNOWN, PATH, TEXT, TRACK } from "./colours.mjs";
import { anglesOf, poseOf } from "./keys.mjs";
import { multiply, rotated } from "./spline.mjs";

const NEAR = 0.01; // all lengths: median depths of the picture
const FAR = 200;
const OPENING = [-0.6, -0.55, -0.6]; // from the middle of things: the left of the start camera, above and behind it
const OPENING_DISTANCE = 1.5; // radii of what is shown
const OUTLIERS = 0.02; // share of the points on either side that the overview may leave out
const FRUSTUM = 0.14; // length of a drawn camera
const AIM = 0.4; // from a key to the ball that aims it
const BALL = 6; // pixels, radius
const REACH = 14; // pixels around a ball that take it
const MOST_STEPS = 600; // of the drawn path
const POINT = 1.25; // drawn width of a token, in widths: closes the seams between neighbours
const TURN = 0.15; // degrees per pixel, through the camera
const STEP = 0.02; // median depths per notch of the wheel, through the camera

/** Our axes (x right, y down, z forward) to those of three.js (x right, y up, z backward), and back. */
const flipped = ([x, y, z]) => [x, -y, -z];
const flippedTurn = ([w, x, y, z]) => [w, x, -y, -z];

export class View {
  /** host: the element to fill; model: a PathModel; onEdited: called once after every finished change. */
  constructor(host, model, onEdited) {
    this.model = model;
    this.onEdited = onEdited;
    this.through = false;
    this.known = []; // share known of each latent frame
    this.scene = null;
    this.renderer = new THREE.WebGLRenderer({ antialias: true });
    this.canvas = this.renderer.domElement;
    Object.assign(this.canvas.style, { position: "absolute", inset: "0", width: "100%", height: "100%", touchAction: "none" });
    host.append(this.canvas);
    this.free = new THREE.PerspectiveCamera(50, 1, NEAR, FAR);
    this.fixed = new THREE.PerspectiveCamera(50, 1, NEAR, FAR);
    this.world = new THREE.Scene();
    this.world.background = new THREE.Color(BACKGROUND);
    this.#makeObjects();
    this.canvas.addEventListener("pointerdown", (event) => this.#grab(event), { capture: true });
    this.canvas.addEventListener("wheel", (event) => this.#wheel(event), { capture: true, passive: false });
    this.controls = new THREE.OrbitControls(this.free, this.canvas);
    this.controls.addEventListener("change", () => this.requestRender());
    this.overview();
    this.resizing = new ResizeObserver(() => this.requestRender());
    this.resizing.observe(host);
    model.onChange((what) => {
      if (what === "path") this.#redrawPath();
      this.requestRender();
    });
    this.#redrawPath();
  }

  dispose() {
    this.resizing.disconnect();
    this.controls.dispose();
    this.renderer.dispose();
    this.renderer.forceContextLoss();
  }

  /** Show points: a scene of sceneFromBytes. */
  show(scene) {
    const first = !this.scene;
    this.scene = scene;
    const geometry = new THREE.BufferGeometry();
    const places = new Float32Array(scene.xyz.length);
    for (let n = 0; n < places.length; n += 3) places.set(flipped(scene.xyz.slice(n, n + 3)), n);
    geometry.setAttribute("position", new THREE.BufferAttribute(places, 3));
    geometry.setAttribute("color", new THREE.BufferAttribute(scene.rgb, 3, true));
    geometry.setAttribute("tokenWidth", new THREE.BufferAttribute(scene.width, 1));
    this.points.geometry.dispose();
    this.points.geometry = geometry;
    if (first) this.overview();
    this.#redrawPath();
    this.requestRender();
  }

  setKnown(known) {
    this.known = known;
    this.#colourPath();
    this.requestRender();
  }

  /** Look at all of it, from beside, above and behind the start camera. */
  overview() {
    const places = this.model.keys.map((key) => key.position);
    const axes = [0, 1, 2].map((axis) => {
      const values = (this.scene?.xyz ?? new Float32Array([0, 0, 1])).filter((_, n) => n % 3 === axis).sort();
      const end = Math.floor((values.length - 1) * OUTLIERS);
      const edges = [values[end], values[values.length - 1 - end], ...places.map((place) => place[axis])];
      return [Math.min(...edges), Math.max(...edges)];
    });
    const middle = axes.map(([low, high]) => (low + high) / 2);
    const radius = Math.max(0.7, Math.hypot(...axes.map(([low, high]) => (high - low) / 2)));
    const away = (OPENING_DISTANCE * radius) / Math.hypot(...OPENING);
    this.free.position.set(...flipped(middle.map((value, n) => value + OPENING[n] * away)));
    this.controls.target.set(...flipped(middle));
    this.controls.update();
    this.requestRender();
  }

  setThrough(through) {
    this.through = through;
    this.controls.enabled = !through;
    this.requestRender();
  }

  /** The pose that the view has now. */
  get pose() {
    if (this.through) return this.model.camera;
    const { x, y, z, w } = this.free.quaternion;
    return { position: flipped(this.free.position.toArray()), rotation: flippedTurn([w, x, y, z]) };
  }

  /** Where a key's ball ("key"), or the ball that aims it ("aim"), is on the page; for tests and picking. */
  onPage(number, ball = "key") {
    const place = new THREE.Vector3(...flipped(this.#placeOf(number, ball))).project(this.free);
    const box = this.canvas.getBoundingClientRect();
    const visible = Math.abs(place.z) < 1;
    return { x: box.left + ((place.x + 1) / 2) * box.width, y: box.top + ((1 - place.y) / 2) * box.height, visible };
  }

  requestRender() {
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = null;
      this.#render();
    });
  }

  #makeObjects() {
    const material = new THREE.PointsMaterial({ vertexColors: true, sizeAttenuation: true });
    material.onBeforeCompile = (shader) => {
      shader.vertexShader = shader.vertexShader
        .replace("uniform float size;", "uniform float size;\nattribute float tokenWidth;")
        .replace("gl_PointSize = size;", "gl_PointSize = size * tokenWidth;");
    };
    this.points = new THREE.Points(new THREE.BufferGeometry(), material);
    this.points.frustumCulled = false;
    this.path = new THREE.Line(new THREE.BufferGeometry(), new THREE.LineBasicMaterial({ vertexColors: true }));
    this.keys = new THREE.LineSegments(new THREE.BufferGeometry(), new THREE.LineBasicMaterial({ vertexColors: true }));
    this.playhead = new THREE.LineSegments(new THREE.BufferGeometry(), new THREE.LineBasicMaterial({ color: TEXT }));
    this.balls = new THREE.Group();
    this.ball = new THREE.SphereGeometry(1, 16, 12);
    for (const drawn of [this.path, this.keys, this.playhead]) drawn.frustumCulled = false;
    this.drawn = new THREE.Group();
    this.drawn.add(this.path, this.keys, this.playhead, this.balls);
    this.world.add(this.points, this.drawn);
  }

  #placeOf(number, ball) {
    const { position, rotation } = poseOf(this.model.keys[number]);
    const ahead = ball === "aim" ? AIM : 0;
    return rotated(rotation, [0, 0, ahead]).map((value, n) => value + position[n]);
  }

  #redrawPath() {
    const { keys, frames } = this.model;
    this.steps = Math.max(2, Math.min(frames, MOST_STEPS));
    const places = [];
    for (let n = 0; n < this.steps; n++) places.push(...flipped(this.model.at(n / (this.steps - 1)).position));
    this.path.geometry.dispose();
    this.path.geometry = new THREE.BufferGeometry();
    this.path.geometry.setAttribute("position", new THREE.Float32BufferAttribute(places, 3));
    this.#colourPath();
    const cameras = keys.map((key) => ({ ...poseOf(key), fieldOfView: key.field_of_view ?? this.model.ownField }));
    this.#drawFrusta(this.keys, cameras);
  }

  #colourPath() {
    const { length } = this.known;
    const [path, known, careful] = [PATH, KNOWN, CAREFUL].map((name) => new THREE.Color(name).toArray());
    const colours = [];
    for (let n = 0; n < this.steps; n++) {
      const share = this.known[Math.round((n / (this.steps - 1)) * (length - 1))];
      colours.push(...(!length ? path : share < LEAST_KNOWN ? careful : known));
    }
    this.path.geometry.setAttribute("color", new THREE.Float32BufferAttribute(colours, 3));
  }

  #drawFrusta(lines, cameras) {
    const aspect = this.scene ? this.scene.image_size[0] / this.scene.image_size[1] : 2 / 3;
    const places = [];
    const colours = [];
    cameras.forEach(({ position, rotation, fieldOfView }, number) => {
      const x = FRUSTUM * Math.min(Math.tan((fieldOfView * Math.PI) / 360), 2);
      const corners = [[-x, -x * aspect], [x, -x * aspect], [x, x * aspect], [-x, x * aspect]].map(([u, v]) =>
        rotated(rotation, [u, v, FRUSTUM]).map((value, n) => value + position[n]),
      );
      const top = rotated(rotation, [0, -x * aspect * 1.5, FRUSTUM]).map((value, n) => value + position[n]);
      const edges = corners.flatMap((corner, n) => [position, corner, corner, corners[(n + 1) % 4]]);
      edges.push(corners[0], top, top, corners[1]);
      const colour = new THREE.Color(number === this.model.chosen ? TEXT : PATH).toArray();
      for (const place of edges) {
        places.push(...flipped(place));
        colours.push(...colour);
      }
    });
    lines.geometry.dispose();
    lines.geometry = new THREE.BufferGeometry();
    lines.geometry.setAttribute("position", new THREE.Float32BufferAttribute(places, 3));
    lines.geometry.setAttribute("color", new THREE.Float32BufferAttribute(colours, 3));
  }

  /** A ball per key, and one that aims the chosen key; they keep their size on the page. */
  #placeBalls(pixelsHigh) {
    const wanted = this.model.keys.map((_, number) => [number, "key"]);
    wanted.push([this.model.chosen, "aim"]);
    while (this.balls.children.length < wanted.length) {
      this.balls.add(new THREE.Mesh(this.ball, new THREE.MeshBasicMaterial()));
    }
    while (this.balls.children.length > wanted.length) this.balls.remove(this.balls.children[0]);
    wanted.forEach(([number, ball], n) => {
      const mesh = this.balls.children[n];
      mesh.position.set(...flipped(this.#placeOf(number, ball)));
      mesh.material.color.set(ball === "aim" ? DIM : number === this.model.chosen ? TEXT : PATH);
      const pixel = (2 * Math.tan((this.free.fov * Math.PI) / 360) * mesh.position.distanceTo(this.free.position)) / pixelsHigh;
      mesh.scale.setScalar(pixel * (ball === "aim" ? BALL * 0.75 : BALL));
    });
  }

  #render() {
    const { clientWidth: width, clientHeight: height } = this.canvas.parentElement;
    if (!width || !height) return;
    const ratio = Math.min(window.devicePixelRatio, 2);
    if (this.renderer.getPixelRatio() !== ratio) this.renderer.setPixelRatio(ratio);
    if (this.width !== width || this.height !== height) {
      this.renderer.setSize(width, height, false);
      Object.assign(this, { width, height });
    }
    this.drawn.visible = !this.through;
    if (this.through) return this.#renderThrough(width, height);
    this.renderer.setScissorTest(false);
    this.renderer.setViewport(0, 0, width, height);
    this.world.background.set(BACKGROUND);
    this.free.aspect = width / height;
    this.free.updateProjectionMatrix();
    this.points.material.size = POINT / Math.tan((this.free.fov * Math.PI) / 360);
    this.#drawFrusta(this.playhead, [this.model.camera]);
    this.keys.visible = true;
    this.#placeBalls(height);
    this.renderer.render(this.world, this.free);
  }

  /** The picture that the camera at the playhead takes, in the shape of the start picture. */
  #renderThrough(width, height) {
    const { position, rotation, fieldOfView } = this.model.camera;
    const [H, W] = this.scene ? this.scene.image_size : [2, 3];
    const [pictureWidth, pictureHeight] = width / height > W / H ? [(height * W) / H, height] : [width, (width * H) / W];
    const [left, top] = [(width - pictureWidth) / 2, (height - pictureHeight) / 2];
    this.renderer.setScissorTest(false);
    this.renderer.setViewport(0, 0, width, height);
    this.renderer.setClearColor(TRACK);
    this.renderer.clear();
    this.renderer.setScissorTest(true);
    this.renderer.setScissor(left, top, pictureWidth, pictureHeight);
    this.renderer.setViewport(left, top, pictureWidth, pictureHeight);
    const own = this.scene?.K ?? [[0, 0, 0.5], [0, 0, 0.5]];
    const slope = Math.tan((fieldOfView * Math.PI) / 360); // half a picture's width at depth 1
    const zoom = this.scene ? Math.tan((this.model.ownField * Math.PI) / 360) / slope : 1;
    const fx = this.scene ? own[0][0] * zoom : 0.5 / slope;
    const fy = this.scene ? own[1][1] * zoom : (fx * W) / H;
    const [cx, cy] = [own[0][2], own[1][2]];
    const camera = this.fixed;
    camera.position.set(...flipped(position));
    const [w, x, y, z] = flippedTurn(rotation);
    camera.quaternion.set(x, y, z, w);
    camera.updateMatrixWorld();
    const edges = [-cx / fx, (1 - cx) / fx, cy / fy, -(1 - cy) / fy].map((edge) => edge * NEAR);
    camera.projectionMatrix.makePerspective(...edges, NEAR, FAR);
    camera.projectionMatrixInverse.copy(camera.projectionMatrix).invert();
    // three.js scales points by half the canvas, but the picture is only a part of it
    this.points.material.size = (POINT * 2 * fy * pictureHeight) / height;
    this.renderer.render(this.world, camera);
  }

  // ---------------------------------------------------------------- the mouse

  #grab(event) {
    if (event.button !== 0 || this.model.error) return;
    if (this.through) return this.#turn(event);
    const candidates = this.model.keys.map((_, number) => [number, "key"]);
    candidates.unshift([this.model.chosen, "aim"]);
    let best = null;
    for (const [number, ball] of candidates) {
      const place = this.onPage(number, ball);
      const distance = Math.hypot(place.x - event.clientX, place.y - event.clientY);
      if (place.visible && distance < REACH && (!best || distance < best.distance)) best = { number, ball, distance };
    }
    if (!best) return;
    event.stopImmediatePropagation(); // the view must not turn meanwhile
    this.model.choose(best.number);
    this.model.seek(this.model.keys[best.number].time);
    const start = new THREE.Vector3(...flipped(this.#placeOf(best.number, best.ball)));
    const normal = this.free.getWorldDirection(new THREE.Vector3());
    this.#follow(event, (moved) => {
      const place = this.#onPlane(moved, start, normal);
      if (best.ball === "key") this.model.changeKey(best.number, { position: flipped(place.toArray()) });
      else this.#aim(best.number, flipped(place.toArray()));
    });
  }

  /** Where the mouse's ray meets the plane through a place. */
  #onPlane(event, place, normal) {
    const box = this.canvas.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * 2 - 1;
    const y = 1 - ((event.clientY - box.top) / box.height) * 2;
    const direction = new THREE.Vector3(x, y, 0.5).unproject(this.free).sub(this.free.position).normalize();
    const along = place.clone().sub(this.free.position).dot(normal) / direction.dot(normal);
    return direction.multiplyScalar(along).add(this.free.position);
  }

  /** Turn a key by the smallest turn that makes it look at a place. */
  #aim(number, target) {
    const key = this.model.keys[number];
    const { rotation } = poseOf(key);
    const from = new THREE.Vector3(...rotated(rotation, [0, 0, 1]));
    const to = new THREE.Vector3(...target.map((value, n) => value - key.position[n]));
    if (to.length() < 1e-6) return;
    const turn = new THREE.Quaternion().setFromUnitVectors(from, to.normalize());
    this.model.changeKey(number, anglesOf(multiply([turn.w, turn.x, turn.y, turn.z], rotation)));
  }

  /** Through the camera, at a key: drag turns it. */
  #turn(event) {
    const number = this.model.keyAtPlayhead;
    if (number < 0) return;
    let [lastX, lastY] = [event.clientX, event.clientY];
    this.#follow(event, (moved) => {
      const { pan, tilt } = this.model.keys[number];
      const down = tilt + (moved.clientY - lastY) * TURN;
      this.model.changeKey(number, {
        pan: pan - (moved.clientX - lastX) * TURN,
        tilt: Math.max(-90, Math.min(90, down)),
      });
      [lastX, lastY] = [moved.clientX, moved.clientY];
    });
  }

  /** Through the camera, at a key: the wheel moves it along its view. */
  #wheel(event) {
    if (!this.through) return;
    event.preventDefault();
    const number = this.model.keyAtPlayhead;
    if (number < 0 || this.model.error) return;
    const key = this.model.keys[number];
    const step = rotated(poseOf(key).rotation, [0, 0, -Math.sign(event.deltaY) * STEP]);
    this.model.changeKey(number, { position: key.position.map((value, n) => value + step[n]) });
    this.onEdited();
  }

  #follow(event, move) {
    this.canvas.setPointerCapture(event.pointerId);
    const done = () => {
      this.canvas.removeEventListener("pointermove", move);
      this.onEdited();
    };
    this.canvas.addEventListener("pointermove", move);
    this.canvas.addEventListener("lostpointercapture", done, { once: true });
  }
}
