// @ts-check
// One chart: a metric, with a line per run or per group of runs.

import { emptyCanvas } from "./canvas.js";
import { html } from "./dom.js";
import { themeColor, chartLayout, fillElement, MARGIN } from "./layout.js";
import { wholeRange, valueRange, lostGroups, padded, widened } from "./range.js";
import { bounds } from "./statistics.js";
import { isPaper } from "./paper.js";
import { saveButtons } from "./save.js";
import { epochPosition } from "./epoch_mark.js";
import { watchPinch } from "./pinch.js";

// Times the range of most lines that all of them may take.
const MOST_WIDENING = 4;

export class Chart {
  /** @param {import("./curves.js").Curves} curves */
  constructor(figure, metric, curves) {
    this.figure = figure;
    this.metric = metric;
    this.curves = curves;
    this.stale = true;
    this.inView = false;
    this.drawn = false;
    // Whether it was last drawn for paper, and has the size of that.
    this.wasPaper = false;
    // Whether runs far away from the others are shown too.
    this.all = false;
    // The line that marks the epoch of the sample grids.
    this.mark = null;
    this.plot = figure.querySelector(".plot");
    this.plot.setAttribute("role", "img");
    this.plot.setAttribute("aria-label", `Curves of ${metric.title}; the table of runs has the last values`);
    this.clipped = figure.querySelector(".clipped");
    this.canvas = null;
    this.width = 0;
    /** @type {any[]} */
    this.lines = [];
    // The lines that each trace's points belong to.
    /** @type {{ starts: number[], members: any[] }[]} */
    this.owners = [];
    this.range = { x: [0, 1], y: [0, 1] };
    new ResizeObserver(() => this.resize()).observe(this.plot);
    this.clipped.addEventListener("click", () => {
      this.all = !this.all;
      this.draw();
    });
  }

  // A chart in a hidden tab has no width; it is resized when the tab is shown.
  resize() {
    const width = this.plot.clientWidth;
    if (!this.drawn || width === 0 || width === this.width) return;
    this.width = width;
    Plotly.Plots.resize(this.plot).then(() => this.highlight());
  }

  draw() {
    this.stale = false;
    this.lines = this.curves.lines(this.metric);
    const { traces, owners } = this.curves.grouped && !this.metric.once ? this.groupTraces() : this.runTraces();
    this.owners = owners;
    this.range = this.ranges();
    const options = {
      displaylogo: false,
      doubleClick: "reset",
      modeBarButtons: [saveButtons(this), ["resetScale2d"]],
    };
    const layout = chartLayout(this.metric, this.curves, this.range, this.plot.clientWidth);
    if (this.lines.length === 0) hideTicks(layout);
    if (isPaper() || this.wasPaper) fillElement(layout, this.plot);
    this.wasPaper = isPaper();
    Plotly.react(this.plot, traces, layout, options);
    this.figure.classList.toggle("vacant", this.lines.length === 0);
    this.width = this.plot.clientWidth;
    if (!this.drawn) this.setUpEvents();
    this.drawn = true;
    this.highlight();
  }

  // One trace per colour: Plotly slows down with the number of traces, not of points. `owners` maps each
  // trace's points back to lines: `starts` holds the index of each line's first point.
  runTraces() {
    const width = lineWidth(this.lines.length);
    const owners = [];
    const { groups, groupOf } = this.curves.colors;
    /** @type {any[][]} */
    const linesOf = groups.map(() => []);
    for (const line of this.lines) linesOf[groupOf[line.runs[0]]].push(line);
    const traces = groups.map(({ color, title }, place) => {
      const members = linesOf[place];
      /** @type {any[][]} */
      const [x, y, starts] = [[], [], []];
      for (const line of members) {
        starts.push(x.length);
        for (const value of line.x) x.push(value);
        for (const value of line.y) y.push(value);
        x.push(null);
        y.push(null);
      }
      owners.push({ starts, members });
      const line = { color, width };
      return { type: "scatter", mode: "lines", name: title, x, y, line, hoverinfo: "none", connectgaps: false };
    });
    this.addMarkers(traces, owners);
    return { traces, owners };
  }

