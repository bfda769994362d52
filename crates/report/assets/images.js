// @ts-check
// Sample grids and real images. They are base64 text in the page and decoded when first shown, or addresses of
// files and loaded then.

// The PNGs of a run or of a real grid as addresses; parsed on first use.
const pngCache = new Map();
export function pngs(id) {
  if (!pngCache.has(id)) {
    const holder = document.getElementById(id);
    const list = JSON.parse(holder?.textContent ?? "[]");
    const linked = holder && "linked" in holder.dataset;
    // The last one is an element for browsers without scripts; with scripts its content is text.
    const last = linked ? null : /base64,([^"]*)"/.exec(document.getElementById(`last-${id}`)?.textContent ?? "");
    if (last) list.push(last[1]);
    pngCache.set(id, linked ? list : list.map((png) => `data:image/png;base64,${png}`));
  }
  return pngCache.get(id);
}

// A run's grids by what drew them: its weights ("raw") or their moving average ("ema").
export function gridsOf(run, source) {
  return (source === "ema" ? run.averaged_grids : run.grids) ?? [];
}

// The weights that the wall shows of a run, of those that are chosen: its average only where it keeps one.
export function sourcesOf(run, weights) {
  if (weights === "raw" || gridsOf(run, "ema").length === 0) return ["raw"];
  return weights === "both" ? ["raw", "ema"] : ["ema"];
}

// The epoch of a run's best checkpoint; undefined if it keeps none.
export function bestEpoch(run) {
  return run.best && Number(run.best.epoch.value);
}

// Shows a run's latest grid at or before an epoch in an image. Returns the grid's epoch, or undefined where there is none.
/** @param {import("./state.js").State} state */
export function showGrid(image, state, sweepIndex, runIndex, source, epoch) {
  const run = state.sweep.runs[runIndex];
  const grids = gridsOf(run, source);
  const place = grids.findLastIndex((grid) => grid.epoch <= epoch);
  const shown = grids[place]?.epoch;
  if (place >= 0) image.src = pngs(`${source}-${sweepIndex}-${runIndex}`)[place];
  else image.removeAttribute("src");
  const drawn = source === "ema" ? "Samples of the averaged weights" : "Samples";
  image.alt = place >= 0 ? `${drawn} of ${run.label} after epoch ${shown}` : "";
  return shown;
}

// Says in a figure's caption where its grid is from: another epoch than the page's, or the best checkpoint.
/** @param {import("./state.js").State} state */
export function noteEpoch(figure, state, runIndex, shown) {
  const run = state.sweep.runs[runIndex];
  const isBest = shown !== undefined && shown === bestEpoch(run);
  const isOther = shown !== undefined && shown !== state.epoch;
  figure.classList.toggle("ended", isOther && shown === gridsOf(run, "raw").at(-1)?.epoch);
  figure.classList.toggle("at-best", isBest);
  const note = figure.querySelector(".when");
  note.textContent = isBest ? `★ epoch ${shown}` : isOther ? `epoch ${shown}` : "";
  note.title = isBest ? `the best checkpoint: ${run.best?.figure}` : "";
}
