// The energy above, the trajectories so far below; between two steps, points and sigma are drawn where they pass.
const SECONDS = 6, CURVE = 240, WINDOW = 6, EDGE = 1.08;  // WINDOW: of energies, in nats above the lowest; EDGE: of x

class Rolling {
  constructor(parent) {
    this.root = document.createElement("div");
    this.root.className = "rolling";
    this.root.innerHTML = `<canvas role="img"></canvas><div class="row"><button type="button">↻ Replay</button>
      <input type="range" min="0" step="any" aria-label="Step of the flow"><output></output></div>`;
    parent.append(this.root);
    [this.canvas, this.button, this.slider, this.output] = ["canvas", "button", "input", "output"].map((tag) => this.root.querySelector(tag));
    this.button.onclick = () => this.play();
    this.slider.oninput = () => {
      this.stop();
      this.draw(Number(this.slider.value));
    };
    this.resized = new ResizeObserver(() => this.draw(this.time));
    this.resized.observe(this.canvas);
    // Streamlit changes the theme without calling the component.
    this.watching = setInterval(() => this.ink !== getComputedStyle(this.root).color && this.draw(this.time), 500);
  }

  update(data) {
    const told = JSON.stringify(data);
    if (told === this.told) return;
    this.told = told;
    const [rows, schedule, starts] = data;
    Object.assign(this, { rows, schedule });
    this.path = [starts];
    for (const sigma of schedule) this.path.push(this.path.at(-1).map((x) => posteriorMean(rows, x, sigma)));
    this.steps = schedule.length;
    this.slider.max = this.steps;
    this.xs = Array.from({ length: CURVE + 1 }, (_, k) => EDGE * ((2 * k) / CURVE - 1));
    const last = this.xs.map((x) => energy(rows, x, schedule.at(-1)));
    this.deepest = this.xs[last.indexOf(Math.min(...last))];
    this.canvas.setAttribute("aria-label", `The smoothed energy and ${starts.length} points that follow it down in ${this.steps} steps`);
    this.time = 0;
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) this.draw(this.steps);
    else this.play();
  }

  play() {
    this.stop();
    const begun = performance.now();
    const frame = (now) => {
      const time = Math.min(Math.max((now - begun) / (1000 * SECONDS), 0), 1) * this.steps;
      this.draw(time);
      this.frame = time < this.steps ? requestAnimationFrame(frame) : undefined;
    };
    this.frame = requestAnimationFrame(frame);
  }

  stop() {
    cancelAnimationFrame(this.frame);
    this.frame = undefined;
  }

  leave() {
    this.stop();
    this.resized.disconnect();
    clearInterval(this.watching);
  }

  draw(time) {
    const width = this.canvas.clientWidth, height = this.canvas.clientHeight;
    if (!this.path || !width) return;
    this.time = time;
    const step = Math.min(Math.floor(time), this.steps - 1), part = time - step;
    const at = (k) => this.schedule[Math.min(k, this.steps - 1)];
    const sigma = at(step) * (at(step + 1) / at(step)) ** part;
    const now = this.path[step].map((x, k) => x + part * (this.path[step + 1][k] - x));
    this.slider.value = time;
    this.output.textContent = `σ = ${sigma.toPrecision(2)}`;
    this.root.dataset.step = Math.floor(time);

    const ratio = window.devicePixelRatio || 1, style = getComputedStyle(this.root);
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.ink = style.color;
    const accent = style.getPropertyValue("--st-primary-color") || "red", fill = style.getPropertyValue("--st-secondary-background-color");
    const g = this.canvas.getContext("2d"), X = (x) => (width / 2) * (1 + x / EDGE);
    g.scale(ratio, ratio);

    // The energy, in a window that opens as its wells deepen.
    const values = this.xs.map((x) => energy(this.rows, x, sigma)), low = Math.min(...values);
    const span = Math.min(Math.max(...values) - low, WINDOW), ground = 0.68 * height, top = 22;
    const Y = (value) => ground - 8 - ((ground - top - 8) * (value - low)) / span;
    g.save();
    g.beginPath();
    g.rect(0, top, width, ground - top);
    g.clip();
    g.beginPath();
    this.xs.forEach((x, k) => g.lineTo(X(x), Y(values[k])));
    g.lineWidth = 3;
    g.strokeStyle = this.ink;
    g.stroke();
    g.lineTo(width, ground);
    g.lineTo(0, ground);
    g.fillStyle = fill;
    g.fill();
    g.restore();

    // The way of each point so far: steps go down.
    const down = (k) => ground + 6 + ((height - ground - 12) * k) / this.steps;
    g.globalAlpha = 0.55;
    g.strokeStyle = accent;
    g.lineWidth = 1.2;
    g.beginPath();
    now.forEach((x, n) => {
      for (let k = 0; k <= step; k++) g[k ? "lineTo" : "moveTo"](X(this.path[k][n]), down(k));
      g.lineTo(X(x), down(time));
    });
    g.stroke();
    g.globalAlpha = 1;
    g.setLineDash([4, 4]);
    g.strokeStyle = this.ink;
    g.lineWidth = 1;
    g.beginPath();
    g.moveTo(X(this.deepest), top);
    g.lineTo(X(this.deepest), height);
    g.stroke();
    g.setLineDash([]);
    for (const x of now) {
      const y = Math.max(Y(energy(this.rows, x, sigma)) - 6, 6);
      g.beginPath();
      g.arc(X(x), y, 6, 0, 2 * Math.PI);
      g.fillStyle = accent;
      g.fill();
      g.strokeStyle = style.getPropertyValue("--st-background-color") || "white";
      g.stroke();
    }
    g.fillStyle = this.ink;
    g.font = "13px sans-serif";
    g.textBaseline = "top";
    g.textAlign = "left";
    g.fillText("energy E(x, σ)", 6, 4);
    g.fillText("steps ↓", 6, ground + 6);
    g.textAlign = this.deepest < 0.5 ? "left" : "right";
    g.fillText("deepest in the end", X(this.deepest) + (this.deepest < 0.5 ? 5 : -5), 4);
  }
}

export default function ({ data, parentElement }) {
  if (!parentElement.rolling) parentElement.rolling = new Rolling(parentElement);
  parentElement.rolling.update(data);
  return () => {
    parentElement.rolling?.leave();
    parentElement.rolling?.root.remove();
    delete parentElement.rolling;
  };
}
