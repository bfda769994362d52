// @ts-check
// Loss and score curves. Runs of one colour share a Plotly trace, with gaps between the runs, so that
// 500 runs draw as fast as 5. Highlighted runs are drawn on a canvas above the plot.

import { html, option } from "./dom.js";
import { pauseBeforeDrawing } from "./pause.js";
import { darkScheme } from "./theme.js";
import { FEWEST_FOR_QUARTILES, groupCurve, groupText, interpolator, smoothed } from "./series.js";
import { X_TITLES } from "./layout.js";
import { format } from "./numbers.js";
import { median } from "./statistics.js";
import { Chart } from "./chart.js";
import { loadPlotly } from "./library.js";

// With more visible runs, lines hide each other: groups are then shown as medians with bands.
const MANY_RUNS = 24;
// Stars of more runs would hide the lines.
const MOST_STARS = 24;

export class Curves {
  /**
   * @param {import("./state.js").State} state
   * @param {import("./color.js").Colors} colors
   */
  constructor(root, state, colors) {
    this.state = state;
    this.colors = colors;
    this.section = root.querySelector(".curves");
    this.zoom = null;
    this.cache = new Map();
    // Where the runs of these colours stand on charts of single values.
    this.columns = { groups: [], places: new Map() };
    this.tip = document.body.appendChild(
      Object.assign(document.createElement("div"), { className: "tip", hidden: true }),
    );
    const metrics = state.sweep.charts.flatMap((group) => group.charts);
    this.charts = [...this.section.querySelectorAll(".chart")].map(
      (figure, place) => new Chart(figure, metrics[place], this),
    );
    if (differInSteps(state.sweep)) this.section.querySelector("[data-option=x][value=epoch]").checked = true;
    this.readControls();
    this.setUpControls(root);
    this.drawLegend();
    this.ready = false;
    loadPlotly().then(
      () => {
        this.ready = true;
        this.watch();
      },
      (error) => this.sayFault(error),
    );
    state.on("visible", () => this.redraw());
    state.on("color", () => {
      this.drawLegend();
      this.redraw();
    });
    state.on("epoch", () => this.charts.forEach((chart) => chart.highlight()));
    state.on("focus", () => this.charts.forEach((chart) => chart.highlight()));
    state.on("visible", () => this.drawLegend());
    state.on("zoom", () => {
      if (this.zoom !== state.zoom) this.zoomTo(state.zoom);
    });
    // The colours, which were made before, are light by now.
    for (const kind of ["beforeprint", "afterprint"]) addEventListener(kind, () => root.hidden || this.drawNow());
  }

  sayFault(error) {
    const fault = Object.assign(document.createElement("p"), { className: "empty" });
    fault.textContent = `The charts cannot be drawn: ${error.message}`;
    this.section.querySelector(".legend").replaceWith(fault);
  }

  readControls() {
    this.x = option(this.section, "x", "step");
    this.log = option(this.section, "scale", "linear") === "log";
    this.shape = option(this.section, "lines", "auto");
    this.smooth = Number(this.section.querySelector("[data-control=smooth]").value);
    this.section.querySelector(".smooth output").textContent = this.smooth ? this.smooth.toFixed(2) : "off";
  }

  setUpControls(root) {
    for (const control of this.section.querySelectorAll("[data-option], [data-control=smooth]")) {
      control.addEventListener("input", () => {
        const x = this.x;
        this.readControls();
        if (this.x !== x) this.zoomTo(null);
        this.cache.clear();
        this.redraw();
      });
    }
    const picker = root.querySelector("[data-control=color]");
    picker.value = this.colors.key;
    picker.addEventListener("change", () => this.colors.choose(picker.value));
  }

  // Charts in or near the viewport are drawn first.
  watch() {
    const observer = new IntersectionObserver(
      (entries) => {
        for (const { target, isIntersecting } of entries) {
          const chart = this.charts.find((candidate) => candidate.figure === target);
          if (chart) chart.inView = isIntersecting;
        }
        this.drawSoon();
      },
      { rootMargin: "300px" },
    );
    for (const chart of this.charts) observer.observe(chart.figure);
    darkScheme.addEventListener("change", () => this.redraw());
  }

  // Paper does not wait.
  drawNow() {
    if (this.ready) for (const chart of this.charts) chart.draw();
  }

