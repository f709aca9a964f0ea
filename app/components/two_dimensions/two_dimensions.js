// The page "Two dimensions" in the browser: points are drawn, sigma and the step slide, and the picture follows at once.
// What a visitor has set goes to the server when a gesture ends: it keeps it in the URL and sends the exact threshold back.

const VIEW = 1.25;  // the picture shows [-VIEW, VIEW]^2
const POINT = "#ff9d2e";
const NEAR = 0.06;  // how close to a point the pointer grabs or erases it
const SPRAY = { radius: 0.15, milliseconds: 60 };
const PLAY_MILLISECONDS = 4000;

const digits = (x) => (x === undefined ? "…" : x >= 0.1 || x === 0 ? x.toFixed(3) : x.toPrecision(3));

class Plane extends Drawn {
  constructor(root) {
    super(root);
    this.thresholds = new Map();  // exact thresholds that the server has sent, by points
    this.tool = "add";
    this.turn = 0.7;
    this.listen();
  }

  // --- what the server says, and what it is told ---

  update(data, tell) {
    this.tell = tell;
    this.thresholds.set(JSON.stringify(data.points), data.threshold);
    if (data.revision === this.revision) return this.draw();  // the browser knows better than an answer under way
    Object.assign(this, data, { before: undefined, history: [] });
    this.starts = grid(data.starts_a_side);
    this.find(".step").max = this.steps;
    this.stop();
    this.draw();
  }

  told() {  // once a gesture has ended
    clearTimeout(this.telling);
    this.telling = setTimeout(() => {
      const { points, sigma, step, view } = this;
      this.tell({ points, sigma, step, view, revision: this.revision });
    }, 200);
  }

  message(text) {
    this.find(".message").textContent = text;
  }

  // --- numbers ---

  numbers(points, found) {
    const path = flow(points, this.starts, this.sigmas);
    return {
      "points": points.length,
      "D/2": digits(diameter(points) / 2),
      "exact threshold": digits(this.thresholds.get(JSON.stringify(points))),
      "not convex, of the picture": `${(100 * found.share).toFixed(1)} %`,
      "different ends of the flow": distinct(path.at(-1), this.same).length,
    };
  }

  compute() {
    this.sigmas = schedule(this.sigma, this.sigma_range[0], this.steps);
    this.now = this.sigmas[Math.min(this.step, this.steps - 1)];  // the smoothing of the step that comes next
    this.path = flow(this.points, this.starts, this.sigmas);
    this.found = field(this.points, this.now, VIEW, this.points.length > 60 ? 96 : 160);
    this.foundBefore = this.before && field(this.before, this.now, VIEW, 64);
    this.table = [this.numbers(this.points, this.found), this.before && this.numbers(this.before, this.foundBefore)];
  }

  // --- changes ---

  change(points) {  // to be called once a gesture; what follows within it changes this.points in place
    this.earlier = this.before;
    this.before = this.points;
    this.history.push(this.points);
    this.points = points;
  }

  add(x, y) {
    const limit = (v) => Math.min(Math.max(Math.round(100 * v) / 100, -1), 1);
    if (this.points.length >= this.most_points) return this.message(`At most ${this.most_points} points.`);
    this.points.push([limit(x), limit(y)]);
  }

  nearest(x, y) {
    const away = this.points.map(([u, v]) => Math.hypot(u - x, v - y));
    const k = away.indexOf(Math.min(...away));
    return away[k] < NEAR ? k : -1;
  }

  erase(x, y) {
    const k = this.nearest(x, y);
    if (k < 0) return;
    if (this.points.length === 1) return this.message("The plane needs at least one point.");
    this.points.splice(k, 1);
  }

  play() {
    if (this.playing) {
      this.stop();
      return this.told();
    }
    if (this.step >= this.steps) this.step = 0;
    this.find('[data-action="play"]').textContent = "❚❚ Pause";
    this.playing = setInterval(() => {
      if (this.step >= this.steps) {
        this.stop();
        return this.told();
      }
      this.step += 1;
      this.draw();
    }, Math.max(PLAY_MILLISECONDS / this.steps, 40));
  }

