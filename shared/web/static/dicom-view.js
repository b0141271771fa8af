/* <dicom-view>: a grey-scale DICOM image with window and level, zoom, pan, inversion and a heat map.
   Attributes: `study` (its UID); `series` and `instance`, else the study's first image; `heat-series` and
   `heat-instance` of a derived map, `heat` its first opacity in per cent; `region` "row,column,height,width" as
   fractions of the image; `label` for its name.
   Keys are those that it lists itself; what the model said is shown only when the page hands it over. */
import { fetchImage, ImageFailed, listInstances, ramp } from "./dicom-image.js";
import { painterFor } from "./dicom-paint.js";

const PRESETS = { acquired: "As acquired", full: "Full range", dark: "Lungs (dark areas)", bright: "Bones (bright areas)" };
const STEP = 40; // CSS pixels that an arrow key moves the image

const TOOLS = `
<div class="dv-stage">
  <canvas tabindex="0" role="application"></canvas>
  <div class="dv-region" hidden><span>AI: strongest area</span></div>
  <p class="dv-readout"></p>
  <div class="dv-scale" hidden><i></i><span>50 mm</span></div>
  <div class="dv-message" role="status">Loading the image …</div>
</div>
<div class="dv-tools" role="group" aria-label="Image tools">
  <label class="dv-images" hidden>Image <select data-is="images"></select></label>
  <label>Window <select data-is="preset"></select></label>
  <button type="button" data-do="drag" aria-pressed="false" title="What dragging does: window and level, or move">Drag moves</button>
  <span class="dv-group">
    <button type="button" data-do="out" aria-label="Zoom out">−</button>
    <button type="button" data-do="in" aria-label="Zoom in">+</button>
    <button type="button" data-do="fit">Fit</button>
    <button type="button" data-do="actual" aria-label="One to one">1:1</button>
  </span>
  <button type="button" data-do="invert" aria-pressed="false">Invert</button>
  <button type="button" data-do="reset">Reset</button>
  <span class="dv-ai" hidden>
    <label class="dv-heat">AI heat map <input type="range" min="0" max="100" value="30" data-is="heat"></label>
    <button type="button" data-do="region" aria-pressed="true" hidden>Outline</button>
  </span>
</div>
<details class="dv-keys"><summary>Keys and mouse</summary>
  <p><b>Drag</b> window and level · <b>Shift drag</b> move · <b>Wheel</b> or <b>pinch</b> zoom. With the image focused:
  <kbd>←</kbd><kbd>→</kbd><kbd>↑</kbd><kbd>↓</kbd> move · <kbd>Shift</kbd>+<kbd>←</kbd><kbd>→</kbd> window ·
  <kbd>Shift</kbd>+<kbd>↑</kbd><kbd>↓</kbd> level · <kbd>+</kbd><kbd>−</kbd> zoom · <kbd>0</kbd> fit · <kbd>1</kbd> one to one ·
  <kbd>I</kbd> invert · <kbd>R</kbd> reset · <kbd>H</kbd> heat map on or off · <kbd>B</kbd> outline</p>
</details>`;

export class DicomView extends HTMLElement {
  static observedAttributes = ["study", "instance", "heat-instance", "region"];

  connectedCallback() {
    this.innerHTML = TOOLS;
    this.stage = this.querySelector(".dv-stage");
    this.canvas = this.querySelector("canvas");
    this.canvas.setAttribute("aria-label", `${this.getAttribute("label") ?? "Image"}. Arrow keys move it, plus and minus zoom.`);
    this.view = { center: 0, width: 1, zoom: 1, x: 0, y: 0, invert: false, fitted: true, outline: true, moves: false };
    this.find("preset").append(...Object.entries(PRESETS).map(([key, words]) => new Option(words, key)));
    this.find("preset").append(new Option("Own", "own", false, false));
    this.listen();
    this.resizing = new ResizeObserver(() => this.resize());
    this.resizing.observe(this.stage);
    this.load();
  }

