// @ts-check
// A heat map of two keys, as a table: it is read by screen readers, copied and printed like any other.

import { CELLS, ramp } from "./color.js";
import { groupsOf, withNoValue } from "./dimensions.js";
import { fixed } from "./numbers.js";
import { html } from "./dom.js";

// Of the values of a key: more columns than these do not fit beside each other.
const MOST_GROUPS = 8;

// Draws the means of a metric over the visible runs.
/** @param {import("./state.js").State} state */
export function drawHeatmap(area, state, across, down, metric) {
  const groups = (key) => withNoValue(groupsOf(key, MOST_GROUPS), key, state.sweep.runs);
  const columns = groups(across);
  const rows = down ? groups(down) : [{ text: "", places: null }];
  const cells = rows.map((row) => columns.map((column) => cellOf(state, across, down, column, row, metric)));
  const tone = toneOf(cells.flat().map(({ mean }) => mean), metric.better);
  const head = columns.map(({ text }) => html`<th scope="col">${text}</th>`).join("");
  const body = rows.map((row, place) => {
    const label = down ? html`<th scope="row">${row.text}</th>` : "";
    return `<tr>${label}${cells[place].map((cell) => cellHtml(cell, tone, metric.decimals)).join("")}</tr>`;
  });
  const corner = down ? html`<th scope="col"><span class="key">${down.title}</span> \\ <span class="key">${across.title}</span></th>` : "";
  area.innerHTML = `<table><thead><tr>${corner}${head}</tr></thead><tbody>${body.join("")}</tbody></table>`;
}

/** @param {import("./state.js").State} state */
function cellOf(state, across, down, column, row, metric) {
  const isHere = (run) =>
    state.visible[run] && column.places.has(across.place(run)) && (!down || row.places.has(down.place(run)));
  const runs = state.sweep.runs.flatMap((_, run) => (isHere(run) ? [run] : []));
  const values = runs.map(metric.value).filter(Number.isFinite);
  const mean = values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : NaN;
  return { runs, values, mean };
}

function cellHtml({ runs, values, mean }, tone, decimals) {
  if (runs.length === 0) return "<td></td>";
  const count = `${values.length} of ${runs.length} runs have a value`;
  const { background, ink } = tone(mean);
  return html`<td><button data-pin-runs="${runs.join(" ")}" title="${count}" style="background:${background};color:${ink}">${Number.isFinite(mean) ? fixed(mean, decimals) : "–"}</button></td>`;
}

// Background and ink of a value by its rank among the others: an outlier takes no contrast from the rest. The brighter,
// the better.
function toneOf(means, better) {
  const known = [...new Set(means.filter(Number.isFinite))].sort((a, b) => (better === "lower" ? b - a : a - b));
  return (mean) => {
    if (!Number.isFinite(mean)) return { background: "var(--sunken)", ink: "var(--muted)" };
    const background = ramp(known.length > 1 ? known.indexOf(mean) / (known.length - 1) : 0.5, CELLS);
    const [red, green, blue] = [...background.matchAll(/\d+/g)].map(([part]) => (Number(part) / 255) ** 2.2);
    const light = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    return { background, ink: light > 0.18 ? "#000" : "#fff" };
  };
}