  // The line of each group in front of its band. Lines are drawn last, so that no band hides one.
  groupTraces() {
    const owners = [];
    const bands = this.lines.map(({ x, y, low, high, color }) => {
      owners.push({ starts: [], members: [] });
      // A logarithmic axis has no place for what is below zero.
      const bottom = low.map((value, place) => (this.curves.log && value <= 0 ? y[place] / 1000 : value));
      return {
        type: "scatter",
        mode: "lines",
        x: [...x, ...[...x].reverse()],
        y: [...high, ...bottom.reverse()],
        fill: "toself",
        fillcolor: color,
        opacity: 0.16,
        line: { width: 0 },
        hoverinfo: "skip",
        showlegend: false,
      };
    });
    const middles = this.lines.map((line) => {
      owners.push({ starts: [0], members: [line] });
      const { x, y, color, title } = line;
      return { type: "scatter", mode: "lines", name: title, x, y, line: { color, width: 2.2 }, hoverinfo: "none" };
    });
    const traces = [...bands, ...middles];
    this.addMarkers(traces, owners);
    return { traces, owners };
  }

  addMarkers(traces, owners) {
    const add = (points, marker) => {
      owners.push({ starts: points.lines.map((_, place) => place), members: points.lines });
      const { x, y } = points;
      const common = { type: "scatter", mode: "markers", hoverinfo: "none", cliponaxis: false, showlegend: false };
      traces.push({ ...common, x, y, marker: { ...marker, color: points.lines.map(({ color }) => color) } });
    };
    add(this.lonePoints(), { symbol: "circle", size: this.metric.once ? 7 : 6 });
    const edge = { width: 1.5, color: themeColor("--surface") };
    add(this.divergences(), { symbol: "x", size: 10, line: edge });
    if (this.metric.once) {
      const medians = this.curves.columnMedians(this.lines);
      const points = { x: medians.map(({ x }) => x[0]), y: medians.map(({ y }) => y[0]), lines: medians };
      add(points, { symbol: "line-ew", size: 14, line: { width: 2.5, color: medians.map(({ color }) => color) } });
      return;
    }
    const best = this.bestCheckpoints();
    if (best.lines.length) add(best, { symbol: "star", size: 11, line: edge });
  }

  // Where the best checkpoints of the runs are on their lines.
  bestCheckpoints() {
    /** @type {{ x: any[], y: any[], lines: any[] }} */
    const points = { x: [], y: [], lines: [] };
    const starred = new Set(this.curves.starred);
    for (const line of this.lines.filter(({ runs }) => starred.has(runs[0]))) {
      const at = this.curves.bestOn(line);
      if (!at) continue;
      points.x.push(at.x);
      points.y.push(at.y);
      points.lines.push(line);
    }
    return points;
  }

  // Points without a neighbour that a line could lead to: the only point of a short run, a value between
  // two that are not finite. Lines do not show them.
  lonePoints() {
    /** @type {{ x: any[], y: any[], lines: any[] }} */
    const points = { x: [], y: [], lines: [] };
    for (const line of this.lines) {
      for (const place of lonePlaces(line, this.curves.log)) {
        points.x.push(line.x[place]);
        points.y.push(line.y[place]);
        points.lines.push(line);
      }
    }
    return points;
  }

  // The last finite point of each diverged run.
  divergences() {
    /** @type {{ x: any[], y: any[], lines: any[] }} */
    const ends = { x: [], y: [], lines: [] };
    const { sweep, visible } = this.curves.state;
    sweep.runs.forEach((run, place) => {
      if (run.state !== "diverged" || !visible[place]) return;
      const line = this.curves.runLine(place, this.metric);
      const last = line.y.findLastIndex((value) => value !== null);
      if (last < 0) return;
      ends.x.push(line.x[last]);
      ends.y.push(line.y[last]);
      ends.lines.push(line);
    });
    return ends;
  }

