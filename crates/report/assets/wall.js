// @ts-check
// The wall of sample grids: which keys run along its sides, and sliders for the others.

import { html } from "./dom.js";
import { onWholePage } from "./paper.js";
import { arrange, dimensionsOf, firstChoice } from "./arrange.js";

// A longer list of grids begins with a few of them: the sections below stay within reach.
const LONGEST_FLOW = 48;
const FIRST_IN_FLOW = 24;
// A matrix begins with as many rows as have about so many grids, and a longer one than this with a few rows.
const FIRST_IN_ROWS = 240;
const LONGEST_MATRIX = 24;
const FIRST_ROWS = 12;

export class Wall {
  // `changed` is called whenever grids are in other places.
  /** @param {import("./state.js").State} state */
  constructor(section, state, changed) {
    this.section = section;
    this.state = state;
    this.changed = changed;
    // The pickers of the sides' keys, where there are keys to choose from.
    this.rowsPicker = null;
    this.columnsPicker = null;
    this.sides = [];
    this.sliders = [];
    this.scroller = section.querySelector(".gallery .scroller");
    this.isLong = false;
    this.figures = new Map(
      [...this.scroller.querySelectorAll(".sample")].map((figure) => [Number(figure.dataset.run), figure]),
    );
    this.dimensions = dimensionsOf(state.sweep);
    const { layout } = state.sweep.samples;
    this.cells = layout.cells;
    this.hasColumns = layout.columns !== null;
    // Whether all grids of a long list are shown.
    this.whole = false;
    this.setUpMore();
    if (this.dimensions.length > 1) this.setUpControls(layout);
    this.shorten();
    state.on("visible", () => this.shorten());
  }

  // The button below a long wall. Paper and the browser's own search get all of it.
  setUpMore() {
    const button = this.section.querySelector(".more-grids");
    const show = (whole) => {
      this.whole = whole;
      this.shorten();
    };
    button.addEventListener("click", () => {
      const { top } = button.getBoundingClientRect();
      show(!this.whole);
      // When the wall becomes short again, what the reader was looking at is gone: the button stays in view.
      if (!this.whole && top !== button.getBoundingClientRect().top) button.scrollIntoView({ block: "center", behavior: "instant" });
    });
    let before = false;
    const showAll = () => {
      before = this.whole;
      show(true);
    };
    onWholePage(showAll, () => show(before));
  }

  // Leaves out what is beyond the first grids of a long wall.
  shorten() {
    const [shown, all, noun] = this.hasColumns ? this.shortenRows() : this.shortenFlow();
    const button = this.section.querySelector(".more-grids");
    button.hidden = all <= shown && !(this.whole && this.isLong);
    button.textContent = this.whole ? `Show the first ${noun} only` : `Show all ${all} ${noun}`;
    button.setAttribute("aria-expanded", String(this.whole));
  }

  shortenFlow() {
    const runs = this.cells[0][0].filter((run) => this.state.visible[run]);
    this.isLong = runs.length > LONGEST_FLOW;
    const first = this.isLong && !this.whole ? FIRST_IN_FLOW : runs.length;
    runs.forEach((run, place) => this.figures.get(run)?.classList.toggle("beyond", place >= first));
    return [first, runs.length, "runs"];
  }

  shortenRows() {
    const rows = [...this.scroller.querySelectorAll(".grids tbody tr")];
    const most = rows.length > LONGEST_MATRIX ? FIRST_ROWS : rows.length;
    let [first, grids] = [0, 0];
    while (first < most && grids <= FIRST_IN_ROWS) {
      grids += this.cells[first].flat().length;
      first += 1;
    }
    this.isLong = first < rows.length;
    const shown = this.isLong && !this.whole ? first : rows.length;
    rows.forEach((row, place) => row.classList.toggle("beyond", place >= shown));
    for (const figure of this.figures.values()) figure.classList.remove("beyond");
    return [shown, rows.length, "rows"];
  }

