// @ts-check
// Takes a large part of the page out while it is far from view. For each frame a browser looks through all elements that it
// paints or watches, wherever they are: ten thousand sample grids make every scroll of a table slow.

import { onWholePage } from "./paper.js";
import { watchNearness } from "./viewport.js";

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
  watchNearness(section, 700, (isNear) => (isNear ? giveBack() : take()));
  onWholePage(giveBack);
}
