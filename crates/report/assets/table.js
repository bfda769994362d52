// @ts-check
// Sorting and pinning in the run table.

import { isCollapsed } from "./state.js";
import { LongTable } from "./long_table.js";

// Returns the rows in the order of the plan. The page begins with them in the order of the objective.
/** @param {import("./state.js").State} state */
export function setUpTable(root, state, openViewer) {
  const table = root.querySelector(".runtable");
  const body = table.tBodies[0];
  const rows = [];
  for (const row of body.rows) rows[row.dataset.run] = row;
  const list = new LongTable(table);

  for (const button of table.querySelectorAll("[data-sort]")) {
    button.addEventListener("click", () => {
      const heading = button.closest("th");
      const ascending = heading.getAttribute("aria-sort") !== "ascending";
      for (const other of table.querySelectorAll("[aria-sort]")) other.setAttribute("aria-sort", "none");
      heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      const value = sortValue(state.sweep, button.dataset.sort);
      const last = classOf(state.sweep, button.dataset.sort);
      const order = rows
        .map((_, run) => run)
        .sort((a, b) => last(a) - last(b) || compare(value(a), value(b), ascending) || a - b);
      list.sort(order.map((run) => rows[run]));
    });
  }
  body.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-run]");
    if (!row) return;
    const run = Number(row.dataset.run);
    if (event.target.closest(".thumb")) openViewer(run);
    else state.togglePins([run]);
  });
  body.addEventListener("keydown", (event) => onRowKey(event, list, state));
  setUpTabStop(list, state);
  // After the filter, which marks the rows that it hides.
  state.on("visible", () => list.refresh());
  return rows;
}

// Which runs come last by a column, in either direction: 0 for a candidate, more for what comes after.
/** @param {import("./page").Sweep} sweep */
function classOf(sweep, key) {
  const { runs, columns, findings } = sweep;
  const [kind, number] = key.split(":");
  if (kind !== "final") return () => 0;
  const { metric, better } = findings.objective;
  const isObjective = better !== null && columns[number].metric === metric;
  // A value that was measured earlier than those of the others does not compare with them.
  const lacks = (run) => isObjective && !Number.isFinite(Number(run.value ?? NaN));
  // A collapsed run has the best losses of all. It is no candidate, whatever the column.
  return (place) => (lacks(runs[place]) ? 2 : Number(isCollapsed(runs[place])));
}

// Roving tabindex: the tab key stops once in the table, at the row that last had the focus or the first
// visible one.
/**
 * @param {import("./long_table.js").LongTable} list
 * @param {import("./state.js").State} state
 */
function setUpTabStop(list, state) {
  let [current] = list.rows;
  const move = (row) => {
    if (current) current.tabIndex = -1;
    if (row) row.tabIndex = 0;
    current = row;
  };
  const keep = () => {
    if (!current?.isConnected || current.classList.contains("off")) move(list.body.querySelector("tr[data-run]:not(.off)"));
  };
  list.body.addEventListener("focusin", (event) => move(event.target.closest("tr")));
  list.placed = keep;
  state.on("visible", keep);
}

// Enter and space pin the focused row, the arrow keys move the focus.
/**
 * @param {import("./long_table.js").LongTable} list
 * @param {import("./state.js").State} state
 */
function onRowKey(event, list, state) {
  const row = event.target;
  if (!row.matches("tr")) return;
  const move = (by) => list.neighbour(row, by)?.focus();
  const keys = {
    Enter: () => state.togglePins([Number(row.dataset.run)]),
    " ": () => state.togglePins([Number(row.dataset.run)]),
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
  };
  if (keys[event.key]) {
    event.preventDefault();
    keys[event.key]();
  }
}

// The sort key of a column: a number, a string, or null if the run has no value.
/** @param {import("./page").Sweep} sweep */
function sortValue(sweep, key) {
  const [kind, number] = key.split(":");
  const of = {
    axis: (run) => run.values[number],
    final: (run) => run.last_values[number] && Number(run.last_values[number].value),
    seed: (run) => run.seed,
    state: (run) => run.state,
    progress: (run) => (run.total_steps ? run.step / run.total_steps : 0),
    best: (run) => run.best?.epoch.value ?? null,
    seconds: (run) => Number(run.seconds.value),
    speed: (run) => run.images_per_second && Number(run.images_per_second.value),
    id: (run) => run.id,
  }[kind];
  return (run) => of(sweep.runs[run]);
}

// Missing values and NaN come last in both directions.
export function compare(a, b, ascending) {
  const missing = (value) => value === null || value === undefined || Number.isNaN(value);
  if (missing(a) || missing(b)) return Number(missing(a)) - Number(missing(b));
  const order = typeof a === "string" ? a.localeCompare(b) : a - b || 0;
  return ascending ? order : -order;
}
