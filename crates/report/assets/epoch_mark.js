// @ts-check
// Where the epoch of the sample grids is on the charts' x axis.

import { interpolator } from "./series.js";

// The position of the state's epoch on an x axis, as the first highlighted or visible run with a grid has it; null if
// there is none. Runs with other batch sizes or speeds have it elsewhere on some axes.
/** @param {import("./state.js").State} state */
export function epochPosition(state, x) {
  const { sweep, epoch, visible } = state;
  if (sweep.samples.geometry === null) return null;
  if (x === "epoch") return epoch;
  const runs = [...state.highlighted, ...sweep.runs.keys()].filter((run) => visible[run]);
  for (const run of runs) {
    const { grids, x_axes } = sweep.runs[run];
    const grid = grids.find((one) => one.epoch === epoch);
    if (grid) return x_axes[x] ? interpolator(x_axes[x])(grid.step) : grid.step;
  }
  return null;
}
