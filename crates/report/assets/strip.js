// @ts-check
// A film strip: one run's grids over its epochs.

import { bestEpoch, gridsOf, pngs } from "./images.js";

// Shows the run's grids of a source in `strip`, the one at the state's epoch marked. A click goes to the epoch.
/** @param {import("./state.js").State} state */
export function showStrip(strip, state, sweepIndex, runIndex, source) {
  const run = state.sweep.runs[runIndex];
  const grids = gridsOf(run, source);
  const key = `${source}-${sweepIndex}-${runIndex}`;
  if (strip.dataset.of !== key) {
    strip.dataset.of = key;
    strip.replaceChildren(...grids.map(({ epoch }, place) => frame(epoch, pngs(key)[place], state, epoch === bestEpoch(run))));
    strip.hidden = grids.length < 2;
  }
  const current = grids.findLastIndex(({ epoch }) => epoch <= state.epoch);
  [...strip.children].forEach((button, place) => {
    if (place === current) {
      button.setAttribute("aria-current", "true");
      // Not `scrollIntoView`, which would scroll the page too.
      strip.scrollLeft = button.offsetLeft - strip.offsetLeft - (strip.clientWidth - button.clientWidth) / 2;
    } else button.removeAttribute("aria-current");
  });
}

/** @param {import("./state.js").State} state */
function frame(epoch, png, state, isBest) {
  const button = document.createElement("button");
  button.append(
    Object.assign(document.createElement("img"), { src: png, alt: "", loading: "lazy", decoding: "async" }),
    Object.assign(document.createElement("span"), { textContent: isBest ? `★ ${epoch}` : epoch }),
  );
  button.setAttribute("aria-label", `Samples after epoch ${epoch}${isBest ? ", the best checkpoint" : ""}`);
  button.classList.toggle("best", isBest);
  button.addEventListener("click", () => state.setEpoch(epoch));
  return button;
}