  stop() {
    clearInterval(this.playing);
    this.playing = undefined;
    this.find('[data-action="play"]').textContent = "▶ Play";
  }

  // --- the pointer and the controls ---

  listen() {
    const at = (event) => {
      const box = this.canvas.getBoundingClientRect(), { left, top, side } = this.frame;
      return [VIEW * ((2 * (event.clientX - box.left - left)) / side - 1), VIEW * (1 - (2 * (event.clientY - box.top - top)) / side)];
    };
    this.canvas.onpointerdown = (event) => {
      this.pointer = at(event);
      if (this.view === "contours" && Math.max(...this.pointer.map(Math.abs)) > VIEW) return;
      this.canvas.setPointerCapture(event.pointerId);
      this.message("");
      this.stop();
      this.gesture = this.view === "surface" ? "turn" : this.tool;
      if (this.gesture === "turn") return;
      this.change(this.points.map((point) => [...point]));
      const [x, y] = this.pointer;
      this.held = this.gesture === "add" ? this.nearest(x, y) : -1;
      if (this.gesture === "erase") this.erase(x, y);
      if (this.gesture === "add" && this.held < 0) this.add(x, y);
      if (this.gesture === "spray") this.spraying = setInterval(() => this.spray(), SPRAY.milliseconds);
      if (this.gesture === "spray") this.spray();
      this.draw();
    };
    this.canvas.onpointermove = (event) => {
      if (!this.gesture) return;
      const [x, y] = at(event);
      if (this.gesture === "turn") this.turn += x - this.pointer[0];
      this.pointer = [x, y];
      if (this.gesture === "erase") this.erase(x, y);
      if (this.held >= 0) this.points[this.held] = [x, y].map((v) => Math.min(Math.max(Math.round(100 * v) / 100, -1), 1));
      this.later();
    };
    this.canvas.onpointerup = this.canvas.onpointercancel = (event) => {
      if (!this.gesture) return;
      clearInterval(this.spraying);
      const drawn = this.gesture !== "turn", same = JSON.stringify(this.points) === JSON.stringify(this.before);
      this.gesture = undefined;
      this.held = -1;
      if (drawn && (same || event.type === "pointercancel")) {  // nothing was hit, or a finger scrolls the page
        this.points = this.history.pop();
        this.before = this.earlier;
      } else if (drawn) this.told();
      this.draw();
    };
    for (const button of this.root.querySelectorAll("button")) {
      button.onclick = () => {
        const { tool, view, action } = button.dataset;
        if (tool) this.tool = tool;
        if (view) this.view = view;
        if (action === "play") this.play();
        if (action === "undo" && this.history.length) {
          this.before = this.points;
          this.points = this.history.pop();
        }
        if (view || action === "undo") this.told();
        this.draw();
      };
    }
    const sigma = this.find(".sigma"), step = this.find(".step");
    sigma.oninput = () => {
      const [low, high] = this.sigma_range;
      this.stop();
      const exact = low * (high / low) ** (sigma.value / 1000);
      this.sigma = exact < 0.1 ? Number(exact.toPrecision(3)) : Math.round(200 * exact) / 200;
      this.later();
    };
    step.oninput = () => {
      this.stop();
      this.step = Number(step.value);
      this.later();
    };
    sigma.onchange = step.onchange = () => this.told();
    this.watch(this.find(".picture"));
  }

  leave() {
    this.unwatch();
    for (const timer of [this.spraying, this.playing]) clearInterval(timer);
    clearTimeout(this.telling);
  }

  spray() {
    const distance = SPRAY.radius * Math.sqrt(-2 * Math.log(1 - Math.random())) / 2, angle = 2 * Math.PI * Math.random();
    this.add(this.pointer[0] + distance * Math.cos(angle), this.pointer[1] + distance * Math.sin(angle));
    this.later();
  }

  // --- drawing ---

