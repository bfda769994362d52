// @ts-check
// A dialog with one run's samples enlarged, real images, and the run's settings and results.

import { html, option } from "./dom.js";
import { commandFor } from "./commands.js";
import { bestEpoch, gridsOf, noteEpoch, pngs, showGrid } from "./images.js";
import { showStrip } from "./strip.js";
import { setUpTimeline } from "./timeline.js";

const WEIGHTS = { raw: "Weights", ema: "Averaged weights" };

export class Viewer {
  /** @param {import("./state.js").State} state */
  constructor(root, index, state) {
    this.index = index;
    this.state = state;
    this.current = -1;
    this.wall = root.querySelector(".gallery");
    this.dialog = root.querySelector(".viewer");
    if (!this.dialog) return;
    const on = (selector, action) => this.dialog.querySelector(selector).addEventListener("click", action);
    on(".previous", () => this.move(-1));
    on(".next", () => this.move(1));
    on(".close", () => this.dialog.close());
    on(".to-best", () => state.setEpoch(bestEpoch(state.sweep.runs[this.current])));
    this.dialog.addEventListener("keydown", (event) => this.onKey(event));
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close();
    });
    this.dialog.addEventListener("change", (event) => {
      if (event.target.dataset.option === "weights") this.showGrids();
    });
    const stop = setUpTimeline(this.dialog.querySelector(".timeline"), state);
    this.dialog.addEventListener("close", stop);
    state.on("epoch", () => this.showGrids());
  }

  open(place) {
    this.current = place;
    const run = this.state.sweep.runs[place];
    const find = (selector) => this.dialog.querySelector(selector);
    find("h2").textContent = run.label;
    find(".state").className = `state ${run.state}`;
    find(".state span").textContent = run.state;
    find("dl").innerHTML = viewerFacts(this.state.sweep, run)
      .map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)
      .join("");
    const names = (run.classes ?? []).map((name) => html`<span title="${name}">${name}</span>`).join("");
    for (const classes of this.dialog.querySelectorAll(".classes")) classes.innerHTML = names;
    // Runs of a sweep may have other data than the first.
    const real = find(".real img");
    if (real && run.real !== undefined) {
      real.src = pngs(`real-${this.index}-${run.real}`)[0];
      find(".real .what").textContent = this.wall.querySelector(`[data-real='${run.real}'] .what`).textContent;
    }
    this.dialog.classList.toggle("colored", Boolean(run.colored));
    const best = find(".to-best");
    best.hidden = !run.best;
    best.textContent = run.best ? `★ Best checkpoint: epoch ${run.best.epoch.text}, ${run.best.figure}` : "";
    const notes = [run.cause, ...(run.warnings ?? []).map(({ text }) => text)].filter(Boolean);
    find(".cause").hidden = notes.length === 0;
    find(".cause").textContent = notes.join("; ");
    for (const code of this.dialog.querySelectorAll("[data-verb]")) {
      code.textContent = commandFor(code.dataset.verb, run.id);
      code.nextElementSibling.dataset.copy = code.textContent;
    }
    if (!this.dialog.open) this.dialog.showModal();
    this.showGrids();
  }

  // The left and right arrow keys go from run to run, up and down from epoch to epoch.
  onKey(event) {
    const step = (by) => () => {
      const { epochs } = this.state.sweep.samples;
      const next = epochs[epochs.findLastIndex((epoch) => epoch <= this.state.epoch) + by];
      if (next !== undefined) this.state.setEpoch(next);
    };
    const keys = { ArrowUp: step(1), ArrowDown: step(-1) };
    if (!event.target.matches("input"))
      Object.assign(keys, { ArrowLeft: () => this.move(-1), ArrowRight: () => this.move(1) });
    if (!keys[event.key] || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    keys[event.key]();
  }

  // Goes to the next or the previous visible run.
  move(by) {
    const shown = this.state.sweep.runs
      .map((_, place) => place)
      .filter((place) => this.state.visible[place] || place === this.current);
    this.open(shown[(shown.indexOf(this.current) + by + shown.length) % shown.length]);
  }

  // The weights' grid, and that of their average beside it where the run has one.
  showGrids() {
    if (!this.dialog.open) return;
    const averaged = gridsOf(this.state.sweep.runs[this.current], "ema").length > 0;
    const wanted = averaged ? option(this.dialog, "weights", "both") : "raw";
    const choice = this.dialog.querySelector(".segmented");
    if (choice) choice.hidden = !averaged;
    for (const figure of this.dialog.querySelectorAll(".main .sample")) {
      const { source } = figure.dataset;
      figure.hidden = wanted !== "both" && wanted !== source;
      figure.querySelector(".what").textContent = averaged ? WEIGHTS[source] : "";
      if (figure.hidden) continue;
      const shown = showGrid(figure.querySelector("img"), this.state, this.index, this.current, source, this.state.epoch);
      noteEpoch(figure, this.state, this.current, shown);
    }
    const source = averaged && wanted !== "raw" ? "ema" : "raw";
    showStrip(this.dialog.querySelector(".strip"), this.state, this.index, this.current, source);
    this.dialog.querySelector(".pair").classList.toggle("both", wanted === "both");
  }
}

/** @param {import("./page").Sweep} sweep */
function viewerFacts(sweep, run) {
  const facts = [];
  run.values.forEach((value, place) => {
    const axis = sweep.axes[place];
    if (value !== null) facts.push([axis.key, axis.values[value].text]);
  });
  facts.push(["seed", run.seed], ["steps", `${run.step} of ${run.total_steps}`]);
  sweep.columns.forEach((column, place) => {
    if (run.last_values[place]) facts.push([column.title, run.last_values[place].text]);
  });
  if (Number(run.seconds.value)) facts.push(["time", run.seconds.text]);
  if (run.images_per_second) facts.push(["images/s", run.images_per_second.text]);
  for (const { attempt, device, place, state } of run.attempts) {
    facts.push([`attempt ${attempt}`, [state, device, place].filter(Boolean).join(", ")]);
  }
  facts.push(["run", run.id]);
  return facts;
}