  // The ranges of both axes (exponents of ten on a logarithmic axis). A note names the lines outside.
  ranges() {
    const { log } = this.curves;
    let [left, right] = [Infinity, -Infinity];
    const shown = (level) => level !== null && (!log || level > 0);
    const values = this.lines.map(({ x, y }) =>
      y.flatMap((value, place) => {
        if (!shown(value) || x[place] === null) return [];
        left = Math.min(left, x[place]);
        right = Math.max(right, x[place]);
        return [log ? Math.log10(value) : value];
      }),
    );
    const x = this.metric.once
      ? [-0.6, this.curves.colors.groups.length - 0.4]
      : left <= right ? padded(left, right, 0.012) : [0, 1];
    const whole = log ? null : wholeRange(this.metric.range, values);
    const y = whole ?? valueRange(values, this.metric.reference?.value, log, this.metric.better);
    const bands = this.lines.flatMap(({ low = [], high = [] }, line) => (y.outside.includes(line) ? [] : [...low, ...high]));
    if (!whole) y.range = widened(y.range, bands.filter(shown).map((level) => (log ? Math.log10(level) : level)));
    const { groups, groupOf } = this.curves.colors;
    const ofLines = this.lines.map(({ runs }) => groupOf[runs[0]]);
    const lost = lostGroups(y.outside, ofLines);
    // Single values are few, and a setting without a line looks as if it had no runs: all are shown unless the others would
    // be flattened by far.
    const span = (range) => range[1] - range[0];
    if ((this.metric.once || lost.length) && y.outside.length && span(everything(values)) <= MOST_WIDENING * span(y.range))
      Object.assign(y, { range: everything(values), outside: [] });
    // The name of a line that is the only one of its colour says which it is.
    const several = lost.filter((group) => ofLines.filter((other) => other === group).length > 1);
    this.note(y.outside, several.map((group) => `${this.curves.colors.title} ${groups[group].title}`));
    return { x, y: this.all && y.outside.length ? everything(values) : y.range };
  }

  // `lost` names the colours of which no line is inside.
  note(outside, lost) {
    const titles = outside.map((place) => this.lines[place].title);
    this.clipped.hidden = titles.length === 0;
    const names = titles.length > 1 ? `${titles.length} of ${this.lines.length} ${this.metric.once ? "runs" : "lines"}` : titles[0];
    const all = lost.length ? `, with all of ${lost.join(", ")}` : "";
    // Paper has no use for what a click does.
    this.clipped.innerHTML = this.all
      ? html`<span class="way">Leave out ${names}</span>`
      : html`<span class="way">Show all: </span>${names} ${titles.length > 1 ? "are" : "is"} outside${all}`;
    this.clipped.title = titles.join("\n");
  }

  setUpEvents() {
    const { state } = this.curves;
    const owner = ({ curveNumber, pointIndex }) => {
      const { starts, members } = this.owners[curveNumber];
      return members[starts.findLastIndex((start) => start <= pointIndex)];
    };
    this.plot.on("plotly_hover", ({ points: [point], event }) => {
      const line = owner(point);
      if (!line) return;
      state.hover(line.runs);
      this.curves.showTip(event, line, this.metric, point.x, point.y);
    });
    this.plot.on("plotly_unhover", () => {
      this.curves.tip.hidden = true;
      state.hover([]);
    });
    this.plot.on("plotly_click", ({ points: [point] }) => {
      const line = owner(point);
      if (line) state.togglePins(line.runs);
    });
    this.plot.on("plotly_doubleclick", () => this.curves.zoomTo(null));
    this.plot.on("plotly_relayout", (change) => {
      if (this.metric.once) return;
      if (change["xaxis.range[0]"] !== undefined)
        this.curves.zoomTo([change["xaxis.range[0]"], change["xaxis.range[1]"]], this);
      else if (change["xaxis.range"] || change["xaxis.autorange"]) this.curves.zoomTo(null, this);
      this.highlight();
    });
    if (!this.metric.once) watchPinch(this.plot, () => this.plot.layout.xaxis.range, MARGIN, (range) => this.curves.zoomTo(range));
  }

