// @ts-check
// The trials of a search: those whose runs the filter hides are hidden too.

import { LongTable } from "./long_table.js";
import { oneTabStop } from "./roving.js";

/** @param {import("./state.js").State} state */
export function setUpTrials(root, state) {
  const table = root.querySelector(".trialtable");
  const trials = state.sweep.search?.trials;
  if (!table || !trials) return;
  const rows = [...table.tBodies[0].rows];
  const list = new LongTable(table);
  const dots = [...root.querySelectorAll(".dot")].map((dot) => ({ dot, runs: dot.dataset.runs.split(" ").map(Number) }));
  const chart = root.querySelector(".dots");
  if (chart) oneTabStop(chart, ".dot");
  state.on("visible", () => {
    const hides = (runs) => runs.length > 0 && !runs.some((run) => state.visible[run]);
    rows.forEach((row, trial) => {
      row.hidden = hides(trials[trial].runs);
    });
    for (const { dot, runs } of dots) dot.classList.toggle("off", hides(runs));
    list.refresh();
  });
}
