// A dialog with one run's samples enlarged, real images, and the run's settings and results.

import { html } from "./state.js";
import { showGrid } from "./images.js";
import { setUpTimeline } from "./timeline.js";

export class Viewer {
  constructor(root, index, state) {
    Object.assign(this, { index, state, current: -1 });
    this.dialog = root.querySelector(".viewer");
    if (!this.dialog) return;
    const on = (selector, action) => this.dialog.querySelector(selector).addEventListener("click", action);
    on(".previous", () => this.move(-1));
    on(".next", () => this.move(1));
    on(".close", () => this.dialog.close());
    this.dialog.addEventListener("keydown", (event) => this.onKey(event));
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close();
    });
    const stop = setUpTimeline(this.dialog.querySelector(".timeline"), state);
    this.dialog.addEventListener("close", stop);
    state.on("epoch", () => this.showGrid());
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
    const notes = [run.cause, ...(run.warnings ?? []).map(({ text }) => text)].filter(Boolean);
    find(".cause").hidden = notes.length === 0;
    find(".cause").textContent = notes.join("; ");
    if (!this.dialog.open) this.dialog.showModal();
    this.showGrid();
  }

  // The left and right arrow keys go from run to run, up and down from epoch to epoch.
  onKey(event) {
    const step = (by) => () => {
      const { epochs } = this.state.sweep.samples;
      const next = epochs[epochs.indexOf(this.state.epoch) + by];
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

  showGrid() {
    if (this.dialog.open)
      showGrid(this.dialog.querySelector(".main .sample"), this.state, this.index, this.current);
  }
}

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