  draw() {
    if (!this.points) return;
    this.compute();
    this.controls();
    const width = this.find(".picture").clientWidth;
    if (!width) return;
    this.ink = getComputedStyle(this.root).color;
    const small = width < 420, left = small ? 36 : 46, right = small ? 60 : 68, side = Math.round(width - left - right);
    this.frame = { left, top: 6, side };
    const height = side + 46, ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.canvas.style.height = `${height}px`;
    this.canvas.className = this.view === "surface" ? "pan turn" : this.tool === "add" ? "" : "pan";
    const g = this.canvas.getContext("2d");
    g.scale(ratio, ratio);
    g.font = `${small ? 11 : 13}px sans-serif`;
    if (this.view === "surface") this.surface(g);
    else this.contours(g, ratio);
    this.colourBar(g, width);
    this.root.dataset.drawn = `${this.step} ${this.sigma} ${this.points.length} ${this.view}`;
  }

  controls() {
    const [low, high] = this.sigma_range, place = (sigma) => Math.log(sigma / low) / Math.log(high / low);
    const convex = this.thresholds.get(JSON.stringify(this.points));
    this.find(".sigma").value = Math.round(1000 * place(this.sigma));
    this.find(".sigma-value").textContent = this.sigma.toPrecision(3);
    this.find(".step").value = this.step;
    this.find(".step-value").textContent = `${this.step} of ${this.steps}, σ = ${this.now.toPrecision(3)}`;
    for (const [name, sigma] of [["exact", convex], ["half", diameter(this.points) / 2]]) {
      const mark = this.find(`.mark.${name}`);
      mark.style.visibility = sigma >= low && sigma <= high ? "visible" : "hidden";
      if (sigma >= low && sigma <= high) mark.style.left = `${100 * place(sigma)}%`;
    }
    for (const button of this.root.querySelectorAll("[data-tool], [data-view]")) {
      button.setAttribute("aria-pressed", [this.tool, this.view].includes(button.dataset.tool ?? button.dataset.view));
    }
    this.find('[data-action="undo"]').disabled = !this.history.length;
    const [now, before] = this.table;
    this.find("tbody").replaceChildren(...Object.keys(now).map((name) => {
      const row = document.createElement("tr");
      for (const text of [name, now[name], before ? before[name] : "–"]) row.insertCell().textContent = text;
      return row;
    }));
  }

  height(energy) {  // 0 for the lowest energy in the picture, 1 for the highest
    return (energy - this.found.low) / (this.found.high - this.found.low || 1);
  }

