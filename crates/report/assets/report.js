// @ts-check
// The data that the page holds.

import { lazySeries } from "./series.js";

/** @type {import("./page").Report} */
export const report = JSON.parse(document.getElementById("report-data").textContent);
for (const run of report.sweeps.flatMap(({ runs }) => runs)) {
  run.series = run.series.map(lazySeries);
  for (const [axis, series] of Object.entries(run.x_axes)) run.x_axes[axis] = lazySeries(series);
}
