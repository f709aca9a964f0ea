// Tells whether its place is narrow, at first and whenever that changes.
const NARROW = 600; // pixels

export default function (component) {
  const { parentElement, setStateValue } = component;
  const place = parentElement.host ?? parentElement;
  let told = false;
  const look = () => {
    const width = place.getBoundingClientRect().width;
    if (width > 0 && width < NARROW !== told) {
      told = !told;
      setStateValue("narrow", told);
    }
  };
  const observer = new ResizeObserver(look);
  observer.observe(place);
  return () => observer.disconnect();
}
