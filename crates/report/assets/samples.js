// @ts-check
// The sample grids of all runs at one epoch. Images are decoded when they come into view.

import { bestEpoch, noteEpoch, pngs, showGrid, sourcesOf } from "./images.js";
import { setAsideOutOfSight } from "./aside.js";
import { setUpTimeline } from "./timeline.js";
import { Wall } from "./wall.js";
import { oneTabStop } from "./roving.js";
import { bounds } from "./statistics.js";

// Number of grids per row in a cell: up to three in one row, more in a square.
function across(grids) {
  return grids <= 3 ? Math.max(1, grids) : Math.ceil(Math.sqrt(grids));
}

// A pane for each kind of weights in a figure's frame, named where there are two.
function panesOf(figure, sources) {
  const frame = figure.querySelector(".frame");
  const panes = [...frame.querySelectorAll(".pane")];
  if (sources.length > 1 && panes.length === 1) panes.push(frame.appendChild(panes[0].cloneNode(true)));
  if (sources.length === 1 && panes.length > 1) panes.pop().remove();
  figure.classList.toggle("both", panes.length > 1);
  panes.forEach((pane, place) => {
    if (panes.length > 1) pane.dataset.weights = sources[place] === "ema" ? "average" : "weights";
    else delete pane.dataset.weights;
  });
  return panes;
}

export class Gallery {
  // `rows` are those of the table of runs.
  /** @param {import("./state.js").State} state */
  constructor(root, index, state, rows, openViewer) {
    this.root = root;
    this.index = index;
    this.state = state;
    this.inView = new Set();
    this.thumbs = rows.flatMap((row) => row.querySelector(".thumb") ?? []);
    this.section = root.querySelector(".samples");
    this.wall = new Wall(this.section, state, () => this.fitAgain?.());
    setAsideOutOfSight(this.section, this.wall.scroller, state.sweep.runs.length, () => this.fitAgain?.());
    // Those of runs that a slider leaves out are not in the page.
    this.figures = [...this.wall.figures.values()];
    this.watchThumbs();
    this.watchFigures(openViewer);
    this.setUpReals();
    this.setUpControls();
    this.setUpSize();
    for (const topic of ["epoch", "source"])
      state.on(topic, () => this.inView.forEach((figure) => this.fill(figure)));
    state.on("source", () => this.fitAgain?.());
  }

  // Decodes images only when they come near the viewport.
  watchFigures(openViewer) {
    const observer = new IntersectionObserver(
      (entries) => {
        for (const { target, isIntersecting } of entries) {
          if (isIntersecting) this.inView.add(target);
          else this.inView.delete(target);
          if (isIntersecting) this.fill(target);
        }
      },
      { rootMargin: "400px" },
    );
    for (const figure of this.figures) {
      observer.observe(figure);
      figure.querySelector("button").addEventListener("click", () => openViewer(Number(figure.dataset.run)));
    }
  }

  watchThumbs() {
    const observer = new IntersectionObserver(
      (entries) => {
        for (const { target, isIntersecting } of entries) {
          if (!isIntersecting) continue;
          observer.unobserve(target);
          this.fillThumb(target);
        }
      },
      { rootMargin: "200px" },
    );
    for (const thumb of this.thumbs) observer.observe(thumb);
    addEventListener("beforeprint", () => {
      for (const thumb of this.thumbs) this.fillThumb(thumb);
      for (const figure of this.figures) this.fill(figure);
      this.section.querySelector(".gallery").style.setProperty("--print-size", `${this.printedSize()}px`);
    });
  }

  fillThumb(thumb) {
    const run = Number(thumb.closest("tr").dataset.run);
    const [source] = sourcesOf(this.state.sweep.runs[run], "ema");
    thumb.querySelector("img").src = pngs(`${source}-${this.index}-${run}`).at(-1) ?? "";
  }

  setUpReals() {
    for (const figure of this.section.querySelectorAll(".real")) {
      figure.querySelector("img").src = pngs(`real-${this.index}-${figure.dataset.real}`)[0] ?? "";
    }
  }

