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

// What the gallery shows of a run: grids of its averaged weights, if they are selected and it has them.
export function sourceOf(run, averaged) {
  return averaged && gridsOf(run, "ema").length ? "ema" : "raw";
}

// Shows a run's latest grid at or before the selected epoch; labels it if the run ended earlier.
/** @param {import("./state.js").State} state */
export function showGrid(figure, state, sweepIndex, runIndex, source) {
  const run = state.sweep.runs[runIndex];
  const grids = gridsOf(run, source);
  const place = grids.findLastIndex((grid) => grid.epoch <= state.epoch);
  const epoch = grids[place]?.epoch;
  const image = figure.querySelector("img");
  if (place >= 0) image.src = pngs(`${source}-${sweepIndex}-${runIndex}`)[place];
  else image.removeAttribute("src");
  const drawn = source === "ema" ? "Samples of the averaged weights" : "Samples";
  image.alt = place >= 0 ? `${drawn} of ${run.label} after epoch ${epoch}` : "";
  const ended = place >= 0 && epoch < state.epoch && place === grids.length - 1;
  figure.classList.toggle("ended", ended);
  figure.querySelector(".when").textContent = ended ? `epoch ${epoch}` : "";
}
