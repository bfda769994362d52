// Sample grids and real images. They are base64 text in the page and decoded when first shown.

// The PNGs of a run or of a real grid as data URIs; parsed on first use.
const pngCache = new Map();
export function pngs(id) {
  if (!pngCache.has(id)) {
    const text = document.getElementById(id)?.textContent ?? "[]";
    pngCache.set(
      id,
      JSON.parse(text).map((png) => `data:image/png;base64,${png}`),
    );
  }
  return pngCache.get(id);
}

// The index of the run's latest grid at or before an epoch; -1 if there is none.
function gridAt(run, epoch) {
  return run.grids.findLastIndex((grid) => grid.epoch <= epoch);
}

// Shows a run's latest grid at or before the selected epoch; labels it if the run ended earlier.
export function showGrid(figure, state, sweepIndex, runIndex) {
  const run = state.sweep.runs[runIndex];
  const place = gridAt(run, state.epoch);
  const epoch = run.grids[place]?.epoch;
  const image = figure.querySelector("img");
  if (place >= 0) image.src = pngs(`grids-${sweepIndex}-${runIndex}`)[place];
  else image.removeAttribute("src");
  image.alt = place >= 0 ? `Samples of ${run.label} after epoch ${epoch}` : "";
  const ended = place >= 0 && epoch < state.epoch && place === run.grids.length - 1;
  figure.classList.toggle("ended", ended);
  figure.querySelector(".when").textContent = ended ? `epoch ${epoch}` : "";
}
