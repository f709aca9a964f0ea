// Asks whichever component has a picture to save it.
export default function ({ data, parentElement }) {
  const button = parentElement.querySelector("button");
  button.title = "The picture as it is shown now.";
  button.onclick = () => document.dispatchEvent(new CustomEvent("gnc-save", { detail: data.name }));
}