  contours(g, ratio) {
    const { left, top, side } = this.frame, { n, energy, bend } = this.found;
    const pixels = Math.round(side * ratio), image = new ImageData(pixels, pixels), scale = (n - 1) / (pixels - 1);
    const shades = Array.from({ length: 256 }, (_, k) => ramp(VIRIDIS, k / 255)), period = 8 * ratio;
    for (let q = 0; q < pixels; q++) {
      const v = (pixels - 1 - q) * scale, j = Math.min(Math.floor(v), n - 2), t = v - j;
      for (let p = 0; p < pixels; p++) {
        const u = p * scale, i = Math.min(Math.floor(u), n - 2), s = u - i, k = j * n + i;
        const mix = (f) => (1 - t) * ((1 - s) * f[k] + s * f[k + 1]) + t * ((1 - s) * f[k + n] + s * f[k + n + 1]);
        const rgb = shades[Math.round(255 * Math.sqrt(this.height(mix(energy))))] ?? shades[0];
        const shade = mix(bend) >= 0 ? 0 : (p + q) % period < 1.6 * ratio ? 0.85 : 0.16;
        for (let c = 0; c < 3; c++) image.data[4 * (q * pixels + p) + c] = rgb[c] + shade * (255 - rgb[c]);
        image.data[4 * (q * pixels + p) + 3] = 255;
      }
    }
    g.putImageData(image, Math.round(left * ratio), Math.round(top * ratio));  // in pixels of the screen

    const X = (x) => left + (side * (x / VIEW + 1)) / 2, Y = (y) => top + (side * (1 - y / VIEW)) / 2;
    g.save();
    g.beginPath();
    g.rect(left, top, side, side);
    g.clip();
    const lines = ({ n: m }, segments) => {
      g.beginPath();
      for (const [a, b, c, d] of segments) {
        g.moveTo(left + (side * a) / (m - 1), top + side * (1 - b / (m - 1)));
        g.lineTo(left + (side * c) / (m - 1), top + side * (1 - d / (m - 1)));
      }
      g.stroke();
    };
    g.strokeStyle = "rgba(0, 0, 0, 0.35)";
    g.lineWidth = 1;
    for (let k = 1; k < 14; k++) {
      lines(this.found, contour(energy, n, this.found.low + (k / 14) ** 2 * (this.found.high - this.found.low)));
    }
    g.strokeStyle = "white";
    g.lineWidth = 2;
    lines(this.found, contour(bend, n, 0));
    if (this.foundBefore) {
      for (const [style, width, dashes] of [["black", 3.5, [6, 5]], ["white", 1.5, [6, 5]]]) {
        g.strokeStyle = style;
        g.lineWidth = width;
        g.setLineDash(dashes);
        lines(this.foundBefore, contour(this.foundBefore.bend, this.foundBefore.n, 0));
      }
      g.setLineDash([]);
    }
    this.marks(g, ([x, y]) => [X(x), Y(y)]);
    g.restore();

    g.fillStyle = g.strokeStyle = this.ink;
    g.lineWidth = 1;
    g.strokeRect(left, top, side, side);
    g.textAlign = "center";
    g.textBaseline = "top";
    for (const tick of [-1, -0.5, 0, 0.5, 1]) g.fillText(tick, X(tick), top + side + 6);
    g.fillText("x₁ (units of the data)", left + side / 2, top + side + 24);
    g.textBaseline = "middle";
    g.textAlign = "right";
    for (const tick of [-1, -0.5, 0.5, 1]) g.fillText(tick, left - 6, Y(tick));
    g.fillText("x₂", left - 6, Y(0));
  }

  marks(g, place) {  // paths up to the step, where they are, and the points
    const drawn = this.path.slice(0, this.step + 1);
    for (const [style, width] of [["rgba(0, 0, 0, 0.5)", 2.5], ["#ffd9bd", 1.2]]) {
      g.strokeStyle = style;
      g.lineWidth = width;
      g.beginPath();
      this.starts.forEach((_, k) => drawn.forEach((points, i) => g[i ? "lineTo" : "moveTo"](...place(points[k]))));
      g.stroke();
    }
    g.lineWidth = 1;
    g.strokeStyle = "black";
    for (const [marks, fill, size] of [[drawn.at(-1), "white", 4], [this.points, POINT, 5]]) {
      g.fillStyle = fill;
      for (const mark of marks) {
        const [x, y] = place(mark);
        g.beginPath();
        if (fill === POINT) for (const [a, b] of [[1, 0], [0, 1], [-1, 0], [0, -1]]) g.lineTo(x + size * a, y + size * b);
        else g.arc(x, y, size, 0, 2 * Math.PI);
        g.closePath();
        g.fill();
        g.stroke();
      }
    }
  }