  followZoom() {
    if (!this.drawn || this.metric.once) return;
    const range = this.curves.zoom ?? this.range.x;
    const [from, to] = this.plot.layout.xaxis.range;
    if (from !== range[0] || to !== range[1])
      Plotly.update(this.plot, {}, { "xaxis.range": [...range] }).then(() => this.highlight());
  }

  // Draws the highlighted runs on a canvas above the plot: restyling Plotly's traces on every hover is
  // too slow for hundreds of runs.
  highlight() {
    if (!this.drawn) return;
    this.canvas ??= this.plot.appendChild(document.createElement("canvas"));
    const width = Math.max(0, this.plot.clientWidth - MARGIN.l - MARGIN.r);
    const height = Math.max(0, this.plot.clientHeight - MARGIN.t - MARGIN.b);
    const pen = emptyCanvas(this.canvas, width, height);
    Object.assign(this.canvas.style, {
      left: `${MARGIN.l}px`,
      top: `${MARGIN.t}px`,
      width: `${width}px`,
      height: `${height}px`,
    });
    const { xaxis, yaxis } = this.plot.layout;
    const across = (x) => ((x - xaxis.range[0]) / (xaxis.range[1] - xaxis.range[0])) * width;
    const level = (y) => (yaxis.type === "log" ? Math.log10(y) : y);
    const down = (y) => height - ((level(y) - yaxis.range[0]) / (yaxis.range[1] - yaxis.range[0])) * height;
    this.markEpoch(across, width, height);
    const highlighted = this.curves.state.highlighted;
    for (const run of highlighted) this.stroke(pen, run, across, down, highlighted.length > 8 ? 1.4 : 2.4);
  }

  // A line at the epoch of the sample grids.
  markEpoch(across, width, height) {
    this.mark ??= this.plot.appendChild(Object.assign(document.createElement("i"), { className: "epoch-mark", ariaHidden: "true" }));
    const place = this.metric.once ? null : epochPosition(this.curves.state, this.curves.x);
    const left = place === null ? NaN : across(place);
    this.mark.hidden = !(left >= 0 && left <= width) || this.lines.length === 0;
    Object.assign(this.mark.style, { left: `${MARGIN.l + left}px`, top: `${MARGIN.t}px`, height: `${height}px` });
  }

  stroke(pen, run, across, down, width) {
    const { x, y, color } = this.curves.runLine(run, this.metric);
    pen.beginPath();
    for (const place of lonePlaces({ x, y }, this.curves.log)) {
      const [left, top] = [across(x[place]), down(y[place])];
      pen.moveTo(left + 4, top);
      pen.arc(left, top, 4, 0, 2 * Math.PI);
    }
    let open = false;
    y.forEach((value, place) => {
      const level = value === null ? NaN : down(value);
      if (!Number.isFinite(level)) open = false;
      else if (open) pen.lineTo(across(x[place]), level);
      else {
        pen.moveTo(across(x[place]), level);
        open = true;
      }
    });
    Object.assign(pen, { lineWidth: width, lineJoin: "round", strokeStyle: color });
    pen.stroke();
  }
}

// Numbers on the axes of a chart without a line would mean nothing.
function hideTicks(layout) {
  for (const axis of [layout.xaxis, layout.yaxis]) Object.assign(axis, { showticklabels: false, showgrid: false });
}

function everything(curves) {
  const [low, high] = bounds(curves.flat());
  return padded(low, high, 0.05);
}

// The indices of a curve's points that have no neighbour on the chart.
function lonePlaces({ x, y }, log) {
  const isDrawn = (place) => {
    const value = y[place];
    return value !== undefined && value !== null && x[place] !== null && (!log || value > 0);
  };
  return y
    .map((_, place) => place)
    .filter((place) => isDrawn(place) && !isDrawn(place - 1) && !isDrawn(place + 1));
}

function lineWidth(runs) {
  if (runs <= 8) return 1.8;
  if (runs <= 32) return 1.3;
  return runs <= 128 ? 0.9 : 0.6;
}