  disconnectedCallback() {
    this.resizing?.disconnect();
    this.loading?.abort();
  }

  /** What the model said may come later: then the image stays as the reader has set it. */
  attributeChangedCallback(name) {
    if (!this.stage) return;
    if (!this.image || name === "study" || name === "instance") this.load();
    else queueMicrotask(() => this.showAi());
  }

  async showAi() {
    const { signal } = this.loading;
    try {
      const heat = await this.fetchHeat(this.getAttribute("study"), signal);
      if (!signal.aborted) this.take(heat);
    } catch (error) {
      if (error.name !== "AbortError") throw error;
    }
  }

  find = (name) => this.querySelector(`[data-is="${name}"], [data-do="${name}"]`);

  /** Fetch what the attributes name and show it; a newer call ends an older one. */
  async load() {
    this.loading?.abort();
    const { signal } = (this.loading = new AbortController());
    const study = this.getAttribute("study");
    this.say("Loading the image …");
    try {
      const heat = await this.fetchHeat(study, signal);
      const chosen = await this.choose(study, heat?.of, signal);
      const image = await fetchImage({ study, ...chosen }, signal);
      if (signal.aborted) return;
      this.show(image, heat);
    } catch (error) {
      if (error.name === "AbortError" || signal.aborted) return;
      this.say(error instanceof ImageFailed ? error.message : "The image could not be shown.", true);
    }
  }

  /** First the image that the model means, later the reader's choice. */
  async choose(study, meant, signal) {
    if (this.getAttribute("instance")) return { series: this.getAttribute("series"), instance: this.getAttribute("instance") };
    this.instances = await listInstances(study, signal);
    if (!this.instances.length) throw new ImageFailed("The images are not here yet.");
    const list = this.find("images");
    const first = this.instances.findIndex(({ instance }) => instance === meant);
    const index = Math.max(list.options.length ? list.selectedIndex : first, 0);
    list.replaceChildren(...this.instances.map(({ label }, i) => new Option(`${i + 1} of ${this.instances.length} ${label}`, i)));
    list.selectedIndex = Math.min(index, this.instances.length - 1);
    this.querySelector(".dv-images").hidden = this.instances.length < 2;
    return this.instances[list.selectedIndex];
  }

  /** The heat map as 0..255; a map that is not to be had must not take the image away. */
  async fetchHeat(study, signal) {
    const [series, instance] = [this.getAttribute("heat-series"), this.getAttribute("heat-instance")];
    if (!series || !instance) return null;
    try {
      const map = await fetchImage({ study, series, instance }, signal);
      const { slope, offset } = ramp(map, map.presets.acquired);
      return { ...map, levels: Uint8Array.from(map.stored, (level) => Math.min(Math.max(level * slope + offset, 0), 1) * 255) };
    } catch (error) {
      if (error.name === "AbortError") throw error;
      return null;
    }
  }

  show(image, heat) {
    this.painter ??= painterFor(this.canvas, this.hasAttribute("software"));
    try {
      this.painter.load(image);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.replaceCanvas();
      this.painter.load(image);
    }
    this.image = image;
    this.dataset.painter = this.painter.kind;
    this.say("");
    this.reset();
    this.take(heat);
    this.dispatchEvent(new Event("load"));
  }

  /** What the model shows belongs to one image: on any other it would mark a place that was never meant. */
  take(given) {
    const elsewhere = given ? given.of && given.of !== this.image.instance : this.instances?.length > 1;
    const heat = elsewhere ? null : given;
    this.painter.heat(heat);
    this.region = elsewhere ? undefined : this.getAttribute("region")?.split(",").map(Number);
    this.querySelector(".dv-ai").hidden = !heat && !this.region;
    this.querySelector(".dv-heat").hidden = !heat;
    this.find("region").hidden = !this.region;
    this.draw();
  }

