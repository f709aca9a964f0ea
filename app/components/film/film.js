// The steps of a restoration: a strip of small pictures, a slider over them, and the chosen one large.
export default function (component) {
  const { data, parentElement } = component;
  const [width, height] = data.size;
  const last = data.sources.length - 1;
  parentElement.querySelector(".film")?.remove();
  const box = document.createElement("div");
  box.className = "film";
  const large = document.createElement("img");
  large.className = "large";
  // No higher than what the window has left below headline, numbers and tabs, and above slider and strip.
  large.style.maxWidth = `max(240px, calc((100vh - 425px) * ${width / height}))`;
  const text = document.createElement("div");
  text.className = "text";
  const slider = document.createElement("input");
  Object.assign(slider, { type: "range", min: 0, max: last, step: 1 });
  slider.setAttribute("aria-label", "Step");
  const strip = document.createElement("div");
  strip.className = "strip";
  data.sources.forEach((source, index) => {
    const button = document.createElement("button");
    button.title = data.texts[index];
    const picture = document.createElement("img");
    picture.src = source;
    picture.alt = data.texts[index];
    button.append(picture);
    button.onclick = () => show(index);
    strip.append(button);
  });
  const show = (index) => {
    slider.value = index;
    large.src = data.sources[index];
    large.alt = text.textContent = data.texts[index];
    [...strip.children].forEach((button, other) => button.setAttribute("aria-current", other === index));
    const chosen = strip.children[index];
    strip.scrollLeft = chosen.offsetLeft - strip.offsetLeft - (strip.clientWidth - chosen.clientWidth) / 2;
  };
  slider.oninput = () => show(Number(slider.value));
  box.append(large, text, slider, strip);
  parentElement.append(box);
  show(last);
}
