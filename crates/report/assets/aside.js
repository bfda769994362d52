// @ts-check
// Takes a large part of the page out while it is far from view. For each frame a browser looks through all elements that it
// paints or watches, wherever they are: ten thousand sample grids make every scroll of a table slow.

// From this many elements on, scrolling is felt to be slow.
const MANY = 2000;

// Keeps `part`, with so many elements, in its section only while the section is near the visible part. `returned` is called
// whenever it is back.
export function setAsideOutOfSight(section, part, elements, returned) {
  if (elements < MANY) return;
  const place = Object.assign(document.createElement("div"), { className: "aside-of" });
  const take = () => {
    if (!part.isConnected) return;
    // So that nothing below moves.
    place.style.height = `${part.offsetHeight}px`;
    part.replaceWith(place);
  };
  const giveBack = () => {
    if (!place.isConnected) return;
    place.replaceWith(part);
    returned();
  };
  new IntersectionObserver(
    (entries) => {
      // A busy browser reports several changes at once; the last one holds.
      const [{ isIntersecting }] = entries.slice(-1);
      if (isIntersecting) giveBack();
      else take();
    },
    { rootMargin: "700px" },
  ).observe(section);
  // Paper and the browser's own search want all of it.
  addEventListener("beforeprint", giveBack);
  addEventListener("keydown", ({ key, ctrlKey, metaKey }) => {
    if ((ctrlKey || metaKey) && key.toLowerCase() === "f") giveBack();
  });
}
