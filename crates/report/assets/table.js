// Sorting and pinning in the run table.

import { isCollapsed } from "./state.js";

export function setUpTable(root, state, openViewer) {
  const table = root.querySelector(".runtable");
  const body = table.tBodies[0];
  const rows = [...body.rows];

  for (const button of table.querySelectorAll("[data-sort]")) {
    button.addEventListener("click", () => {
      const heading = button.closest("th");
      const ascending = heading.getAttribute("aria-sort") !== "ascending";
      for (const other of table.querySelectorAll("[aria-sort]")) other.setAttribute("aria-sort", "none");
      heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      const value = sortValue(state.sweep, button.dataset.sort);
      // A collapsed run has the best losses of all. It is no candidate, whatever the column.
      const collapsed = (run) => Number(kindOf(button) === "final" && isCollapsed(state.sweep.runs[run]));
      const order = rows
        .map((_, run) => run)
        .sort((a, b) => collapsed(a) - collapsed(b) || compare(value(a), value(b), ascending) || a - b);
      body.append(...order.map((run) => rows[run]));
    });
  }
  body.addEventListener("click", (event) => {
    const run = Number(event.target.closest("tr").dataset.run);
    if (event.target.closest(".thumb")) openViewer(run);
    else state.togglePins([run]);
  });
  body.addEventListener("keydown", (event) => onRowKey(event, state));
  setUpTabStop(body, state);
}

function kindOf(button) {
  return button.dataset.sort.split(":")[0];
}

// Roving tabindex: the tab key stops once in the table, at the row that last had the focus or the first
// visible one.
function setUpTabStop(body, state) {
  const move = (row) => {
    body.querySelector("tr[tabindex='0']")?.setAttribute("tabindex", "-1");
    row?.setAttribute("tabindex", "0");
  };
  body.addEventListener("focusin", (event) => move(event.target.closest("tr")));
  state.on("visible", () => {
    if (body.querySelector("tr[tabindex='0']")?.classList.contains("off") !== false)
      move(body.querySelector("tr:not(.off)"));
  });
}

// Enter and space pin the focused row, the arrow keys move the focus.
function onRowKey(event, state) {
  const row = event.target;
  if (!row.matches("tr")) return;
  const move = (direction) => {
    let next = row[direction];
    while (next?.classList.contains("off")) next = next[direction];
    next?.focus();
  };
  const keys = {
    Enter: () => state.togglePins([Number(row.dataset.run)]),
    " ": () => state.togglePins([Number(row.dataset.run)]),
    ArrowDown: () => move("nextElementSibling"),
    ArrowUp: () => move("previousElementSibling"),
  };
  if (keys[event.key]) {
    event.preventDefault();
    keys[event.key]();
  }
}

// The sort key of a column: a number, a string, or null if the run has no value.
function sortValue(sweep, key) {
  const [kind, number] = key.split(":");
  const of = {
    axis: (run) => run.values[number],
    final: (run) => run.last_values[number] && Number(run.last_values[number].value),
    seed: (run) => run.seed,
    state: (run) => run.state,
    progress: (run) => (run.total_steps ? run.step / run.total_steps : 0),
    seconds: (run) => Number(run.seconds.value),
    speed: (run) => run.images_per_second && Number(run.images_per_second.value),
    id: (run) => run.id,
  }[kind];
  return (run) => of(sweep.runs[run]);
}

// Missing values and NaN come last in both directions.
export function compare(a, b, ascending) {
  const missing = (value) => value === null || value === undefined || Number.isNaN(value);
  if (missing(a) || missing(b)) return missing(a) - missing(b);
  const order = typeof a === "string" ? a.localeCompare(b) : a - b || 0;
  return ascending ? order : -order;
}