  // What of a group of runs is shown: "median" or "mean"; null where each run has a line of its own.
  /** @returns {"median" | "mean" | null} */
  get grouped() {
    /** @type {Record<string, "median" | "mean" | null>} */
    const chosen = { runs: null, medians: "median", means: "mean" };
    if (this.shape !== "auto") return chosen[this.shape];
    const isMany = this.state.visible.filter(Boolean).length > MANY_RUNS && this.colors.groups.length <= MANY_RUNS;
    // One run at 1e9 moves a mean and its deviation as far as it likes, and a median by one place.
    return isMany ? "median" : null;
  }

  // The visible runs whose best checkpoint has a star on their lines. Where a run was evaluated once, its only checkpoint with
  // a figure is the best one, which says nothing.
  get starred() {
    const { sweep, visible } = this.state;
    if (this.grouped) return [];
    const once = sweep.charts.flatMap(({ charts }) => charts.flatMap((chart) => (chart.once ? [chart.title] : [])));
    const nameOf = ({ figure }) => figure.slice(0, figure.lastIndexOf(" "));
    const starred = sweep.runs.flatMap(({ best }, run) => (visible[run] && best && !once.includes(nameOf(best)) ? [run] : []));
    return starred.length > MOST_STARS ? [] : starred;
  }

  // What a line of a group or a star is, below the controls.
  drawNote() {
    const note = this.section.querySelector(".lines-note");
    const isStarred = this.starred.length > 0;
    note.hidden = !this.grouped && !isStarred;
    if (isStarred) note.textContent = "★ best checkpoint of the run";
    if (!this.grouped) return;
    const band =
      this.grouped === "mean"
        ? "mean of the runs of one colour that pass the filter; its band is one standard deviation to either side."
        : `median of the runs of one colour that pass the filter; its band is the middle half of them, from the 25 % to the 75 % quantile (of fewer than ${FEWEST_FOR_QUARTILES} runs, all of them).`;
    note.textContent = `A line is the ${band} It is of the same runs from end to end: runs that end much earlier are left out, and where half of all have ended, the line ends too. Hover over a line to see its runs.`;
  }

  redraw() {
    for (const chart of this.charts) chart.stale = true;
    this.drawNote();
    this.drawSoon(pauseBeforeDrawing(this.state.sweep.runs.length));
  }

  // Draws one stale chart per timer tick, so that the page stays responsive. Several changes to a
  // chart before its turn cost one redraw, and a further change puts the drawing off: the next keystroke
  // comes before the charts.
  drawSoon(wait = 0) {
    if (!this.ready) return;
    clearTimeout(this.timer);
    if (!this.charts.some((chart) => chart.stale)) return;
    const seen = this.charts.find((chart) => chart.stale && chart.inView);
    this.timer = setTimeout(
      () => {
        (seen ?? this.charts.find((chart) => chart.stale))?.draw();
        this.drawSoon();
      },
      seen ? wait : 100 + 3 * wait,
    );
  }

  drawLegend() {
    const legend = this.section.querySelector(".legend");
    const { sweep, hidden } = this.state;
    const one = this.colors.groups.length === sweep.runs.length;
    legend.classList.toggle("many", this.colors.groups.length > 12);
    const entries = this.colors.groups.map((group, place) => {
      const shown = group.runs.some((run) => !hidden.has(run));
      const count = one ? "" : `× ${group.runs.length}`;
      const { title, color } = group;
      return html`<button data-group="${place}" aria-pressed="${shown}">
        <i class="swatch" style="--color:${color}"></i>${title} <b>${count}</b>
      </button>`;
    });
    const focused = legend.querySelector(":focus")?.dataset.group;
    legend.innerHTML = html`<span class="of">${this.colors.title}</span>` + entries.join("");
    for (const button of legend.querySelectorAll("button")) {
      const { runs } = this.colors.groups[button.dataset.group];
      button.addEventListener("click", () => this.state.toggleHidden(runs));
      button.addEventListener("pointerenter", () => this.state.hover(runs));
      button.addEventListener("pointerleave", () => this.state.hover([]));
      if (button.dataset.group === focused) button.focus();
    }
    this.drawNote();
  }

