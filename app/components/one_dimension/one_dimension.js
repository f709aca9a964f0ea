// The main plot of the page "One dimension": all that moves in it is computed here, and drawn on one x axis. What a visitor has
// set goes to the server when a gesture ends: it keeps it in the URL, and draws what takes longer.

const ATTAINED = "#009e73", DROPPED = "#e69f00", MISSED = "#888888";  // Okabe and Ito's; missed ways are dashed, too
const LIKELIHOOD = "#56b4e9", POSTERIOR = "#d55e00";
const BLUE = [45, 120, 220], PURPLE = [140, 70, 170], RED = [220, 45, 50];  // of the smallest sigma to the largest
const STARTS = 401, EDGE = 1.04, WINDOW = 8, PLAY_MILLISECONDS = 4000;  // EDGE: of x; WINDOW: of energies, in nats
const HEAT = { width: 260, height: 150, span: 6 };  // points, and the nats above the lowest energy that colours tell apart
const QUIZ_SIGMAS = [0.3, 0.05, 0.5, 0.1, 0.2, 0.8];

const ofSigma = (sigma, alpha) => css(ramp([BLUE, PURPLE, RED], Math.log(sigma / 0.01) / Math.log(100)), alpha);
const short = (v) => (v === 0 ? "0" : Math.abs(v) < 1e-4 ? v.toExponential(1) : String(Number(v.toPrecision(3)))).replace("-", "−");
const round = (v, step) => Math.round(v / step) * step;
const clip = (v, low, high) => Math.min(Math.max(v, low), high);
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

// Question n of the quiz: places that are spread over the domain, and a first sigma.
const question = (n) => ({ start: round(1.9 * ((0.37 + 0.618034 * n) % 1) - 0.95, 0.01), sigma0: QUIZ_SIGMAS[n % QUIZ_SIGMAS.length] });

class Line extends Drawn {
  constructor(root) {
    super(root);
    this.known = {};
    this.score = [0, 0];
    this.number = 0;  // of the settings that the server was told last
    this.listen();
  }

  // --- what the server says, and what it is told ---

  update({ settings, more }, tell) {
    this.tell = tell;
    this.number = Math.max(this.number, more.heard);
    Object.assign(this, more, { exactOf: JSON.stringify(settings.rows) });
    if (more.heard < this.number || this.gesture) return;  // the browser knows better than an answer under way
    for (const [name, value] of Object.entries(settings)) if (!same(value, this.server?.[name])) this[name] = value;
    this.server = settings;
    this.draw();
  }

  told() {  // once a gesture has ended
    clearTimeout(this.telling);
    this.telling = setTimeout(() => {
      this.number += 1;
      const { rows, sigma0, steps, starts, view, step, drops, fixed, probe, question: number } = this;
      const settings = { rows, sigma0, steps, starts, view, step, drops, fixed, probe, question: number };
      this.server = JSON.parse(JSON.stringify(settings));
      this.tell({ ...settings, number: this.number });
    }, 80);
  }

  // --- numbers ---

  of(name, key, make) {  // computed anew when the key is another
    const told = JSON.stringify(key);
    if (this.known[name]?.told !== told) this.known[name] = { told, value: make() };
    return this.known[name].value;
  }

  flowOf(name, sigmas) {  // of all 401 starts, of which the shown ones are a part, and of the dropped ones
    const { rows, drops } = this;
    return this.of(name, [rows, drops, sigmas], () => {
      const path = flow(rows, [...spaced(STARTS), ...drops], sigmas);
      const attained = path.at(-1).map((x) => attains(x, this.goals.lowest, this.tolerance));
      return { path, attained, share: attained.slice(0, STARTS).filter(Boolean).length / STARTS };
    });
  }

