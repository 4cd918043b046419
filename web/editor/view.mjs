/** The points, the path and its keys in 3D. */

import * as THREE from "../lib/three.mjs";
import { BACKGROUND, CAREFUL, DIM, KNOWN, LEAST_KNOWN, PATH, TEXT, TRACK } from "./colours.mjs";
import { poseOf } from "./keys.mjs";
import { rotated } from "./spline.mjs";

const NEAR = 0.01; // all lengths: median depths of the picture
const FAR = 200;
const OPENING = [-0.6, -0.55, -0.6]; // from the middle of things: the left of the start camera, above and behind it
const OPENING_DISTANCE = 1.5; // radii of what is shown
const OUTLIERS = 0.02; // share of the points on either side that the overview may leave out
const FRUSTUM = 0.14; // length of a drawn camera
const AIM = 0.4; // from a key to the ball that aims it
const BALL = 6; // pixels, radius
const MOST_STEPS = 600; // of the drawn path
const POINT = 1.25; // drawn width of a token, in widths: closes the seams between neighbours

/** Our axes (x right, y down, z forward) to those of three.js (x right, y up, z backward), and back. */
export const flipped = ([x, y, z]) => [x, -y, -z];
const flippedTurn = ([w, x, y, z]) => [w, x, -y, -z];

export class View {
  /** host: the element to fill; model: a PathModel. */
  constructor(host, model) {
    this.model = model;
    this.through = false;
    this.seen = false; // points were shown: more of them do not move the view
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
    cancelAnimationFrame(this.pending);
    this.resizing.disconnect();
    this.controls.dispose();
    this.renderer.dispose();
    this.renderer.forceContextLoss();
  }

  /** Show points: a scene of sceneFromBytes. */
  show(scene) {
    this.scene = scene;
    const geometry = new THREE.BufferGeometry();
    const places = new Float32Array(scene.xyz.length);
    for (let n = 0; n < places.length; n += 3) places.set(flipped(scene.xyz.slice(n, n + 3)), n);
    geometry.setAttribute("position", new THREE.BufferAttribute(places, 3));
    geometry.setAttribute("color", new THREE.BufferAttribute(scene.rgb, 3, true));
    geometry.setAttribute("tokenWidth", new THREE.BufferAttribute(scene.width, 1));
    this.points.geometry.dispose();
    this.points.geometry = geometry;
    if (!this.seen) this.overview();
    this.seen = true;
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

  /** Move the eye and what it turns about along its own axes (x right, y down, z forward), shares of their distance. */
  walk(direction) {
    const share = this.free.position.distanceTo(this.controls.target);
    const by = flipped(rotated(this.pose.rotation, direction.map((value) => value * share)));
    for (const place of [this.free.position, this.controls.target]) place.add(new THREE.Vector3(...by));
    this.controls.update();
    this.requestRender();
  }

  /** What an editor made anew takes over. */
  get look() {
    const { through, seen } = this;
    return { through, seen, eye: this.free.position.toArray(), target: this.controls.target.toArray() };
  }

  set look({ through, seen, eye, target }) {
    this.seen = seen;
    this.free.position.set(...eye);
    this.controls.target.set(...target);
    this.controls.update();
    this.setThrough(through);
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
    const place = new THREE.Vector3(...flipped(this.placeOf(number, ball))).project(this.free);
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

  placeOf(number, ball) {
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
      mesh.position.set(...flipped(this.placeOf(number, ball)));
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
    this.drawn.visible = !this.through && !this.model.blank;
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
}
