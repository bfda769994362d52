// Sample grids and real images: they lie in the page as text and are decoded when shown.

// The PNGs of a run or of a real grid as data URIs; parsed when first asked for.
const pngCache = new Map();
function pngs(id) {
  if (!pngCache.has(id)) {
    const text = document.getElementById(id)?.textContent ?? "[]";
    pngCache.set(
      id,
      JSON.parse(text).map((png) => `data:image/png;base64,${png}`),
    );
  }
  return pngCache.get(id);
}

// The run's latest grid up to an epoch: its place in the list, -1 before the first.
function gridAt(run, epoch) {
  return run.grids.findLastIndex((grid) => grid.epoch <= epoch);
}

// Shows a run's latest grid up to the present epoch, and says so where the run ended before it.
function showGrid(shot, state, sweepIndex, runIndex) {
  const run = state.sweep.runs[runIndex];
  const place = gridAt(run, state.epoch);
  const epoch = run.grids[place]?.epoch;
  const image = shot.querySelector("img");
  if (place >= 0) image.src = pngs(`grids-${sweepIndex}-${runIndex}`)[place];
  else image.removeAttribute("src");
  image.alt = place >= 0 ? `Samples of ${run.label} after epoch ${epoch}` : "";
  const ended = place >= 0 && epoch < state.epoch && place === run.grids.length - 1;
  shot.classList.toggle("ended", ended);
  shot.querySelector(".when").textContent = ended ? `epoch ${epoch}` : "";
}
