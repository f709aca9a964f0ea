// Tells which way an arrow key, or a presenter's remote control, goes.
const WAYS = { ArrowRight: 1, PageDown: 1, ArrowLeft: -1, PageUp: -1 };
const CONTROLS = "input, textarea, select, [role=slider], [role=tab], [role=option], [role=radio], [contenteditable], canvas";

export default function (component) {
  const { parentElement, setTriggerValue } = component;
  const listen = (event) => {
    const way = WAYS[event.key];
    if (!way || event.ctrlKey || event.altKey || event.metaKey) return;
    // The whole path: seen from here, a control within another component is that component.
    if (event.composedPath().some((part) => part instanceof Element && part.matches(CONTROLS))) return;
    event.preventDefault();
    setTriggerValue("move", way);
  };
  document.addEventListener("keydown", listen);
  // A key that is pressed before is lost: whoever presses keys by program waits for this.
  parentElement.querySelector("span").dataset.listening = "";
  return () => document.removeEventListener("keydown", listen);
}