  /** A canvas keeps its first context: an image over the texture limit needs another one. */
  replaceCanvas() {
    const fresh = this.canvas.cloneNode();
    this.canvas.replaceWith(fresh);
    this.canvas = fresh;
    this.painter = painterFor(fresh, true);
    this.listenCanvas();
  }

  say(words, again = false) {
    const message = this.querySelector(".dv-message");
    message.textContent = words;
    message.hidden = !words;
    if (!again) return;
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Try again" });
    button.addEventListener("click", () => this.load());
    message.append(button);
  }

  reset() {
    Object.assign(this.view, this.image.presets.acquired, { invert: false, outline: true });
    this.find("preset").value = "acquired";
    this.find("heat").value = this.getAttribute("heat") ?? 30;
    this.fit();
  }

  fit() {
    this.view.fitted = true;
    this.resize();
  }

  resize() {
    if (!this.image) return;
    const scale = devicePixelRatio || 1;
    this.canvas.width = Math.max(Math.round(this.stage.clientWidth * scale), 1);
    this.canvas.height = Math.max(Math.round(this.stage.clientHeight * scale), 1);
    if (this.view.fitted) {
      const { columns, rows, aspect } = this.image;
      this.view.zoom = Math.min(this.canvas.width / columns, this.canvas.height / (rows * aspect));
      Object.assign(this.view, { x: columns / 2, y: rows / 2 });
    }
    this.draw();
  }

  /** Canvas pixel of the image's corner, and image pixels in a canvas pixel. */
  placement() {
    const { zoom, x, y } = this.view;
    const pace = [1 / zoom, 1 / (zoom * this.image.aspect)];
    return { pace, origin: [Math.round(this.canvas.width / 2 - x / pace[0]), Math.round(this.canvas.height / 2 - y / pace[1])] };
  }

  draw() {
    if (!this.image) return;
    const { view, image } = this;
    const { origin, pace } = this.placement();
    this.painter.paint({
      origin,
      pace,
      ...ramp(image, view),
      opacity: this.find("heat").value / 100,
      invert: view.invert !== image.inverted, // MONOCHROME1: inverted after windowing
    });
    const scale = devicePixelRatio || 1;
    const box = this.querySelector(".dv-region");
    box.hidden = !this.region || !view.outline;
    if (this.region) {
      const [row, column, height, width] = this.region;
      const place = (start, length, count, axis) => [(origin[axis] + (start * count) / pace[axis]) / scale, (length * count) / pace[axis] / scale];
      const [top, tall] = place(row, height, image.rows, 1);
      const [left, wide] = place(column, width, image.columns, 0);
      Object.assign(box.style, { top: `${top}px`, left: `${left}px`, width: `${wide}px`, height: `${tall}px` });
    }
    const bar = this.querySelector(".dv-scale");
    bar.hidden = !image.millimetres;
    if (image.millimetres) bar.firstElementChild.style.width = `${50 / image.millimetres / pace[0] / scale}px`;
    this.querySelector(".dv-readout").textContent =
      `Window ${Math.round(view.width)} · Level ${Math.round(view.center)} · ${Math.round((view.zoom / scale) * 100)} %${view.invert ? " · inverted" : ""}`;
    this.find("invert").setAttribute("aria-pressed", view.invert);
    this.find("drag").setAttribute("aria-pressed", view.moves);
    this.find("region").setAttribute("aria-pressed", view.outline);
  }

  /** Zoom around a canvas point, so that what lies under the pointer stays there. */
  zoomBy(factor, at = [this.canvas.width / 2, this.canvas.height / 2]) {
    const { origin, pace } = this.placement();
    const [column, row] = [0, 1].map((axis) => (at[axis] - origin[axis]) * pace[axis]);
    const zoom = Math.min(Math.max(this.view.zoom * factor, 0.02), 40);
    const kept = this.view.zoom / zoom;
    Object.assign(this.view, { zoom, fitted: false, x: column + (this.view.x - column) * kept, y: row + (this.view.y - row) * kept });
    this.draw();
  }