  // The lines of a chart: `{ runs, title, color, x, y }`, and what `groupCurve` adds for a group of runs. Only
  // visible runs; none without a value.
  lines(metric) {
    const { visible } = this.state;
    const drawn = ({ y }) => y.some((value) => value !== null);
    const kind = this.grouped;
    if (!kind || metric.once)
      return visible.flatMap((shown, run) => (shown ? [this.runLine(run, metric)] : [])).filter(drawn);
    return this.colors.groups.flatMap(({ title, color, runs }) => {
      const members = runs.filter((run) => visible[run]);
      const curve = groupCurve(members.map((run) => this.curve(run, metric.series)), kind);
      const name = `${this.colors.title} ${title}`;
      return curve.x.length ? [{ runs: members, title: name, color, ...curve }] : [];
    });
  }

  runLine(run, metric) {
    const title = this.state.sweep.runs[run].label;
    const { x, y } = this.curve(run, metric.series);
    return { runs: [run], title, color: this.colors.ofRun[run], x: metric.once ? y.map(() => this.columnOf(run)) : x, y };
  }

  // The place of a run on a chart of single values: in the column of its colour, beside the other runs of that.
  columnOf(run) {
    const { groups } = this.colors;
    if (this.columns.groups !== groups) {
      const place = (runs, at) => 0.6 * ((at + 0.5) / runs.length - 0.5);
      const places = groups.flatMap(({ runs }, column) => runs.map((member, at) => [member, column + place(runs, at)]));
      this.columns = { groups, places: new Map(places) };
    }
    return this.columns.places.get(run);
  }

  // The median of each column of a chart of single values, where it is of several runs: `lines` are those of the chart.
  columnMedians(lines) {
    const valueOf = new Map(lines.map(({ runs: [run], y }) => [run, y.findLast((value) => value !== null)]));
    return this.colors.groups.flatMap(({ title, color, runs }, column) => {
      const members = runs.filter((run) => valueOf.has(run));
      const middle = median(members.map((run) => valueOf.get(run)));
      return members.length > 1 ? [{ runs: members, title: `${this.colors.title} ${title}`, color, x: [column], y: [middle] }] : [];
    });
  }

  // A run's curve with the chosen x axis and smoothing: x and y, null where a value is not finite.
  curve(run, series) {
    const key = run * 64 + series;
    if (!this.cache.has(key)) {
      const { steps, values } = this.state.sweep.runs[run].series[series];
      const axis = this.state.sweep.runs[run].x_axes[this.x];
      // `step` has no entry: steps are stored with the values.
      const x = axis ? steps.map(interpolator(axis)) : steps;
      this.cache.set(key, { x, y: smoothed(values.map(Number), this.smooth) });
    }
    return this.cache.get(key);
  }

  // The point of a run's line at its best checkpoint; null if the line has none there.
  bestOn({ runs: [place], x, y }) {
    const { best, x_axes } = this.state.sweep.runs[place];
    if (!best) return null;
    const axis = x_axes[this.x];
    const across = axis ? interpolator(axis)(best.step) : best.step;
    const known = y.flatMap((value, at) => (value === null || x[at] === null ? [] : [at]));
    const level = interpolator({ steps: known.map((at) => x[at]), values: known.map((at) => y[at]) })(across);
    return across === null || level === null ? null : { x: across, y: level };
  }

  // All charts share the zoom of the x axis.
  zoomTo(range, by) {
    this.zoom = range;
    for (const chart of this.charts) if (chart !== by) chart.followZoom();
    if (this.state.zoom !== range) this.state.setZoom(range);
  }

  showTip(event, line, chart, x, y) {
    const at = chart.once ? "" : ` at ${format(x)} ${X_TITLES[this.x]}`;
    const more = groupText(line, x).map((text) => html`<span>${text}</span>`);
    this.tip.innerHTML = html`<b><i class="swatch" style="--color:${line.color}"></i>${line.title}</b>
      <span>${chart.title} ${format(y)}${at}</span>` + more.join("");
    this.tip.hidden = false;
    const { clientX, clientY } = event;
    const { width, height } = this.tip.getBoundingClientRect();
    this.tip.style.left = `${clientX + 16 + width > innerWidth ? clientX - width - 12 : clientX + 16}px`;
    this.tip.style.top = `${Math.max(8, clientY - height - 12)}px`;
  }
}

// Whether an epoch has more steps in one run than in another, as with several batch sizes or numbers of D's steps. Steps then
// compare early parts of some runs with whole others: the charts begin with epochs.
/** @param {import("./page").Sweep} sweep */
function differInSteps({ runs }) {
  const known = runs.filter(({ epochs }) => epochs > 0);
  return new Set(known.map(({ total_steps, epochs }) => (total_steps / epochs).toFixed(3))).size > 1;
}
