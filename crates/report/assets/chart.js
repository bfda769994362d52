// One chart: a metric, one line per run.

class Chart {
  constructor(figure, metric, curves) {
    Object.assign(this, { figure, metric, curves, due: true, near: false, drawn: false });
    this.plot = figure.querySelector(".plot");
    this.canvas = null;
    new ResizeObserver(() => this.highlight()).observe(this.plot);
  }

  draw() {
    this.due = false;
    const visible = this.curves.state.visible;
    const { traces, owners } = this.traces(visible);
    this.owners = owners;
    this.range = this.ranges(visible);
    const options = { displaylogo: false, responsive: true, doubleClick: "reset", modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"], toImageButtonOptions: { format: "svg", filename: this.metric.metric } };
    Plotly.react(this.plot, traces, this.layout(), options);
    if (!this.drawn) this.setUpEvents();
    this.drawn = true;
    this.highlight();
  }

  // One trace per colour; `owners` says for each trace which run begins at which point.
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
      return { type: "scatter", mode: "lines", x, y, line: { color, width }, hoverinfo: "none", connectgaps: false };
    });
    const ends = this.divergences(visible);
    owners.push({ starts: ends.runs.map((_, place) => place), members: ends.runs });
    traces.push({ type: "scatter", mode: "markers", x: ends.x, y: ends.y, hoverinfo: "none", cliponaxis: false, marker: { symbol: "x", size: 10, color: ends.runs.map((run) => this.curves.colors.ofRun[run]), line: { width: 1.5, color: themeColor("--surface") } } });
    return { traces, owners };
  }

  // Where the finite part of each diverged run's curve ends.
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

  // Both axes' ranges, the logarithmic one in powers of ten. A few values far out do not flatten
  // all others: the range then covers the rest, and a note says so.
  ranges(visible) {
    const values = [];
    let [left, right] = [Infinity, -Infinity];
    visible.forEach((shown, run) => {
      if (!shown) return;
      const { x, y } = this.curves.curve(run, this.metric.series);
      y.forEach((value, place) => {
        if (value === null || (this.curves.log && value <= 0)) return;
        values.push(this.curves.log ? Math.log10(value) : value);
        left = Math.min(left, x[place]);
        right = Math.max(right, x[place]);
      });
    });
    const x = left <= right ? padded(left, right, 0.012) : [0, 1];
    this.note("");
    if (this.metric.probability && !this.curves.log) return { x, y: [-0.02, 1.02] };
    if (values.length === 0) return { x, y: this.curves.log ? [-1, 1] : [0, 1] };
    return { x, y: this.robust(values.sort((a, b) => a - b)) };
  }

  robust(sorted) {
    const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
    const [low, high] = [at(0), at(1)];
    const [inner, outer] = [at(0.005), at(0.985)];
    const spread = outer - inner || Math.abs(outer) || 1;
    let top = high > outer + 1.5 * spread ? outer + 0.35 * spread : high;
    let bottom = low < inner - 1.5 * spread ? inner - 0.35 * spread : low;
    const beyond = sorted.filter((value) => value > top || value < bottom).length;
    if (beyond) this.note(`${beyond} of ${sorted.length} points lie beyond this range, up to ${format(this.curves.log ? 10 ** high : high)}`);
    const line = this.metric.reference && (this.curves.log ? Math.log10(this.metric.reference.value) : this.metric.reference.value);
    if (line > top && line - top < 0.4 * spread) top = line;
    if (line < bottom && bottom - line < 0.4 * spread) bottom = line;
    return padded(bottom >= 0 && bottom < 0.25 * top && !this.curves.log ? 0 : bottom, top, 0.05);
  }

  note(text) {
    const note = this.figure.querySelector(".clipped");
    note.hidden = text === "";
    note.textContent = text;
  }

  layout() {
    const color = themeColor;
    const axis = { gridcolor: color("--plot-grid"), linecolor: color("--line"), zeroline: false, tickfont: { size: 11.5, color: color("--muted") }, title: { font: { size: 12, color: color("--muted") } } };
    const reference = this.metric.reference;
    return {
      margin: MARGIN, showlegend: false, hovermode: "closest", hoverdistance: 24, dragmode: "zoom",
      paper_bgcolor: "transparent", plot_bgcolor: "transparent",
      font: { family: color("--text"), color: color("--ink") },
      modebar: { bgcolor: "transparent", color: color("--muted"), activecolor: color("--accent") },
      xaxis: { ...axis, range: this.curves.zoom ?? this.range.x, tickformat: this.curves.x === "epoch" ? "" : "~s", title: { ...axis.title, text: X_TITLES[this.curves.x], standoff: 6 } },
      yaxis: { ...axis, range: this.range.y, type: this.curves.log ? "log" : "linear", tickformat: this.curves.log ? "~g" : "", exponentformat: "power", nticks: 7 },
      shapes: reference ? [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: reference.value, y1: reference.value, line: { dash: "dash", width: 1.5, color: color("--muted") }, layer: "below" }] : [],
    };
  }

  setUpEvents() {
    const { state } = this.curves;
    const owner = ({ curveNumber, pointIndex }) => {
      const { starts, members } = this.owners[curveNumber];
      return members[starts.findLastIndex((start) => start <= pointIndex)];
    };
    this.plot.on("plotly_hover", ({ points: [point], event }) => {
      state.point([owner(point)]);
      this.curves.showTip(event, owner(point), this.metric, format(point.x), format(point.y));
    });
    this.plot.on("plotly_unhover", () => { this.curves.tip.hidden = true; state.point([]); });
    this.plot.on("plotly_click", ({ points: [point] }) => state.pin(owner(point)));
    this.plot.on("plotly_relayout", (change) => {
      if (change["xaxis.range[0]"] !== undefined) this.curves.zoomTo([change["xaxis.range[0]"], change["xaxis.range[1]"]], this);
      else if (change["xaxis.range"] || change["xaxis.autorange"]) this.curves.zoomTo(null, this);
      this.highlight();
    });
  }

  followZoom() {
    if (!this.drawn) return;
    const range = this.curves.zoom ?? this.range.x;
    const [from, to] = this.plot.layout.xaxis.range;
    if (from !== range[0] || to !== range[1]) Plotly.update(this.plot, {}, { "xaxis.range": [...range] }).then(() => this.highlight());
  }

  // Draws the runs that stand out over the dimmed rest.
  highlight() {
    if (!this.drawn) return;
    this.canvas ??= this.plot.appendChild(document.createElement("canvas"));
    const width = Math.max(0, this.plot.clientWidth - MARGIN.l - MARGIN.r);
    const height = Math.max(0, this.plot.clientHeight - MARGIN.t - MARGIN.b);
    const scale = devicePixelRatio || 1;
    Object.assign(this.canvas, { width: Math.round(width * scale), height: Math.round(height * scale) });
    Object.assign(this.canvas.style, { left: `${MARGIN.l}px`, top: `${MARGIN.t}px`, width: `${width}px`, height: `${height}px` });
    const pen = this.canvas.getContext("2d");
    pen.scale(scale, scale);
    const { xaxis, yaxis } = this.plot.layout;
    const across = (x) => (x - xaxis.range[0]) / (xaxis.range[1] - xaxis.range[0]) * width;
    const level = (y) => (yaxis.type === "log" ? Math.log10(y) : y);
    const down = (y) => height - (level(y) - yaxis.range[0]) / (yaxis.range[1] - yaxis.range[0]) * height;
    const lit = this.curves.state.lit;
    for (const run of lit) this.stroke(pen, run, across, down, lit.length > 8 ? 1.4 : 2.4);
  }

  stroke(pen, run, across, down, width) {
    const { x, y } = this.curves.curve(run, this.metric.series);
    pen.beginPath();
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

// A colour or font of the style sheet as it applies now.
function themeColor(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function lineWidth(runs) {
  if (runs <= 8) return 1.8;
  if (runs <= 32) return 1.3;
  return runs <= 128 ? 0.9 : 0.6;
}

function padded(low, high, share) {
  const room = (high - low || Math.abs(high) || 1) * share;
  return [low - room, high + room];
}

// A number in about four significant digits.
function format(value) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) return value.toExponential(2);
  return value.toLocaleString("en", { maximumSignificantDigits: size >= 1000 ? 8 : 4, maximumFractionDigits: size >= 1000 ? 0 : 4 });
}