  move(across, down) {
    const { pace } = this.placement();
    const scale = devicePixelRatio || 1;
    Object.assign(this.view, { fitted: false, x: this.view.x - across * scale * pace[0], y: this.view.y - down * scale * pace[1] });
    this.draw();
  }

  /** Change window and level by shares of the image's own range. */
  window(wider, higher) {
    const range = this.image.presets.full.width;
    this.view.width = Math.max(this.view.width + wider * range, 1);
    this.view.center += higher * range;
    this.find("preset").value = "own";
    this.draw();
  }

  act(name) {
    if (!this.image) return;
    const { view } = this;
    switch (name) {
      case "in": return this.zoomBy(1.25);
      case "out": return this.zoomBy(0.8);
      case "fit": return this.fit();
      case "actual":
        Object.assign(view, { zoom: 1, fitted: false });
        break;
      case "invert":
        view.invert = !view.invert;
        break;
      case "drag":
        view.moves = !view.moves;
        break;
      case "region":
        view.outline = !view.outline;
        break;
      case "heat":
        this.find("heat").value = Number(this.find("heat").value) ? 0 : 30;
        break;
      case "reset": return this.reset();
    }
    this.draw();
  }

  listen() {
    this.querySelector(".dv-tools").addEventListener("click", (event) => {
      const button = event.target.closest("[data-do]");
      if (button) this.act(button.dataset.do);
    });
    this.find("preset").addEventListener("change", (event) => {
      if (!this.image) return;
      Object.assign(this.view, this.image.presets[event.target.value]);
      this.draw();
    });
    this.find("images").addEventListener("change", () => this.load());
    this.find("heat").addEventListener("input", () => this.draw());
    this.listenCanvas();
  }

  listenCanvas() {
    const pointers = new Map();
    this.canvas.addEventListener("pointerdown", (event) => {
      if (event.button > 1) return;
      this.canvas.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, [event.clientX, event.clientY]);
    });
    const over = (event) => pointers.delete(event.pointerId);
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) this.canvas.addEventListener(name, over);
    this.canvas.addEventListener("pointermove", (event) => this.drag(event, pointers));
    this.canvas.addEventListener("wheel", (event) => {
      if (!this.image) return;
      event.preventDefault();
      const scale = devicePixelRatio || 1;
      this.zoomBy(Math.exp(-event.deltaY / 400), [event.offsetX * scale, event.offsetY * scale]);
    }, { passive: false });
    this.canvas.addEventListener("keydown", (event) => this.press(event));
  }

  drag(event, pointers) {
    const before = pointers.get(event.pointerId);
    if (!before || !this.image) return;
    const now = [event.clientX, event.clientY];
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    pointers.set(event.pointerId, now);
    if (other) {
      const spread = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]);
      const corner = this.canvas.getBoundingClientRect();
      const middle = [(now[0] + other[0]) / 2 - corner.left, (now[1] + other[1]) / 2 - corner.top];
      this.zoomBy(spread(now) / Math.max(spread(before), 1), middle.map((place) => place * (devicePixelRatio || 1)));
      return;
    }
    const [across, down] = [now[0] - before[0], now[1] - before[1]];
    if (this.view.moves || event.shiftKey || event.buttons === 4) this.move(across, down);
    else this.window(across / 600, down / 600);
  }

  press(event) {
    if (!this.image || event.ctrlKey || event.metaKey || event.altKey) return;
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const names = { "+": "in", "=": "in", "-": "out", 0: "fit", 1: "actual", i: "invert", r: "reset", h: "heat", b: "region" };
    const arrow = arrows[event.key];
    if (arrow && event.shiftKey) this.window(arrow[0] / 40, -arrow[1] / 40);
    else if (arrow) this.move(arrow[0] * STEP, arrow[1] * STEP);
    else if (names[event.key.toLowerCase()]) this.act(names[event.key.toLowerCase()]);
    else return;
    event.preventDefault();
  }
}

customElements.define("dicom-view", DicomView);
