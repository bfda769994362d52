// @ts-check
// The table of configs: each row is a config with numbers over those of its runs that pass the filter.

import { html } from "./dom.js";
import { isCollapsed } from "./state.js";
import { animationOf } from "./commands.js";
import { fixed } from "./numbers.js";
import { estimate, spread, spreadText } from "./summary.js";
import { watchNearness } from "./viewport.js";
import { compare } from "./table.js";
import { LongTable } from "./long_table.js";

/** @param {import("./state.js").State} state */
export function setUpConfigTable(root, state) {
  const table = root.querySelector(".configtable");
  if (!table) return;
  const rows = [...table.tBodies[0].rows];
  // As rendered: these texts stand while all runs are visible.
  const cells = rows.map((row) => [...row.querySelectorAll("[data-cell]")]);
  const texts = cells.map((ofRow) => ofRow.map((cell) => cell.textContent));
  const list = new LongTable(table);
  let numbers = summaries(state);
  let stale = false;
  const show = () => {
    stale = false;
    closeAll(list);
    numbers = summaries(state);
    const all = state.visible.every(Boolean);
    rows.forEach((row, place) => {
      const now = numbers[row.dataset.config];
      row.hidden = now.runs === 0;
      cells[place].forEach((cell, index) => {
        const text = all ? texts[place][index] : cellText(cell.dataset.cell, now, state.sweep);
        if (cell.textContent !== text) cell.textContent = text;
      });
    });
    list.refresh();
  };
  // A table out of sight is not worth a late keystroke.
  watchNearness(table, 600, (isNear) => {
    table.dataset.seen = String(isNear);
    if (isNear && stale) show();
  });
  state.on("visible", () => {
    if (table.dataset.seen === "false") stale = true;
    else show();
  });
  setUpOrder(list, rows, state, () => {
    if (stale) show();
    return numbers;
  });
  table.addEventListener("click", ({ target }) => {
    const expand = target.closest(".expand");
    if (expand) toggleMembers(expand, list, state);
    const member = target.closest("[data-member]");
    if (member) state.togglePins([Number(member.dataset.member)]);
  });
}

// Numbers of each config over its visible runs.
/** @param {import("./state.js").State} state */
function summaries(state) {
  const { sweep, visible } = state;
  const { objective, student_quantiles } = sweep.findings;
  const whole = visible.every(Boolean);
  /** @type {import("./page").ConfigNumbers[]} */
  const numbers = sweep.configuration.configs.map((config) => {
    const runs = config.runs.filter((run) => visible[run]);
    const failed = (run) => ["failed", "diverged"].includes(sweep.runs[run].state);
    const good = runs.filter((run) => !failed(run));
    const values = (column) => good.map((run) => Number(sweep.runs[run].last_values[column]?.value ?? NaN));
    const known = estimate(runs.map((run) => Number(sweep.runs[run].value ?? NaN)), student_quantiles);
    return {
      runs: runs.length,
      of: config.runs.length,
      ...known,
      difference: whole ? Number(config.standing?.difference?.value ?? NaN) : NaN,
      p: whole ? Number(config.standing?.p?.value ?? NaN) : NaN,
      results: sweep.columns.map((_, column) => spread(values(column))),
      failures: runs.filter(failed).length,
      collapsed: runs.filter((run) => isCollapsed(sweep.runs[run])).length,
    };
  });
  const sign = objective.better === "higher" ? -1 : 1;
  const ranked = numbers.filter(({ mean }) => Number.isFinite(mean)).sort((a, b) => sign * (a.mean - b.mean));
  ranked.forEach((config, place) => {
    config.rank = place + 1;
  });
  return numbers;
}

/** @param {import("./page").Sweep} sweep */
function cellText(cell, numbers, sweep) {
  const { columns, findings } = sweep;
  const [kind, number] = cell.split(":");
  if (kind === "result") return spreadText(numbers.results[number], columns[number].mean_decimals);
  const value = numbers[kind];
  if (kind === "runs" || kind === "count") return value === numbers.of ? String(value) : `${value} of ${numbers.of}`;
  if (kind === "mean" || kind === "half") return Number.isFinite(value) ? fixed(value, findings.objective.decimals) : "";
  // Tests are of all runs.
  return kind === "difference" || kind === "p" ? "" : String(value || "");
}

/**
 * @param {import("./long_table.js").LongTable} list
 * @param {import("./state.js").State} state
 */
function setUpOrder(list, rows, state, numbersNow) {
  const { table } = list;
  const { sweep } = state;
  const { configs } = sweep.configuration;
  for (const button of table.querySelectorAll("[data-order]")) {
    button.addEventListener("click", () => {
      const heading = button.closest("th");
      const ascending = heading.getAttribute("aria-sort") !== "ascending";
      for (const other of table.querySelectorAll("[aria-sort]")) other.setAttribute("aria-sort", "none");
      heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      const [kind, number] = button.dataset.order.split(":");
      const numbers = numbersNow();
      const value = (config) => {
        if (kind === "axis") return sweep.runs[configs[config].runs[0]].values[number];
        return kind === "result" ? numbers[config].results[number]?.mean : numbers[config][kind];
      };
      // As in the table of runs: what has collapsed is no candidate.
      const last = (config) => Number(kind === "result" && numbers[config].collapsed > 0);
      const order = rows.map((row) => [row, Number(row.dataset.config)]);
      order.sort(([, a], [, b]) => last(a) - last(b) || compare(value(a), value(b), ascending) || a - b);
      closeAll(list);
      list.sort(order.map(([row]) => row));
    });
  }
}

/** @param {import("./long_table.js").LongTable} list */
function closeAll(list) {
  for (const row of list.rows.filter((candidate) => candidate.matches(".members"))) list.remove(row);
  for (const row of list.rows) row.querySelector(".expand").setAttribute("aria-expanded", "false");
}

// Shows or hides the runs of a config in a row below its own.
/**
 * @param {import("./long_table.js").LongTable} list
 * @param {import("./state.js").State} state
 */
function toggleMembers(button, list, state) {
  const { sweep, visible } = state;
  const row = button.closest("tr");
  const open = button.getAttribute("aria-expanded") === "true";
  button.setAttribute("aria-expanded", String(!open));
  if (open) {
    list.remove(row.nextElementSibling);
    return;
  }
  const members = document.createElement("tr");
  members.className = "members";
  const cell = members.appendChild(document.createElement("td"));
  cell.colSpan = row.cells.length;
  for (const run of sweep.configuration.configs[row.dataset.config].runs.filter((candidate) => visible[candidate])) {
    const { seed, state: ending, last_values } = sweep.runs[run];
    const results = sweep.columns.flatMap(({ title }, place) =>
      last_values[place] ? [`${title} ${last_values[place].text}`] : [],
    );
    const member = cell.appendChild(document.createElement("button"));
    member.dataset.member = String(run);
    member.title = "Pin this run";
    member.textContent = [`seed ${seed}`, ending, ...results].join(" · ");
  }
  cell.insertAdjacentHTML("beforeend", animation(members, sweep));
  list.insertAfter(row, members);
}

// A command that animates the listed runs over their epochs.
function animation(members, sweep) {
  const runs = [...members.querySelectorAll("[data-member]")].map(({ dataset }) => sweep.runs[dataset.member]);
  const drawn = runs.filter(({ grids }) => grids.length > 1).map(({ id }) => id);
  if (drawn.length === 0) return "";
  const command = animationOf(drawn);
  return html`<div class="command"><span class="label">Animate the epochs</span><code>${command}</code><button class="copy" data-copy="${command}">Copy</button></div>`;
}
