// @ts-check
// The section of the space: chooses what its charts show, and draws them while they are in view.

import { isWide, keysOf, metricsOf } from "./dimensions.js";
import { drawHeatmap } from "./heatmap.js";
import { Parallel } from "./parallel.js";
import { fillElement, numberFormat, themeColor } from "./layout.js";
import { loadPlotly } from "./library.js";
import { isPaper } from "./paper.js";
import { watchNearness } from "./viewport.js";
import { pauseBeforeDrawing } from "./pause.js";
import { darkScheme } from "./theme.js";
import { html } from "./dom.js";

export class Space {
  /**
   * @param {import("./state.js").State} state
   * @param {import("./color.js").Colors} colors
   */
  constructor(root, state, colors) {
    this.section = root.querySelector(".space");
    this.state = state;
    this.colors = colors;
    this.inView = false;
    this.stale = true;
    // Whether the scatter was last drawn for paper.
    this.wasPaper = false;
    this.timer = 0;
    this.keys = keysOf(state.sweep);
    this.metrics = metricsOf(state.sweep);
    this.fillSelects();
    this.parallel = new Parallel(this.section.querySelector(".parallel"), state, colors);
    this.heat = this.section.querySelector(".heatmap");
    this.heat.addEventListener("click", ({ target }) => {
      const cell = target.closest("[data-pin-runs]");
      if (cell) state.togglePins(cell.dataset.pinRuns.split(" ").map(Number));
    });
    for (const select of this.section.querySelectorAll("select")) select.addEventListener("change", () => this.redraw());
    watchNearness(this.section, 300, (isNear) => {
      this.inView = isNear;
      if (isNear && this.stale) this.draw();
    });
    for (const topic of ["visible", "color"]) state.on(topic, () => this.redraw());
    // A stale chart is drawn with its highlighted runs when the reader pauses.
    state.on("focus", () => this.inView && !this.stale && this.parallel.draw());
    darkScheme.addEventListener("change", () => this.redraw());
    // The colours, which were made before, are light by now.
    for (const kind of ["beforeprint", "afterprint"]) addEventListener(kind, () => root.hidden || this.draw());
  }

  fillSelects() {
    const entry = ({ name, title }) => html`<option value="${name}">${title}</option>`;
    const fill = (name, choices, chosen) => {
      const select = this.control(name);
      select.innerHTML = choices.map(entry).join("");
      select.value = (choices[chosen] ?? choices[0]).name;
    };
    fill("space-metric", this.metrics, 0);
    // A heat map of one key says what its main effect says.
    this.section.querySelector(".heat").hidden = this.keys.length < 2;
    fill("heat-x", this.keys, 0);
    fill("heat-y", this.keys, 1);
    fill("scatter-x", [...this.keys, ...this.metrics], 0);
    fill("scatter-y", [...this.metrics, ...this.keys], 0);
  }

  control(name) {
    return this.section.querySelector(`[data-control=${name}]`);
  }

  chosen(name, choices) {
    const { value } = this.control(name);
    return choices.find((choice) => choice.name === value) ?? choices[0];
  }

  // Of many runs the charts wait until the reader pauses, so that the next keystroke comes before them.
  redraw() {
    this.stale = true;
    clearTimeout(this.timer);
    if (!this.inView) return;
    const pause = pauseBeforeDrawing(this.state.sweep.runs.length);
    if (pause) this.timer = setTimeout(() => this.draw(), pause);
    else this.draw();
  }

  draw() {
    this.stale = false;
    const metric = this.chosen("space-metric", this.metrics);
    const [across, down] = [this.chosen("heat-x", this.keys), this.chosen("heat-y", this.keys)];
    drawHeatmap(this.heat, this.state, across, across === down ? null : down, metric);
    this.parallel.choose(this.keys.filter(({ name }) => name !== "seed"), metric);
    this.section.querySelector(".parallel-note").textContent = this.parallel.left
      ? ` The ${this.parallel.left} keys that explain least are left out.`
      : "";
    for (const name of this.section.querySelectorAll(".of-metric")) name.textContent = metric.title;
    this.section.querySelector(".of-brighter").textContent = metric.better ? "better" : "higher";
    // Paper does not wait.
    if ("Plotly" in globalThis) this.drawScatter();
    else loadPlotly().then(() => this.drawScatter(), () => {});
  }

  drawScatter() {
    const all = [...this.keys, ...this.metrics];
    const [x, y] = [this.chosen("scatter-x", all), this.chosen("scatter-y", all)];
    const { visible } = this.state;
    const groups = this.colors.groups.map(({ title, color, runs }) => {
      const shown = runs.filter((run) => visible[run]);
      const [xs, ys] = [shown.map(coordinate(x)), shown.map(coordinate(y))];
      const marker = { color, size: 8, opacity: 0.8 };
      const text = shown.map((run) => this.state.sweep.runs[run].label);
      const hovertemplate = "%{text}<br>%{x}, %{y}<extra></extra>";
      return { type: "scatter", mode: "markers", name: title, x: xs, y: ys, text, customdata: shown, marker, hovertemplate };
    });
    const plot = this.section.querySelector(".scatterplot");
    const layout = scatterLayout(x, y, visible);
    if (isPaper() || this.wasPaper) fillElement(layout, plot);
    this.wasPaper = isPaper();
    Plotly.react(plot, groups, layout, { displayModeBar: false });
    if (plot.dataset.ready) return;
    plot.dataset.ready = "yes";
    plot.on("plotly_click", ({ points: [point] }) => this.state.togglePins([point.customdata]));
  }
}

// A run's place on an axis: a number, or a text where not all values are numbers.
function coordinate(quantity) {
  if (quantity.value) return quantity.value;
  const values = quantity.numbers ?? quantity.texts;
  return (run) => values[quantity.place(run)] ?? null;
}

// The kind of an axis of these numbers, and how they are written there.
function scaleOf(numbers) {
  if (numbers.length === 0) return { type: "category" };
  if (isWide(numbers)) return { type: "log", exponentformat: "power" };
  return { type: "linear", tickformat: numberFormat(numbers.filter(Number.isFinite)) };
}

function scatterLayout(x, y, visible) {
  const muted = themeColor("--muted");
  const axis = (quantity) => {
    const numbers = quantity.numbers ?? (quantity.value ? visible.map((_, run) => quantity.value(run)) : []);
    return {
      title: { text: quantity.title, standoff: 6, font: { size: 12, color: muted } },
      ...(quantity.numbers && quantity.numbers.length <= 12 ? { tickvals: quantity.numbers, ticktext: quantity.texts } : {}),
      ...scaleOf(numbers),
      gridcolor: themeColor("--plot-grid"),
      zeroline: false,
      tickfont: { size: 11.5, color: muted },
      automargin: true,
    };
  };
  return {
    margin: { l: 54, r: 14, t: 8, b: 42 },
    showlegend: false,
    dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
    paper_bgcolor: "transparent",
    plot_bgcolor: "transparent",
    font: { family: themeColor("--text"), color: themeColor("--ink") },
    xaxis: axis(x),
    yaxis: axis(y),
  };
}
