// Loss and score curves. Runs of one colour share a Plotly trace, with gaps between the runs, so that
// 500 runs draw as fast as 5. Highlighted runs are drawn on a canvas above the plot.

class Curves {
  constructor(root, state, colors) {
    this.state = state;
    this.colors = colors;
    this.section = root.querySelector(".curves");
    this.zoom = null;
    this.cache = new Map();
    this.tip = document.body.appendChild(
      Object.assign(document.createElement("div"), { className: "tip", hidden: true }),
    );
    const metrics = state.sweep.charts.flatMap((group) => group.charts);
    this.charts = [...this.section.querySelectorAll(".chart")].map(
      (figure, place) => new Chart(figure, metrics[place], this),
    );
    this.readControls();
    this.setUpControls();
    this.drawLegend();
    this.watch();
    state.on("visible", () => this.redraw());
    state.on("color", () => {
      this.drawLegend();
      this.redraw();
    });
    state.on("focus", () => this.charts.forEach((chart) => chart.highlight()));
    state.on("visible", () => this.drawLegend());
  }

  readControls() {
    this.x = option(this.section, "x", "step");
    this.log = option(this.section, "scale", "linear") === "log";
    this.smooth = Number(this.section.querySelector("[data-control=smooth]").value);
    this.section.querySelector(".smooth output").textContent = this.smooth ? this.smooth.toFixed(2) : "off";
  }

  setUpControls() {
    for (const control of this.section.querySelectorAll("[data-option], [data-control=smooth]")) {
      control.addEventListener("input", () => {
        const x = this.x;
        this.readControls();
        if (this.x !== x) this.zoom = null;
        this.cache.clear();
        this.redraw();
      });
    }
    const picker = this.section.querySelector("[data-control=color]");
    picker.value = this.colors.key;
    picker.addEventListener("change", () => this.colors.choose(picker.value));
  }

  // Charts in or near the viewport are drawn first.
  watch() {
    const observer = new IntersectionObserver(
      (entries) => {
        for (const { target, isIntersecting } of entries) {
          const chart = this.charts.find((candidate) => candidate.figure === target);
          chart.inView = isIntersecting;
        }
        this.drawSoon();
      },
      { rootMargin: "300px" },
    );
    for (const chart of this.charts) observer.observe(chart.figure);
    darkScheme.addEventListener("change", () => this.redraw());
  }

  redraw() {
    for (const chart of this.charts) chart.stale = true;
    this.drawSoon();
  }

  // Draws one stale chart per timer tick, so that the page stays responsive. Several changes to a
  // chart before its turn cost one redraw.
  drawSoon() {
    if (this.waiting) return;
    if (!this.charts.some((chart) => chart.stale)) return;
    this.waiting = true;
    setTimeout(
      () => {
        this.waiting = false;
        (
          this.charts.find((chart) => chart.stale && chart.inView) ?? this.charts.find((chart) => chart.stale)
        ).draw();
        this.drawSoon();
      },
      this.charts.some((chart) => chart.stale && chart.inView) ? 0 : 100,
    );
  }

  drawLegend() {
    const legend = this.section.querySelector(".legend");
    const { sweep, hidden } = this.state;
    const [kind, axis] = this.colors.key.split(":");
    const key = kind === "axis" ? sweep.axes[axis].short : kind;
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
    legend.innerHTML = html`<span class="of">${key}</span>` + entries.join("");
    for (const button of legend.querySelectorAll("button")) {
      const { runs } = this.colors.groups[button.dataset.group];
      button.addEventListener("click", () => this.state.toggleHidden(runs));
      button.addEventListener("pointerenter", () => this.state.hover(runs));
      button.addEventListener("pointerleave", () => this.state.hover([]));
      if (button.dataset.group === focused) button.focus();
    }
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

  // All charts share the zoom of the x axis.
  zoomTo(range, by) {
    this.zoom = range;
    for (const chart of this.charts) if (chart !== by) chart.followZoom();
  }

  showTip(event, run, chart, x, y) {
    const { label } = this.state.sweep.runs[run];
    this.tip.innerHTML = html`<b><i class="swatch" style="--color:${this.colors.ofRun[run]}"></i>${label}</b>
      <span>${chart.title} ${y} at ${x} ${X_TITLES[this.x]}</span>`;
    this.tip.hidden = false;
    const { clientX, clientY } = event;
    const { width, height } = this.tip.getBoundingClientRect();
    this.tip.style.left = `${clientX + 16 + width > innerWidth ? clientX - width - 12 : clientX + 16}px`;
    this.tip.style.top = `${Math.max(8, clientY - height - 12)}px`;
  }
}

// Maps steps to another x axis by linear interpolation.
function interpolator({ steps, values }) {
  let from = 0;
  return (step) => {
    if (steps.length === 0) return null;
    if (steps[from] > step) from = 0;
    while (from + 2 < steps.length && steps[from + 1] < step) from += 1;
    const to = Math.min(from + 1, steps.length - 1);
    if (to === from) return values[from];
    return values[from] + ((values[to] - values[from]) * (step - steps[from])) / (steps[to] - steps[from]);
  };
}

// A bias-corrected exponential moving average, as in TensorBoard. It restarts after a value that is not
// finite.
function smoothed(values, factor) {
  let mean = 0;
  let weight = 0;
  return values.map((value) => {
    if (!Number.isFinite(value)) {
      mean = weight = 0;
      return null;
    }
    mean = mean * factor + value * (1 - factor);
    weight = weight * factor + (1 - factor);
    return mean / weight;
  });
}