  compute() {
    const { rows, steps, sigma_end: end } = this;
    this.step = clip(this.step, 0, steps);
    this.goals = this.of("goals", rows, () => goals(rows, end));
    this.asked = question(this.question);
    const quiz = this.view === "quiz", first = quiz ? this.asked.sigma0 : this.sigma0;
    this.sigmas = SCHEDULES.logarithmic(first, end, steps);
    this.now = this.sigmas[Math.min(this.step, steps - 1)];
    const key = JSON.stringify([rows, steps, this.question]);
    if (key !== this.answeredOf) [this.answeredOf, this.answer] = [key, undefined];
    if (quiz) {
      const path = flow(rows, [this.asked.start], this.sigmas), finish = path.at(-1)[0];
      const away = this.goals.all.map((x) => Math.abs(x - finish));
      this.run = { path, attained: [attains(finish, this.goals.lowest, this.tolerance)], right: away.indexOf(Math.min(...away)) };
      this.shown = [0];
    } else {
      this.run = this.flowOf("flow", this.sigmas);
      const every = (STARTS - 1) / (this.starts - 1);
      this.shown = Array.from({ length: this.starts }, (_, n) => n * every);
    }
    this.dropped = quiz ? [] : this.drops.map((_, n) => STARTS + n);
    this.xs = this.of("grid", rows, () => resolving(rows, 0.02, 401));
    this.curves = this.of("curves", rows, () => this.levels.map((sigma) => this.curve(sigma)));
    this.low = this.of("low", rows, () => Math.min(...this.curves.flat(), ...this.curve(end)));
    this.high = Math.max(this.low + WINDOW, Math.min(...this.curves.at(-1)) + WINDOW / 2);
  }

  curve(sigma) {
    const components = smoothed(this.rows, sigma);
    return this.xs.map((x) => derivatives(components, x)[0]);
  }

  // --- controls and the pointer ---

  play() {
    if (this.playing) {
      this.stop();
      return this.told();
    }
    if (this.step >= this.steps) this.step = 0;
    const wait = Math.max(PLAY_MILLISECONDS / this.steps, 40), stride = Math.ceil((40 * this.steps) / PLAY_MILLISECONDS);
    this.playing = setInterval(() => {
      if (this.step >= this.steps) {
        this.stop();
        this.draw();
        return this.told();
      }
      this.step = Math.min(this.step + stride, this.steps);
      this.draw();
    }, wait);
    this.draw();
  }

  stop() {
    clearInterval(this.playing);
    this.playing = undefined;
  }

  respond(n) {  // to the quiz
    if (this.answer !== undefined || n >= this.goals.all.length) return;
    this.answer = n;
    this.score = [this.score[0] + (n === this.run.right), this.score[1] + 1];
    this.step = 0;
    this.play();
  }

  listen() {
    const [low, high] = [0.01, 2], at = (value) => {
      const sigma = low * (high / low) ** (value / 1000);
      return Number(sigma.toPrecision(sigma < 0.1 ? 2 : 3)) || low;
    };
    const slider = (name, read) => {
      const input = this.find(`.${name}`);
      input.oninput = () => {
        this.stop();
        this[name] = read(Number(input.value));
        this.later();
      };
      input.onchange = () => this.told();
    };
    slider("sigma0", at);
    slider("fixed", at);
    slider("steps", (value) => value);
    slider("step", (value) => value);
    slider("starts", (value) => this.counts[value]);
    this.find('[data-action="play"]').onclick = () => this.play();
    this.find('[data-action="clear"]').onclick = () => {
      this.drops = [];
      this.told();
      this.draw();
    };
    for (const button of this.root.querySelectorAll("[data-view]")) {
      button.onclick = () => {
        this.stop();
        this.view = button.dataset.view;
        if (this.view === "quiz") this.step = 0;
        this.told();
        this.draw();
      };
    }
    this.canvas.onpointerdown = (event) => this.press(event);
    this.canvas.onpointermove = (event) => this.move(event);
    this.canvas.onpointerup = this.canvas.onpointercancel = (event) => this.release(event);
    this.watch(this.canvas);
  }

  leave() {
    this.unwatch();
    clearTimeout(this.telling);
    this.stop();
  }