  fill(figure) {
    const { state, index } = this;
    const place = Number(figure.dataset.run);
    const run = state.sweep.runs[place];
    const sources = sourcesOf(run, state.weights);
    const epoch = (state.atBest ? bestEpoch(run) : undefined) ?? state.epoch;
    const panes = panesOf(figure, sources);
    const shown = sources.map((source, pane) => showGrid(panes[pane].querySelector("img"), state, index, place, source, epoch));
    noteEpoch(figure, state, place, shown[0]);
  }

  setUpControls() {
    setUpTimeline(this.root.querySelector(".bar .timeline"), this.state);
    oneTabStop(this.section.querySelector(".gallery"), "button.frame");
    const invert = this.section.querySelector("[data-control=invert]");
    const apply = () => this.root.classList.toggle("inverted", invert.checked);
    invert.addEventListener("change", apply);
    apply();
    for (const choice of this.section.querySelectorAll("[data-option=wall-weights]"))
      choice.addEventListener("change", () => choice.checked && this.state.setWeights(choice.value));
    const atBest = this.section.querySelector("[data-control=at-best]");
    atBest?.addEventListener("change", () => this.state.setAtBest(atBest.checked));
  }

  // Enlarged grids are integer multiples of device pixels, so that all image pixels have the same
  // size. Others are smoothed unless they are enlarged so much that nobody sees a difference: grids of a sweep
  // that have other sizes, and reduced ones.
  setUpSize() {
    const { geometry } = this.state.sweep.samples;
    if (!geometry) return;
    const { rows, cols, width, height } = geometry;
    const whole = (factor) => factor < 1 || Number.isInteger(factor * devicePixelRatio);
    const sizes = [0.4, 0.5, 0.75, 1, 1.5, 2, 3, 4]
      .filter(whole)
      .map((factor) => Math.round(factor * cols * width))
      .filter((size) => size >= 56 && (size <= 680 || size <= cols * width));
    const control = this.section.querySelector("[data-control=size]");
    control.max = String(sizes.length - 1);
    const apply = () => {
      for (const cell of this.section.querySelectorAll(".cell"))
        cell.style.setProperty("--across", across(cell.childElementCount));
      const size = sizes[control.value];
      const { style } = this.section.querySelector(".gallery");
      style.setProperty("--sample-size", `${size}px`);
      // What a grid that is out of sight takes until it is laid out.
      style.setProperty("--sample-height", `${Math.round((size * rows * height) / (cols * width))}px`);
      for (const figure of [...this.figures, ...this.section.querySelectorAll(".gallery .real")]) {
        const factor = (size * devicePixelRatio) / Number(figure.querySelector("img").getAttribute("width"));
        figure.classList.toggle("smooth", factor < 2 && factor !== 1);
      }
    };
    control.value = String(this.fittingSize(sizes));
    // Another arrangement has another size that fits, until the reader chooses one.
    let chosen = false;
    control.addEventListener("input", () => {
      chosen = true;
      apply();
    });
    this.fitAgain = () => {
      if (!chosen) control.value = String(this.fittingSize(sizes));
      apply();
    };
    apply();
  }

  // The size at which a row of the matrix fits on a sheet of paper.
  printedSize() {
    const sheet = 620;
    const reals = this.state.sweep.samples.real.length ? 1 : 0;
    return Math.floor(Math.min(96, (sheet - 40 * reals) / (this.widestRow + reals) - 22));
  }

  // Grids in the widest row of the matrix.
  get widestRow() {
    const { weights, sweep } = this.state;
    const side = (row) => row.reduce((sum, cell) => sum + across(cell.length), 0);
    const figures = this.wall.hasColumns ? bounds(this.wall.cells.map(side))[1] : Math.min(innerWidth < 600 ? 2 : 4, sweep.runs.length);
    return weights === "both" ? 2 * figures : figures;
  }

  // The largest size at which a row of the matrix fits; at most 300 px, so that one row does not fill
  // the window.
  fittingSize(sizes) {
    const gallery = this.section.querySelector(".gallery");
    // On a phone real images stand above the others.
    const isBeside = getComputedStyle(gallery).display === "flex";
    const reals = isBeside && this.state.sweep.samples.real.length ? 1 : 0;
    const heading = this.section.querySelector(".grids tbody th")?.offsetWidth ?? 0;
    const room = gallery.clientWidth - heading - 30 - 46 * reals;
    const fits = sizes.findLastIndex((size) => reals * size + this.widestRow * (size + 20) <= room && size <= 300);
    return Math.max(0, fits);
  }
}