  setUpControls(layout) {
    const place = (side) => this.dimensions.findIndex(({ title }) => title === side?.title);
    const chosen = layout.columns ? null : firstChoice(this.dimensions, this.state.sweep.runs.length);
    const sides = chosen
      ? [this.dimensions.indexOf(chosen.rows), this.dimensions.indexOf(chosen.columns)]
      : [place(layout.rows), place(layout.columns)];
    const area = this.section.querySelector(".arrange");
    const options = (selected) =>
      [["-1", "nothing"], ...this.dimensions.map(({ title }, at) => [at, title])]
        .map(([value, title]) => html`<option value="${value}" ${Number(value) === selected ? "selected" : ""}>${title}</option>`)
        .join("");
    const sliders = this.dimensions.map(
      ({ title, labels }, at) => html`<label class="wall-at" data-at="${at}" hidden><span class="label">${title}</span><input type="range" min="0" max="${labels.length - 1}" value="0" step="1" data-control="wall-at-${title}"><output>${labels[0]}</output></label>`,
    );
    area.innerHTML = `<label class="pick"><span class="label">Rows</span><select data-control="wall-rows">${options(sides[0])}</select></label>
      <label class="pick"><span class="label">Columns</span><select data-control="wall-columns">${options(sides[1])}</select></label>
      ${sliders.join("")}`;
    area.hidden = false;
    [this.rowsPicker, this.columnsPicker] = area.querySelectorAll("select");
    this.sliders = [...area.querySelectorAll(".wall-at")];
    area.addEventListener("input", ({ target }) => {
      // One key cannot run along both sides: they change places.
      const [rows, columns] = [this.rowsPicker, this.columnsPicker];
      if (target.tagName === "SELECT" && rows.value === columns.value && rows.value !== "-1")
        (target === rows ? columns : rows).value = this.sides[target === rows ? 0 : 1];
      this.rebuild();
    });
    this.sides = sides.map(String);
    if (chosen) this.rebuild();
    else this.showSliders();
    this.setUpPrinting();
  }

  // The dimensions that neither side shows, the seed left out: seeds stand beside each other in a cell.
  get others() {
    return this.dimensions.map((_, at) => at).filter((at) => !this.sides.includes(String(at)) && this.dimensions[at].title !== "seed");
  }

  showSliders() {
    const matrix = this.sides.some((side) => side !== "-1");
    for (const slider of this.sliders) {
      const at = Number(slider.dataset.at);
      slider.hidden = !matrix || !this.others.includes(at);
      const input = slider.querySelector("input");
      const label = this.dimensions[at].labels[input.value];
      slider.querySelector("output").textContent = label;
      input.setAttribute("aria-valuetext", label);
    }
  }

  rebuild() {
    this.sides = [this.rowsPicker.value, this.columnsPicker.value];
    this.showSliders();
    const fixed = this.sliders
      .filter((slider) => !slider.hidden)
      .map((slider) => ({
        dimension: this.dimensions[slider.dataset.at],
        place: Number(slider.querySelector("input").value),
      }));
    this.build(...this.sides.map((side) => this.dimensions[side] ?? null), fixed);
  }

  build(rows, columns, fixed) {
    const { sweep } = this.state;
    const { cells } = arrange(sweep.runs.length, rows, columns, fixed);
    const caption = (run) => {
      if (!rows && !columns) return sweep.runs[run].label;
      return [rows, columns].some((side) => side?.title === "seed") ? "" : `seed ${sweep.runs[run].seed}`;
    };
    const put = (cell, run) => {
      const figure = this.figures.get(run);
      const what = figure.querySelector(".what");
      what.textContent = caption(run);
      what.title = sweep.runs[run].label;
      cell.append(figure);
    };
    this.cells = rows || columns ? cells : [[sweep.findings.order.flatMap((config) => sweep.configuration.configs[config].runs)]];
    this.hasColumns = Boolean(rows || columns);
    const grids = this.hasColumns ? matrixOf(rows, columns, cells, put) : flowOf(this.cells[0][0], put);
    this.scroller.replaceChildren(grids);
    this.shorten();
    this.changed();
  }

  // Paper has no sliders: it gets all runs.
  setUpPrinting() {
    let hides = false;
    addEventListener("beforeprint", () => {
      hides = this.sliders.some((slider) => !slider.hidden);
      if (hides) this.build(null, null, []);
    });
    addEventListener("afterprint", () => {
      if (hides) this.rebuild();
    });
  }
}

function matrixOf(rows, columns, cells, put) {
  const table = Object.assign(document.createElement("table"), { className: "grids" });
  const corner = rows ? html`<th class="corner" scope="col"><span>${rows.title}</span></th>` : "";
  const headings = (columns?.labels ?? []).map((label) => html`<th scope="col"><span class="key">${columns.title}</span> ${label}</th>`);
  table.innerHTML = `<thead><tr>${corner}${headings.join("")}</tr></thead><tbody></tbody>`;
  cells.forEach((line, place) => {
    const row = table.tBodies[0].insertRow();
    if (rows) row.innerHTML = html`<th scope="row">${rows.labels[place]}</th>`;
    for (const runs of line) {
      const cell = row.insertCell().appendChild(Object.assign(document.createElement("div"), { className: "cell" }));
      for (const run of runs) put(cell, run);
    }
  });
  return table;
}

function flowOf(runs, put) {
  const flow = Object.assign(document.createElement("div"), { className: "grids flow" });
  for (const run of runs) put(flow, run);
  return flow;
}
