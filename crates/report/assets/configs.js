// The table of configs: each row is a config with the mean over its runs.

import { isCollapsed, option } from "./state.js";
import { spread, spreadText, tableText } from "./summary.js";
import { compare } from "./table.js";

export function setUpConfigTable(root, state) {
  setUpTableCopies(root);
  const table = root.querySelector(".configtable");
  if (!table) return;
  const section = root.querySelector(".runs");
  const showKind = () =>
    section.classList.toggle("rows-are-configs", option(section, "rows", "runs") === "configs");
  for (const control of section.querySelectorAll("[data-option=rows]"))
    control.addEventListener("change", showKind);
  showKind();
  const { configs } = state.sweep.configuration;
  const rows = [...table.tBodies[0].rows];
  // As rendered: these texts stand while all runs of a config are visible.
  const texts = rows.map((row) => [...row.querySelectorAll("[data-cell]")].map((cell) => cell.textContent));
  state.on("visible", () => {
    closeAll(table);
    rows.forEach((row, place) => showVisible(row, configs[place], texts[place], state));
  });
  setUpOrder(table, rows, state);
  table.addEventListener("click", ({ target }) => {
    const expand = target.closest(".expand");
    if (expand) toggleMembers(expand, configs, state);
    const member = target.closest("[data-member]");
    if (member) state.togglePins([Number(member.dataset.member)]);
  });
}

// Numbers of a config over its visible runs.
function summary(config, state) {
  const { sweep, visible } = state;
  const runs = config.runs.filter((run) => visible[run]);
  const failed = (run) => ["failed", "diverged"].includes(sweep.runs[run].state);
  const good = runs.filter((run) => !failed(run));
  const values = (column) => good.map((run) => Number(sweep.runs[run].last_values[column]?.value ?? NaN));
  return {
    runs: runs.length,
    results: sweep.columns.map((_, column) => spread(values(column))),
    failures: runs.filter(failed).length,
    collapsed: runs.filter((run) => isCollapsed(sweep.runs[run])).length,
  };
}

function showVisible(row, config, texts, state) {
  const { runs, results, failures, collapsed } = summary(config, state);
  row.hidden = runs === 0;
  const now =
    runs === config.runs.length
      ? texts
      : [`${runs} of ${config.runs.length}`, ...results.map(spreadText), failures || "", collapsed || ""];
  row.querySelectorAll("[data-cell]").forEach((cell, place) => {
    cell.textContent = now[place];
  });
}

function setUpOrder(table, rows, state) {
  const { sweep } = state;
  const { configs } = sweep.configuration;
  for (const button of table.querySelectorAll("[data-order]")) {
    button.addEventListener("click", () => {
      const heading = button.closest("th");
      const ascending = heading.getAttribute("aria-sort") !== "ascending";
      for (const other of table.querySelectorAll("[aria-sort]")) other.setAttribute("aria-sort", "none");
      heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      const [kind, number] = button.dataset.order.split(":");
      const numbers = configs.map((config) => summary(config, state));
      const value = (config) => {
        if (kind === "axis") return sweep.runs[configs[config].runs[0]].values[number];
        return kind === "result" ? numbers[config].results[number]?.mean : numbers[config][kind];
      };
      // As in the table of runs: what has collapsed is no candidate.
      const last = (config) => Number(kind === "result" && numbers[config].collapsed > 0);
      const order = rows.map((_, config) => config);
      order.sort((a, b) => last(a) - last(b) || compare(value(a), value(b), ascending) || a - b);
      closeAll(table);
      table.tBodies[0].append(...order.map((config) => rows[config]));
    });
  }
}

function closeAll(table) {
  for (const list of table.querySelectorAll(".members")) list.remove();
  for (const expand of table.querySelectorAll(".expand")) expand.setAttribute("aria-expanded", "false");
}

// Shows or hides the runs of a config in a row below its own.
function toggleMembers(button, configs, state) {
  const row = button.closest("tr");
  const open = button.getAttribute("aria-expanded") === "true";
  button.setAttribute("aria-expanded", String(!open));
  if (open) {
    row.nextElementSibling.remove();
    return;
  }
  const list = document.createElement("tr");
  list.className = "members";
  const cell = list.appendChild(document.createElement("td"));
  cell.colSpan = row.cells.length;
  const { sweep, visible } = state;
  for (const run of configs[row.dataset.config].runs.filter((candidate) => visible[candidate])) {
    const { seed, state: ending, last_values } = sweep.runs[run];
    const results = sweep.columns.flatMap(({ title }, place) =>
      last_values[place] ? [`${title} ${last_values[place].text}`] : [],
    );
    const member = cell.appendChild(document.createElement("button"));
    member.dataset.member = run;
    member.title = "Pin this run";
    member.textContent = [`seed ${seed}`, ending, ...results].join(" · ");
  }
  row.after(list);
}

// Buttons that copy the table that is shown, as it is filtered and sorted.
function setUpTableCopies(root) {
  for (const button of root.querySelectorAll("[data-take]")) {
    const title = button.textContent;
    button.addEventListener("click", async () => {
      const text = tableText(shownRows(root), button.dataset.take);
      const done = await navigator.clipboard?.writeText(text).then(
        () => true,
        () => false,
      );
      button.textContent = done ? "Copied" : "Not allowed";
      setTimeout(() => {
        button.textContent = title;
      }, 1800);
    });
  }
}

// The texts of the shown table's visible rows, headings first, without the column of marks.
function shownRows(root) {
  const byConfig = root.querySelector(".runs").classList.contains("rows-are-configs");
  const table = root.querySelector(byConfig ? ".configtable" : ".runtable");
  const rows = [...table.rows].filter((row) => !row.hidden && !row.matches(".off, .members"));
  const textOf = (cell) => (cell.querySelector(".state") ?? cell).textContent.trim().replace(/\s+/g, " ");
  return rows.map((row) => [...row.cells].slice(1).map(textOf));
}
