// A handle between two pictures: left of it the first one is seen, right of it the second.
export default function (component) {
  const { data, parentElement } = component;
  const [width, height] = data.size;
  let box = parentElement.querySelector(".curtain");
  if (!box) {
    box = document.createElement("div");
    box.className = "curtain";
    for (const side of [0, 1]) {
      const picture = document.createElement("img");
      picture.draggable = false;
      box.append(picture);
    }
    const handle = document.createElement("div");
    handle.className = "handle";
    handle.tabIndex = 0;
    handle.setAttribute("role", "slider");
    handle.setAttribute("aria-label", "Curtain");
    handle.setAttribute("aria-valuemin", "0");
    handle.setAttribute("aria-valuemax", "100");
    box.append(handle);
    for (const side of [0, 1]) {
      const title = document.createElement("span");
      title.className = "title";
      box.append(title);
    }
    parentElement.append(box);
  }
  const pictures = box.querySelectorAll("img");
  const titles = box.querySelectorAll(".title");
  const handle = box.querySelector(".handle");
  box.style.aspectRatio = `${width} / ${height}`;
  // As wide as the column, but no higher than what the window has left below headline, numbers and tabs.
  box.style.setProperty("--fits", `max(280px, calc((100vh - 285px) * ${width / height}))`);
  for (const side of [0, 1]) {
    pictures[side].src = data.sources[side];
    pictures[side].alt = data.titles[side];
    titles[side].textContent = data.titles[side];
  }
  const show = (share) => {
    box.dataset.share = Math.min(1, Math.max(0, share));
    const percent = 100 * box.dataset.share;
    pictures[1].style.clipPath = `inset(0 0 0 ${percent}%)`;
    handle.style.left = `${percent}%`;
    handle.setAttribute("aria-valuenow", Math.round(percent));
  };
  const follow = (event) => {
    const place = box.getBoundingClientRect();
    show((event.clientX - place.left) / place.width);
  };
  box.onpointerdown = (event) => {
    box.setPointerCapture(event.pointerId);
    follow(event);
  };
  box.onpointermove = (event) => {
    if (box.hasPointerCapture(event.pointerId)) follow(event);
  };
  handle.onkeydown = (event) => {
    const step = { ArrowLeft: -0.02, ArrowRight: 0.02 }[event.key];
    if (step) {
      show(Number(box.dataset.share) + step);
      event.preventDefault();
    }
  };
  show(box.dataset.share === undefined ? 0.5 : Number(box.dataset.share));
}