  where(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  handle([x, y]) {  // the nearest one, if it is near
    const away = this.handles.map((h) => Math.hypot(h.x - x, h.y - y)), n = away.indexOf(Math.min(...away));
    return away[n] < 14 ? this.handles[n] : undefined;
  }

  press(event) {
    if (!this.rows) return;
    const place = this.where(event), held = this.handle(place), x = this.frame.x(place[0]);
    if (!held && (place[1] > this.strip.top || Math.abs(x) > EDGE)) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.before = { rows: this.rows, drops: this.drops, probe: this.probe };
    this.gesture = held ? "component" : "click";
    this.held = held && { ...held, place, from: this.rows[held.k] };
    this.heaviest = this.scale;  // stays while a weight is dragged
    if (!held && this.view === "apart") {
      this.gesture = "probe";
      this.probe = clip(round(x, 0.005), -1, 1);
    }
    this.later();
  }

  move(event) {
    const place = this.where(event), x = this.frame?.x(place[0]);
    if (!this.gesture) {
      this.canvas.style.cursor = this.rows && this.handle(place) ? "grab" : "crosshair";
      return;
    }
    if (this.gesture === "probe") this.probe = clip(round(x, 0.005), -1, 1);
    if (this.gesture === "component") {
      const { k, kind, place: [x0, y0], from: [w, mean, s] } = this.held, moved = x - this.frame.x(x0);
      const heavier = (this.heaviest * (y0 - place[1])) / this.strip.tall;
      const row = kind === "width" ? [w, mean, clip(round(s + moved, 0.005), 0, 1)]
        : [Math.max(round(w + heavier, 0.01), 0.01), clip(round(mean + moved, 0.01), -1, 1), s];
      this.rows = this.rows.map((old, n) => (n === k ? row.map((v) => Number(v.toFixed(4))) : old));
    }
    this.later();
  }

  release(event) {
    if (!this.gesture) return;
    const { gesture } = this;
    this.gesture = undefined;
    if (event.type === "pointercancel") Object.assign(this, this.before);  // a finger scrolls the page
    else if (gesture === "click") this.click(this.where(event));
    else this.told();
    this.draw();
  }

  click(place) {
    const x = clip(round(this.frame.x(place[0]), 0.005), -1, 1);
    if (this.view === "quiz") {
      const away = this.goals.all.map((goal) => Math.abs(goal - x));
      this.respond(away.indexOf(Math.min(...away)));
    } else {
      this.drops = [...this.drops, Number(x.toFixed(3))].slice(-this.most_drops);
      this.told();
    }
  }

  // --- what stands around the picture ---

  controls() {
    const place = (sigma) => Math.round((1000 * Math.log(sigma / 0.01)) / Math.log(200)), quiz = this.view === "quiz";
    const set = (name, value, text) => {
      this.find(`.${name}`).value = value;
      this.find(`.${name}-value`).textContent = text;
    };
    this.find(".step").max = this.steps;
    this.find(".starts").max = this.counts.length - 1;
    set("sigma0", place(this.sigma0), short(this.sigma0));
    set("fixed", place(this.fixed), short(this.fixed));
    set("steps", this.steps, this.steps);
    set("starts", this.counts.indexOf(this.starts), this.starts);
    set("step", this.step, `${this.step} of ${this.steps}, σ = ${short(this.now)}`);
    const waiting = quiz && this.answer === undefined;
    this.find(".step").disabled = this.find('[data-action="play"]').disabled = waiting;
    this.find(".sigma0").disabled = quiz;
    this.find('[data-action="play"]').textContent = this.playing ? "❚❚ Pause" : "▶ Play";
    this.find('[data-action="clear"]').disabled = !this.drops.length;
    this.find('[data-action="clear"]').hidden = ["apart", "quiz"].includes(this.view);
    for (const button of this.root.querySelectorAll("[data-view]")) button.setAttribute("aria-pressed", button.dataset.view === this.view);
    this.find(".of-flow").hidden = ["schedules", "quiz", "apart"].includes(this.view);
    this.find(".of-schedules").hidden = this.view !== "schedules";
    const buttons = quiz ? this.answers() : [];
    if (!same(this.offered, buttons)) {
      this.offered = buttons;
      this.find(".quiz").replaceChildren(...buttons.map(([text, action, disabled]) => {
        const button = document.createElement("button");
        Object.assign(button, { type: "button", textContent: text, disabled });
        button.onclick = () => (action < 0 ? this.another() : this.respond(action));
        return button;
      }));
    }
    const text = this.says();
    if (this.find(".message").textContent !== text) this.find(".message").textContent = text;
  }

  answers() {  // the minima, and another question
    const minima = this.goals.all.slice(0, 8).map((x, n) => [`${letter(n)}: ${x.toFixed(2).replace("-", "−")}`, n, this.answer !== undefined]);
    return [...minima, ["Another", -1, false]];
  }

  another() {
    this.stop();
    this.question += 1;
    this.step = 0;
    this.told();
    this.draw();
  }

  says() {
    const percent = (share) => `${Math.round(100 * share)} %`, { run } = this;
    if (this.view === "quiz") {
      const { start, sigma0 } = this.asked, told = `${this.score[0]} of ${this.score[1]} right.`;
      if (this.answer === undefined) {
        return `Where will the start at x = ${short(start)} end up, from σ₀ = ${sigma0} in ${this.steps} logarithmic steps? `
          + `Click on a minimum of E(x, ${this.goals.last}), or on its letter. ${told}`;
      }
      const place = `${letter(run.right)}${run.attained[0] ? ", a global minimum" : ""}`;
      return `${this.answer === run.right ? "Right" : `Not ${letter(this.answer)}`}: it ends at x = ${short(run.path.at(-1)[0])}, `
        + `nearest to ${place}. ${told}`;
    }
    if (this.view === "schedules") {
      return "The same 401 starts along three schedules; shown are " + `${this.starts}. Constant σ is plain gradient descent on E(x, ${short(this.fixed)}).`;
    }
    if (this.view === "apart") {
      const apart = takeApart(this.rows, this.probe, this.now);
      return `x = ${short(this.probe)}: E = ${short(apart.energy)}, E′ = ${short(apart.gradient)}; the step −σ² E′ = ${short(apart.step)} `
        + `leads to Tweedie's mean ${short(apart.mean)}; standard deviation of the posterior ${short(apart.deviation)}. Click or drag to move x.`;
    }
    const share = `${percent(run.share)} of 401 starts attain the global minimum.`;
    const last = this.drops.length - 1;
    if (last < 0) return `${share} Click on the plot to drop a start; drag the components below.`;
    const end = run.path.at(-1)[STARTS + last];
    return `${share} Yours, from x = ${short(this.drops[last])}, ends at ${short(end)} and ${run.attained[STARTS + last] ? "attains" : "misses"} it.`;
  }

  // --- drawing ---

  draw() {
    const width = this.canvas.clientWidth, height = this.canvas.clientHeight;
    if (!this.rows || !width) return;
    this.compute();
    this.controls();
    const style = getComputedStyle(this.root), ratio = window.devicePixelRatio || 1;
    this.ink = style.color;
    this.ground = style.getPropertyValue("--st-background-color").trim() || "white";
    this.accent = style.getPropertyValue("--st-primary-color").trim() || "red";
    this.size = width < 420 ? 11 : Math.round(0.92 * parseFloat(style.fontSize));
    [this.canvas.width, this.canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    const g = this.canvas.getContext("2d");
    g.scale(ratio, ratio);
    g.font = `${this.size}px sans-serif`;
    const left = (this.view === "joint" ? 4.2 : 3.4) * this.size, right = this.view === "joint" ? 4.2 * this.size : 8, inner = width - left - right;
    this.frame = {
      left, right: left + inner,
      X: (x) => left + (inner * (1 + x / EDGE)) / 2,
      x: (pixels) => EDGE * ((2 * (pixels - left)) / inner - 1),
    };
    const bottom = height - 2.9 * this.size, tall = Math.max(0.15 * height, 52);
    this.strip = { top: bottom - tall, base: bottom, tall: tall - 1.6 * this.size };
    this.components(g);
    this[this.view](g, { top: 1.7 * this.size, bottom: this.strip.top - 0.6 * this.size });
    const attained = this.run.share === undefined ? this.answer : Math.round(100 * this.run.share);
    this.root.dataset.drawn = `${this.view} ${this.step} of ${this.steps} ${this.sigma0} ${attained}`;
  }

  text(g, text, x, y, align = "left", baseline = "middle", fill = this.ink) {
    g.fillStyle = fill;
    g.textAlign = align;
    g.textBaseline = baseline;
    g.fillText(text, x, y);
  }

  box(g, top, bottom, name) {
    const { left, right } = this.frame;
    g.strokeStyle = this.ink;
    g.globalAlpha = 0.35;
    g.lineWidth = 1;
    g.strokeRect(left, top, right - left, bottom - top);
    g.globalAlpha = 1;
    g.save();
    g.translate(0.7 * this.size, (top + bottom) / 2);
    g.rotate(-Math.PI / 2);
    this.text(g, name, 0, 0, "center");
    g.restore();
  }

  polyline(g, points, colour, width, dash = []) {
    g.strokeStyle = colour;
    g.lineWidth = width;
    g.setLineDash(dash);
    g.beginPath();
    points.forEach(([x, y], n) => g[n ? "lineTo" : "moveTo"](x, y));
    g.stroke();
    g.setLineDash([]);
  }

  disc(g, x, y, radius, fill, edge = this.ground) {
    g.beginPath();
    g.arc(x, y, radius, 0, 2 * Math.PI);
    g.fillStyle = fill;
    g.fill();
    g.strokeStyle = edge;
    g.lineWidth = 1;
    g.stroke();
  }

  within(g, top, bottom, paint) {
    const { left, right } = this.frame;
    g.save();
    g.beginPath();
    g.rect(left, top, right - left, bottom - top);
    g.clip();
    paint();
    g.restore();
  }

  components(g) {  // as bumps of a height in proportion to their weight, with handles; the x axis below
    const { X } = this.frame, { base, tall, top } = this.strip;
    this.scale = this.gesture === "component" ? this.heaviest : 1.15 * Math.max(...this.rows.map(([w]) => w), 0.01);
    this.handles = [];
    this.text(g, "components: drag ● weight, mean; □ deviation", this.frame.left + 3, top + 0.6 * this.size);
    this.rows.forEach(([w, mean, s], k) => {
      const high = (tall * w) / this.scale, bump = spaced(81).map((t) => [X(mean + 4 * t * s), base - high * Math.exp(-8 * t * t)]);
      this.within(g, top, base, () => {
        this.polyline(g, s > 0 ? bump : [[X(mean), base], [X(mean), base - high]], this.ink, 1.5);
        g.lineTo(X(mean + 4 * s), base);
        g.lineTo(X(mean - 4 * s), base);
        g.globalAlpha = 0.15;
        g.fillStyle = this.ink;
        g.fill();
        g.globalAlpha = 1;
      });
      const beside = Math.min(X(mean + s), this.frame.right), y = base - high;
      this.handles.push({ k, kind: "mean", x: X(mean), y }, { k, kind: "width", x: Math.max(beside, X(mean) + 11), y: base - high * 0.6065 });
    });
    for (const { kind, x, y } of this.handles) {
      if (kind === "mean") this.disc(g, x, y, 5, this.accent);
      else {
        g.fillStyle = this.ground;
        g.fillRect(x - 3.5, y - 3.5, 7, 7);
        g.strokeStyle = this.accent;
        g.lineWidth = 1.5;
        g.strokeRect(x - 3.5, y - 3.5, 7, 7);
      }
    }
    this.polyline(g, [[this.frame.left, base], [this.frame.right, base]], this.ink, 1);
    for (const tick of [-1, -0.5, 0, 0.5, 1]) this.text(g, String(tick).replace("-", "−"), X(tick), base + 4, "center", "top");
    this.text(g, "x (units of the data)", (this.frame.left + this.frame.right) / 2, base + 5 + this.size, "center", "top");
  }

  minima(g, top, bottom) {
    for (const x of this.goals.lowest) this.polyline(g, [[this.frame.X(x), top], [this.frame.X(x), bottom]], ATTAINED, 1, [2, 4]);
  }

  legend(g, y) {
    let x = this.frame.left;
    this.text(g, "σ", x, y);
    x += this.size;
    for (const sigma of this.levels) {
      this.polyline(g, [[x, y], [x + this.size, y]], ofSigma(sigma), 2.5);
      this.text(g, String(sigma), x + 1.25 * this.size, y);
      x += 1.7 * this.size + g.measureText(String(sigma)).width;
    }
  }

  energies(g, top, bottom, sigma, faint = 0.6) {  // returns the height of an energy
    const { X } = this.frame, Y = (value) => bottom - 6 - ((bottom - top - 12) * (value - this.low)) / (this.high - this.low);
    this.box(g, top, bottom, "E(x, σ), nats");
    this.within(g, top, bottom, () => {
      for (const [curve, level] of this.curves.map((curve, n) => [curve, this.levels[n]])) {
        this.polyline(g, this.xs.map((x, n) => [X(x), Y(curve[n])]), ofSigma(level, faint), 1.3);
      }
      const now = this.curve(sigma);
      this.polyline(g, this.xs.map((x, n) => [X(x), Y(now[n])]), this.ground, 6);
      this.polyline(g, this.xs.map((x, n) => [X(x), Y(now[n])]), ofSigma(sigma), 3.5);
    });
    for (let tick = Math.ceil(this.low); tick <= this.high; tick += Math.ceil((this.high - this.low) / 6)) {
      this.text(g, String(tick).replace("-", "−"), this.frame.left - 4, Y(tick), "right");
    }
    return (value) => clip(Y(value), top + 5, bottom - 3);
  }

  colour(run, n) {
    return n >= STARTS ? DROPPED : run.attained[n] ? ATTAINED : MISSED;
  }

  ways(g, top, bottom, run, upto, halo = false) {  // the trajectories, steps down; what is still to come is faint
    const { X } = this.frame, S = run.path.length - 1, Y = (i) => top + 5 + ((bottom - top - 10) * i) / S;
    this.within(g, top, bottom, () => {
      for (const n of [...this.shown, ...this.dropped]) {
        const points = run.path.map((points, i) => [X(points[n]), Y(i)]), dash = run.attained[n] ? [] : [4, 3];
        const width = n >= STARTS ? 2.5 : 1.2, colour = this.colour(run, n);
        g.globalAlpha = 0.22;
        this.polyline(g, points.slice(upto), colour, width, dash);
        g.globalAlpha = 0.85;
        this.polyline(g, points.slice(0, upto + 1), colour, width, dash);
        g.globalAlpha = 1;
      }
    });
    for (const n of [...this.shown, ...this.dropped]) this.disc(g, X(run.path[upto][n]), Y(upto), n >= STARTS ? 5 : 3, this.colour(run, n), halo ? "black" : this.ground);
    return Y;
  }

  stepAxis(g, Y, S) {
    for (const i of [...new Set([0, Math.round(S / 2), S])]) this.text(g, i, this.frame.left - 4, Y(i), "right");
  }

  flow(g, { top, bottom }) {
    const middle = top + 0.6 * (bottom - top), { X } = this.frame, { run } = this;
    this.legend(g, 0.7 * this.size);
    const Y = this.energies(g, top, middle, this.now);
    this.minima(g, top, bottom);
    const components = smoothed(this.rows, this.now);
    for (const n of [...this.shown, ...this.dropped]) {
      const x = run.path[this.step][n];
      this.disc(g, X(x), Y(derivatives(components, x)[0]), n >= STARTS ? 6 : 3.5, this.colour(run, n));
    }
    this.box(g, middle + 8, bottom, "step");
    this.stepAxis(g, this.ways(g, middle + 8, bottom, run, this.step), this.steps);
    const word = this.goals.lowest.length > 1 ? "global minima" : "global minimum", x = X(this.goals.lowest[0]), far = this.goals.lowest[0] < 0.4;
    this.text(g, word, x + (far ? 5 : -5), bottom - 0.7 * this.size, far ? "left" : "right", "middle", ATTAINED);
  }

  joint(g, { top, bottom }) {  // E over x and sigma, sigma going down; lighter where E'' < 0
    const [first, last] = [2, this.sigma_end], { left, right, X } = this.frame, Y = (sigma) => top + ((bottom - top) * Math.log(sigma / first)) / Math.log(last / first);
    const { width, height, span } = HEAT;
    const { image, lowest } = this.of("heat", this.rows, () => {
      const found = Array.from({ length: height }, (_, q) => {
        const components = smoothed(this.rows, first * (last / first) ** ((q + 0.5) / height));
        return Array.from({ length: width }, (_, p) => derivatives(components, EDGE * ((2 * (p + 0.5)) / width - 1)));
      });
      const lowest = Math.min(...found.flat().map(([E]) => E)), data = new ImageData(width, height);
      found.flat().forEach(([E, , bend], n) => {
        const rgb = ramp(VIRIDIS, (E - lowest) / span);
        for (let c = 0; c < 3; c++) data.data[4 * n + c] = rgb[c] + (bend < 0 ? 0.3 : 0) * (255 - rgb[c]);
        data.data[4 * n + 3] = 255;
      });
      const image = document.createElement("canvas");
      [image.width, image.height] = [width, height];
      image.getContext("2d").putImageData(data, 0, 0);
      return { image, lowest };
    });
    g.drawImage(image, left, top, right - left, bottom - top);
    this.box(g, top, bottom, "smoothing σ (units of x)");
    for (const sigma of [1, 0.1, 0.01, 0.001]) if (sigma >= last) this.text(g, sigma, left - 4, clip(Y(sigma), top, bottom), "right");
    const { run } = this, sigmas = [...this.sigmas, this.sigmas.at(-1)];
    this.within(g, top, bottom, () => {
      const seen = [...this.shown, ...this.dropped], way = (n) => run.path.map((points, i) => [X(points[n]), Y(sigmas[i])]);
      for (const n of seen) {
        const points = way(n).slice(0, this.step + 1);
        this.polyline(g, points, "rgba(0, 0, 0, 0.6)", n >= STARTS ? 4 : 2);
        this.polyline(g, points, n >= STARTS ? DROPPED : "white", n >= STARTS ? 2.5 : 1, run.attained[n] ? [] : [4, 3]);
      }
      for (const n of seen) this.disc(g, ...way(n)[this.step], n >= STARTS ? 5 : 3.5, n >= STARTS ? DROPPED : "white", "black");
      if (JSON.stringify(this.rows) === this.exactOf && this.threshold > last) {
        const y = Y(this.threshold);
        this.polyline(g, [[left, y], [right, y]], "white", 1.5, [6, 4]);
        const text = `convex above ${short(this.threshold)}`;
        g.fillStyle = "rgba(0, 0, 0, 0.6)";
        g.fillRect(left, y - 1.6 * this.size, g.measureText(text).width + 8, 1.4 * this.size);
        this.text(g, text, left + 4, y - 0.9 * this.size, "left", "middle", "white");
      }
    });
    const bar = right + 8;
    for (let q = 0; q < bottom - top; q++) {
      g.fillStyle = css(ramp(VIRIDIS, 1 - q / (bottom - top)));
      g.fillRect(bar, top + q, 9, 1.5);
    }
    for (const t of [0, 0.5, 1]) this.text(g, (t === 1 ? "≥" : "") + short(Number((lowest + t * span).toFixed(1))), bar + 12, clip(bottom - t * (bottom - top), top + 6, bottom - 6));
    this.text(g, "E, nats; lighter: not convex in x", right, 0.7 * this.size, "right");
  }

  schedules(g, { top, bottom }) {
    const { steps, sigma0, fixed, sigma_end: end } = this, tall = (bottom - top + 1.7 * this.size) / 3;
    const shares = Object.keys(SCHEDULES).map((name, k) => {
      const run = this.flowOf(name, SCHEDULES[name](name === "constant" ? fixed : sigma0, end, steps));
      const upper = top + k * tall, lower = upper + tall - 1.7 * this.size;
      this.box(g, upper, lower, "step");
      this.minima(g, upper, lower);
      this.stepAxis(g, this.ways(g, upper, lower, run, this.step), steps);
      const range = name === "constant" ? `σ = ${short(fixed)}` : `σ from ${short(sigma0)} to ${end}`;
      const share = `${Math.round(100 * run.share)} %`;
      this.text(g, `${name}, ${range}: ${share} attain`, this.frame.left, upper - 0.75 * this.size);
      return share;
    });
    this.root.dataset.shares = shares.join(" ");
  }

  apart(g, box) {
    const { X } = this.frame, middle = box.top + 0.55 * (box.bottom - box.top), sigma = this.now, x = this.probe;
    const apart = takeApart(this.rows, x, sigma);
    this.legend(g, 0.7 * this.size);
    const Y = this.energies(g, box.top, middle, sigma, 0.4), level = apart.energy;
    this.within(g, box.top, middle, () => {
      const tangent = (at) => [X(at), Y(level + apart.gradient * (at - x))];
      const reach = 0.25 / Math.max(1, Math.abs(apart.gradient) / 12);
      this.polyline(g, [tangent(x - reach), tangent(x + reach)], this.ink, 1.5, [5, 4]);
    });
    this.disc(g, X(x), Y(level), 6, DROPPED);
    const low = box.bottom - 4, high = middle + 2.2 * this.size;
    this.box(g, middle + 8, box.bottom, "densities");
    const xs = [...new Set([...this.xs, ...spaced(41).map((t) => x + 4 * t * sigma), ...spaced(41).map((t) => apart.mean + 5 * t * apart.deviation)])].sort((a, b) => a - b);
    const density = (rows, s) => {
      const components = smoothed(rows, s);
      return xs.map((at) => Math.exp(-derivatives(components, at)[0]));
    };
    const prior = density(this.rows, this.rows.some(([, , s]) => s === 0) ? 0.004 : 0);
    const likelihood = xs.map((at) => Math.exp(-((at - x) ** 2) / (2 * sigma * sigma)));
    const posterior = density(apart.posterior, apart.posterior.some(([, , s]) => s === 0) ? 0.004 : 0);
    this.within(g, middle + 8, box.bottom, () => {
      for (const [values, colour, width, dash] of [[prior, this.ink, 1.5, []], [likelihood, LIKELIHOOD, 2, [6, 3]], [posterior, POSTERIOR, 3, []]]) {
        const most = Math.max(...values);
        this.polyline(g, xs.map((at, n) => [X(at), low - ((low - high) * values[n]) / most]), colour, width, dash);
      }
    });
    let at = this.frame.left + 5;
    for (const [name, colour] of [["prior p", this.ink], [`likelihood of x, σ = ${short(sigma)}`, LIKELIHOOD], ["posterior", POSTERIOR]]) {
      this.text(g, name, at, middle + 8 + 0.9 * this.size, "left", "middle", colour);
      at += g.measureText(name).width + this.size;
    }
    this.polyline(g, [[X(x), Y(level)], [X(x), box.bottom]], DROPPED, 1, [2, 3]);
    this.polyline(g, [[X(apart.mean), box.top], [X(apart.mean), box.bottom]], POSTERIOR, 1.5, [2, 3]);
    const y = middle - 0.9 * this.size, tip = Math.sign(apart.step) * Math.min(7, Math.abs(X(apart.mean) - X(x)));
    this.polyline(g, [[X(x), y], [X(apart.mean), y]], this.ink, 2.5);
    this.polyline(g, [[X(apart.mean) - tip, y - 5], [X(apart.mean), y], [X(apart.mean) - tip, y + 5]], this.ink, 2.5);
    const right = apart.mean > x === apart.mean < 0.4;
    this.text(g, "Tweedie's mean", X(apart.mean) + (right ? 6 : -6), box.top + 0.9 * this.size, right ? "left" : "right", "middle", POSTERIOR);
  }

  quiz(g, { top, bottom }) {
    const { X } = this.frame, { run } = this, open = this.answer === undefined, middle = open ? bottom : top + 0.6 * (bottom - top);
    const Y = this.energies(g, top, middle, this.now, open ? 0.4 : 0.6);
    this.text(g, `E(x, σ) at σ = ${short(this.now)}, thick; thin: ${this.levels.join(", ")}`, this.frame.left, 0.7 * this.size);
    this.goals.all.forEach((x, n) => {
      const colour = !open && n === run.right ? ATTAINED : !open && n === this.answer ? POSTERIOR : this.ink;
      g.globalAlpha = 0.5;
      this.polyline(g, [[X(x), top], [X(x), bottom]], colour, 1, [2, 4]);
      g.globalAlpha = 1;
      this.text(g, letter(n), X(x) + 4, bottom - 0.8 * this.size, "left", "middle", colour);
    });
    const x = run.path[open ? 0 : this.step][0];
    if (!open) {
      this.box(g, middle + 8, bottom, "step");
      this.stepAxis(g, this.ways(g, middle + 8, bottom, run, this.step), this.steps);
    }
    this.disc(g, X(x), Y(energy(this.rows, x, this.now)), 7, DROPPED, this.ink);
  }
}
const letter = (n) => String.fromCharCode(65 + n);

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".line");
  if (!root.line) {
    root.line = new Line(root);
    root.mathematics = { SCHEDULES, flow, minimisers, goals, takeApart, derivatives, smoothed, spaced };
  }
  root.line.update(data, (settings) => setStateValue("settings", settings));
  return () => {
    root.line?.leave();
    delete root.line;
  };
}
