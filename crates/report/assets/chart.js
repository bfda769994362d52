// One chart: a metric, one line per run.

class Chart {
  constructor(figure, metric, curves) {
    Object.assign(this, { figure, metric, curves, stale: true, inView: false, drawn: false });
    this.plot = figure.querySelector(".plot");
    this.canvas = null;
    new ResizeObserver(() => this.resize()).observe(this.plot);
  }

  // A chart in a hidden tab has no width; it is resized when the tab is shown.
  resize() {
    const width = this.plot.clientWidth;
    if (!this.drawn || width === 0 || width === this.width) return;
    this.noteWidth();
    Plotly.Plots.resize(this.plot).then(() => this.highlight());
  }

  noteWidth() {
    this.width = this.plot.clientWidth;
    this.plot.style.setProperty("--drawn-width", this.width);
  }

  draw() {
    this.stale = false;
    const visible = this.curves.state.visible;
    const { traces, owners } = this.traces(visible);
    this.owners = owners;
    this.range = this.ranges(visible);
    const options = {
      displaylogo: false,
      doubleClick: "reset",
      modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"],
      toImageButtonOptions: { format: "svg", filename: this.metric.metric },
    };
    Plotly.react(this.plot, traces, chartLayout(this.metric, this.curves, this.range), options);
    this.noteWidth();
    if (!this.drawn) this.setUpEvents();
    this.drawn = true;
    this.highlight();
  }

  // One trace per colour: Plotly slows down with the number of traces, not of points. `owners` maps each
  // trace's points back to runs: `starts` holds the index of each run's first point.
  traces(visible) {
    const width = lineWidth(visible.filter(Boolean).length);
    const owners = [];
    const traces = this.curves.colors.groups.map(({ color, runs }) => {
      const [x, y, starts, members] = [[], [], [], []];
      for (const run of runs.filter((candidate) => visible[candidate])) {
        const curve = this.curves.curve(run, this.metric.series);
        starts.push(x.length);
        members.push(run);
        for (const value of curve.x) x.push(value);
        for (const value of curve.y) y.push(value);
        x.push(null);
        y.push(null);
      }
      owners.push({ starts, members });
      return {
        type: "scatter",
        mode: "lines",
        x,
        y,
        line: { color, width },
        hoverinfo: "none",
        connectgaps: false,
      };
    });
    const add = (points, marker) => {
      owners.push({ starts: points.runs.map((_, place) => place), members: points.runs });
      const color = points.runs.map((run) => this.curves.colors.ofRun[run]);
      const { x, y } = points;
      const common = { type: "scatter", mode: "markers", hoverinfo: "none", cliponaxis: false };
      traces.push({ ...common, x, y, marker: { ...marker, color } });
    };
    add(this.lonePoints(visible), { symbol: "circle", size: 6 });
    const edge = { width: 1.5, color: themeColor("--surface") };
    add(this.divergences(visible), { symbol: "x", size: 10, line: edge });
    return { traces, owners };
  }

  // Points without a neighbour that a line could lead to: the only point of a short run, a value between
  // two that are not finite. Lines do not show them.
  lonePoints(visible) {
    const points = { x: [], y: [], runs: [] };
    visible.forEach((shown, run) => {
      if (!shown) return;
      const curve = this.curves.curve(run, this.metric.series);
      for (const place of lonePlaces(curve, this.curves.log)) {
        points.x.push(curve.x[place]);
        points.y.push(curve.y[place]);
        points.runs.push(run);
      }
    });
    return points;
  }

  // The last finite point of each diverged run.
  divergences(visible) {
    const ends = { x: [], y: [], runs: [] };
    this.curves.state.sweep.runs.forEach((run, place) => {
      if (run.state !== "diverged" || !visible[place]) return;
      const { x, y } = this.curves.curve(place, this.metric.series);
      const last = y.findLastIndex((value) => value !== null);
      if (last < 0) return;
      ends.x.push(x[last]);
      ends.y.push(y[last]);
      ends.runs.push(place);
    });
    return ends;
  }

  // The ranges of both axes (exponents of ten on a logarithmic axis). A note counts the points outside.
  ranges(visible) {
    const { log } = this.curves;
    const values = [];
    let [left, right] = [Infinity, -Infinity];
    visible.forEach((shown, run) => {
      if (!shown) return;
      const { x, y } = this.curves.curve(run, this.metric.series);
      y.forEach((value, place) => {
        if (value === null || x[place] === null || (log && value <= 0)) return;
        values.push(log ? Math.log10(value) : value);
        left = Math.min(left, x[place]);
        right = Math.max(right, x[place]);
      });
    });
    const x = left <= right ? padded(left, right, 0.012) : [0, 1];
    const whole = log ? null : wholeRange(this.metric.range, values);
    const y = whole ?? valueRange(values, this.metric.reference?.value, log);
    this.note(y.beyond, values.length, y.highest);
    return { x, y: y.range };
  }

  note(beyond, points, highest) {
    const note = this.figure.querySelector(".clipped");
    note.hidden = beyond === 0;
    note.textContent = beyond
      ? `${beyond} of ${points} points are outside this range, up to ${format(highest)}`
      : "";
  }

  setUpEvents() {
    const { state } = this.curves;
    const owner = ({ curveNumber, pointIndex }) => {
      const { starts, members } = this.owners[curveNumber];
      return members[starts.findLastIndex((start) => start <= pointIndex)];
    };
    this.plot.on("plotly_hover", ({ points: [point], event }) => {
      state.hover([owner(point)]);
      this.curves.showTip(event, owner(point), this.metric, format(point.x), format(point.y));
    });
    this.plot.on("plotly_unhover", () => {
      this.curves.tip.hidden = true;
      state.hover([]);
    });
    this.plot.on("plotly_click", ({ points: [point] }) => state.togglePins([owner(point)]));
    this.plot.on("plotly_doubleclick", () => this.curves.zoomTo(null));
    this.plot.on("plotly_relayout", (change) => {
      if (change["xaxis.range[0]"] !== undefined)
        this.curves.zoomTo([change["xaxis.range[0]"], change["xaxis.range[1]"]], this);
      else if (change["xaxis.range"] || change["xaxis.autorange"]) this.curves.zoomTo(null, this);
      this.highlight();
    });
  }

  followZoom() {
    if (!this.drawn) return;
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
    const scale = devicePixelRatio || 1;
    Object.assign(this.canvas, { width: Math.round(width * scale), height: Math.round(height * scale) });
    Object.assign(this.canvas.style, {
      left: `${MARGIN.l}px`,
      top: `${MARGIN.t}px`,
      width: `${width}px`,
      height: `${height}px`,
    });
    const pen = this.canvas.getContext("2d");
    pen.scale(scale, scale);
    const { xaxis, yaxis } = this.plot.layout;
    const across = (x) => ((x - xaxis.range[0]) / (xaxis.range[1] - xaxis.range[0])) * width;
    const level = (y) => (yaxis.type === "log" ? Math.log10(y) : y);
    const down = (y) => height - ((level(y) - yaxis.range[0]) / (yaxis.range[1] - yaxis.range[0])) * height;
    const highlighted = this.curves.state.highlighted;
    for (const run of highlighted) this.stroke(pen, run, across, down, highlighted.length > 8 ? 1.4 : 2.4);
  }

  stroke(pen, run, across, down, width) {
    const { x, y } = this.curves.curve(run, this.metric.series);
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
    Object.assign(pen, { lineWidth: width, lineJoin: "round", strokeStyle: this.curves.colors.ofRun[run] });
    pen.stroke();
  }
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