  surface(g) {  // seen from a side and above; the patches farthest away come first
    const { left, top, side } = this.frame, { n, energy, bend } = this.found, cells = 48, every = (n - 1) / cells;
    // Heights are energies, not their roots as the colours are: what is convex must look so.
    const [cos, sin] = [Math.cos(this.turn), Math.sin(this.turn)], tilt = 0.7;
    const place = ([x, y], z) => {
      const across = (x * cos - y * sin) / VIEW, away = (x * sin + y * cos) / VIEW;
      return [left + side * (0.5 + 0.31 * across), top + side * (0.62 - 0.31 * tilt * away - 0.35 * (z - 0.1)), away];
    };
    const at = (values, i, j) => values[Math.round(j * every) * n + Math.round(i * every)];
    const x = (i) => VIEW * ((2 * Math.round(i * every)) / (n - 1) - 1);
    const patches = [];
    for (let j = 0; j < cells; j++) {
      for (let i = 0; i < cells; i++) {
        const corners = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]];
        const z = corners.map(([a, b]) => this.height(at(energy, a, b)));
        const placed = corners.map(([a, b], k) => place([x(a), x(b)], z[k]));
        const hatched = corners.some(([a, b]) => at(bend, a, b) < 0);
        const rgb = ramp(VIRIDIS, Math.sqrt((z[0] + z[1] + z[2] + z[3]) / 4)).map((v) => (hatched ? v + 0.55 * (255 - v) : v));
        patches.push({ placed, fill: css(rgb), away: placed.reduce((sum, p) => sum + p[2], 0) });
      }
    }
    g.fillStyle = g.strokeStyle = this.ink;  // the square below, which the surface hides where it is in front
    g.lineWidth = 1;
    g.textAlign = "center";
    g.textBaseline = "middle";
    g.beginPath();
    for (const corner of [[-1, -1], [1, -1], [1, 1], [-1, 1]]) g.lineTo(...place(corner.map((v) => VIEW * v), 0).slice(0, 2));
    g.closePath();
    g.stroke();
    for (const [point, text] of [[[1.7, 0], "x₁ = 1.25"], [[0, 1.7], "x₂ = 1.25"], [[-1.7, 0], "x₁ = −1.25"], [[0, -1.7], "x₂ = −1.25"]]) {
      g.fillText(text, ...place(point, 0).slice(0, 2));
    }
    patches.sort((a, b) => b.away - a.away);
    g.lineWidth = 0.4;
    g.strokeStyle = "rgba(0, 0, 0, 0.35)";
    for (const { placed, fill } of patches) {
      g.fillStyle = fill;
      g.beginPath();
      for (const [p, q] of placed) g.lineTo(p, q);
      g.closePath();
      g.fill();
      g.stroke();
    }
    const onSurface = (point) => place(point, this.height(energyAndCurvature(this.points, this.now, ...point).energy));
    this.marks(g, (point) => onSurface(point).slice(0, 2));
    g.fillStyle = this.ink;
    g.textAlign = "center";
    g.textBaseline = "middle";
    g.fillText("height: energy; lighter: not convex; drag to turn", left + side / 2, top + side + 24);
  }

  colourBar(g, width) {
    const { left, top, side } = this.frame, x = left + side + 8, bar = width - x > 50 ? 12 : 9;
    for (let q = 0; q < side; q++) {
      g.fillStyle = css(ramp(VIRIDIS, 1 - q / side));
      g.fillRect(x, top + q, bar, 1.5);
    }
    g.fillStyle = this.ink;
    g.textAlign = "left";
    g.textBaseline = "middle";
    const range = this.found.high - this.found.low;
    for (const t of [0.25, 0.5, 0.75, 0.97]) g.fillText(t ** 2 * range >= 100 ? (t ** 2 * range).toFixed(0) : (t ** 2 * range).toPrecision(2), x + bar + 3, top + side * (1 - t));
    g.save();
    g.translate(width - 7, top + side / 2);
    g.rotate(-Math.PI / 2);
    g.textAlign = "center";
    g.fillText("E − min E (nats)", 0, 0);
    g.restore();
  }
}

// a_side^2 starts on [-1, 1]^2, x1 fastest.
function grid(aSide) {
  const line = Array.from({ length: aSide }, (_, i) => -1 + (2 * i) / (aSide - 1));
  return line.flatMap((y) => line.map((x) => [x, y]));
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".plane");
  if (!root.plane) {
    root.plane = new Plane(root);
    root.mathematics = { energyAndCurvature, posteriorMean, schedule, flow, distinct, diameter, field, contour };
  }
  root.plane.update(data, (settings) => setStateValue("settings", settings));
  return () => {
    root.plane?.leave();
    delete root.plane;
  };
}
