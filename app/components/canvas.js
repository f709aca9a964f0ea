// What components that draw on a canvas have in common: they draw again when the room or the theme changes, at most once a frame
// of the browser, and save the picture.

const VIRIDIS = ["440154", "482878", "3e4989", "31688e", "26828e", "1f9e89", "35b779", "6ece58", "b5de2b", "fde725"].map(
  (hex) => [0, 2, 4].map((k) => parseInt(hex.slice(k, k + 2), 16)));

function ramp(colours, t) {  // red, green and blue at t in [0, 1]
  const place = Math.min(Math.max(t, 0), 1) * (colours.length - 1), k = Math.min(Math.floor(place), colours.length - 2);
  return colours[k].map((v, c) => v + (place - k) * (colours[k + 1][c] - v));
}
const css = (rgb, alpha = 1) => `rgba(${rgb.map(Math.round).join(",")}, ${alpha})`;

class Drawn {  // has draw(), which leaves the colour of text in `ink`
  constructor(root) {
    this.root = root;
    this.find = (selector) => root.querySelector(selector);
    this.canvas = this.find("canvas");
  }

  later() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = undefined;
      this.draw();
    });
  }

  watch(room) {
    this.resized = new ResizeObserver(() => this.later());
    this.resized.observe(room);
    this.save = (event) => this.picture(event.detail);
    document.addEventListener("gnc-save", this.save);
    // Streamlit changes the theme without calling the component.
    this.watching = setInterval(() => this.ink !== getComputedStyle(this.root).color && this.later(), 500);
  }

  unwatch() {
    this.resized.disconnect();
    document.removeEventListener("gnc-save", this.save);
    clearInterval(this.watching);
  }

  picture(name) {  // as a file, on the page's own ground
    const copy = document.createElement("canvas"), g = copy.getContext("2d"), link = document.createElement("a");
    [copy.width, copy.height] = [this.canvas.width, this.canvas.height];
    g.fillStyle = getComputedStyle(this.root).getPropertyValue("--st-background-color").trim() || "white";
    g.fillRect(0, 0, copy.width, copy.height);
    g.drawImage(this.canvas, 0, 0);
    link.href = copy.toDataURL();
    link.download = `${name}.png`;
    link.click();
  }
}

