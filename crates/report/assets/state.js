// @ts-check
// The state that the views of one sweep share: which runs are visible, hovered over and pinned.
// Views change it through its methods and subscribe to topics:
//   "visible"  the set of visible runs changed
//   "focus"    the set of highlighted runs changed
//   "pins"     the set of pinned runs changed
//   "color"    the key that colours the runs changed
//   "epoch"    the epoch of the sample grids changed
//   "source"   which weights or checkpoints the sample grids are of changed
//   "zoom"     the range of the charts' x axis changed

import { parseQuery } from "./query.js";

export class State {
  /** @param {import("./page").Sweep} sweep */
  constructor(sweep) {
    this.sweep = sweep;
    this.hovered = [];
    this.pinned = new Set();
    this.hidden = new Set();
    this.hiddenStates = new Set();
    this.filter = "";
    /** @type {{ matches: (run: number) => boolean, errors: string[] }} */
    this.query = { matches: () => true, errors: [] };
    this.fields = fieldsOf(sweep);
    this.epoch = sweep.samples.epochs.at(-1) ?? 0;
    // Which weights the wall shows where a run has both: "ema", "raw" or "both".
    this.weights = sweep.samples.averaged ? "ema" : "raw";
    // Whether the wall shows each run at its best checkpoint.
    this.atBest = false;
    this.zoom = null;
    this.listeners = new Map();
    this.visible = sweep.runs.map(() => true);
    this.searchTexts = sweep.runs.map((run) => searchText(sweep, run));
  }

  on(topic, listener) {
    if (!this.listeners.has(topic)) this.listeners.set(topic, []);
    this.listeners.get(topic).push(listener);
  }

  emit(topic) {
    for (const listener of this.listeners.get(topic) ?? []) listener();
  }

  // The visible runs that are hovered over or pinned.
  get highlighted() {
    return [...new Set([...this.hovered, ...this.pinned])].filter((run) => this.visible[run]);
  }

  hover(runs) {
    if (runs.length === this.hovered.length && runs.every((run, place) => run === this.hovered[place]))
      return;
    this.hovered = runs;
    this.emit("focus");
  }

  // Pins the runs, or unpins them if all of them are pinned.
  togglePins(runs) {
    toggleAll(this.pinned, runs);
    this.emit("pins");
    this.emit("focus");
  }

  unpinAll() {
    this.togglePins([...this.pinned]);
  }

  // Hides the runs, or shows them if all of them are hidden.
  toggleHidden(runs) {
    toggleAll(this.hidden, runs);
    this.refilter();
  }

  toggleState(name) {
    toggleAll(this.hiddenStates, [name]);
    this.refilter();
  }

  search(text) {
    this.filter = text;
    this.query = parseQuery(text, this.fields, (run) => this.searchTexts[run]);
    this.refilter();
  }

  // Whether anything is filtered, hidden or pinned.
  get isNarrowed() {
    return this.filter !== "" || this.hidden.size + this.hiddenStates.size + this.pinned.size > 0;
  }

  // Shows all runs and unpins all.
  reset() {
    this.hidden.clear();
    this.hiddenStates.clear();
    this.pinned.clear();
    this.search("");
    this.emit("pins");
  }

  // Another colouring has another legend: what the old one hid could not be shown again with it.
  recolor() {
    const hides = this.hidden.size > 0;
    this.hidden.clear();
    this.emit("color");
    if (hides) this.refilter();
  }

  setEpoch(epoch) {
    this.epoch = epoch;
    this.emit("epoch");
  }

  // A range of the x axis, or null for all of it.
  setZoom(range) {
    this.zoom = range;
    this.emit("zoom");
  }

  setWeights(weights) {
    this.weights = weights;
    this.emit("source");
  }

  setAtBest(atBest) {
    this.atBest = atBest;
    this.emit("source");
  }

  refilter() {
    this.visible = this.sweep.runs.map(
      (run, place) =>
        !this.hidden.has(place) &&
        !this.hiddenStates.has(run.state) &&
        this.query.matches(place),
    );
    this.emit("visible");
    this.emit("focus");
  }
}

// Adds the items to the set, or takes them out if it has them all.
function toggleAll(set, items) {
  const all = items.every((item) => set.has(item));
  for (const item of items) {
    if (all) set.delete(item);
    else set.add(item);
  }
}

// What the filter may compare: swept keys, other keys that differ, metrics of the table and of charts, and what else the table shows.
/** @param {import("./page").Sweep} sweep */
function fieldsOf(sweep) {
  const { runs } = sweep;
  const axes = sweep.axes.map(({ key, short, values }, axis) => ({
    names: [key, short],
    value: (run) => {
      const place = runs[run].values[axis];
      return place === null ? null : values[place].text;
    },
  }));
  const swept = new Set(sweep.axes.map(({ key }) => key));
  const differing = sweep.configuration.differing.flatMap(({ keys, values }) => {
    const ofRun = [];
    for (const { text, runs: members } of values) for (const run of members) ofRun[run] = text;
    return keys.filter((key) => !swept.has(key)).map((key) => ({ names: [key], value: (run) => ofRun[run] }));
  });
  const columns = sweep.columns.map(({ metric }, column) => ({
    names: namesOf(metric),
    value: (run) => {
      // As on the objective's axes: a brush must not select a run that has no place there.
      const last = isObjective(sweep, metric) ? runs[run].value : runs[run].last_values[column]?.value;
      return last === undefined ? null : Number(last);
    },
  }));
  /** @type {Record<string, (run: import("./page").Run) => any>} */
  const others = {
    seed: ({ seed }) => seed,
    state: ({ state }) => state,
    epochs: ({ epochs }) => epochs,
    step: ({ step }) => step,
    progress: ({ step, total_steps }) => (total_steps ? step / total_steps : 0),
    seconds: ({ seconds }) => Number(seconds.value),
    images_per_second: ({ images_per_second }) => images_per_second && Number(images_per_second.value),
    run: ({ id }) => id,
  };
  const rest = Object.entries(others).map(([name, of]) => ({ names: [name], value: (run) => of(runs[run]) }));
  const fields = [...axes, ...rest, ...columns, ...differing];
  // Of two fields of one name neither could be used.
  const taken = new Set(fields.flatMap(({ names }) => names));
  const drawn = sweep.charts
    .flatMap(({ charts }) => charts)
    .filter(({ metric }) => !namesOf(metric).some((name) => taken.has(name)))
    .map(({ metric, series }) => ({ names: namesOf(metric), value: (run) => runs[run].series[series].values.at(-1) ?? null }));
  return [...fields, ...drawn];
}

// What a metric may be called: a mean over the epoch also without saying so.
function namesOf(metric) {
  return [metric, metric.replace(/^epoch_/, "")];
}

// Whether a metric of the run table is what configs are compared by.
/** @param {import("./page").Sweep} sweep */
export function isObjective({ findings }, metric) {
  return namesOf(metric).includes(findings.objective.metric);
}

// The text that the filter looks for words in.
/** @param {import("./page").Sweep} sweep */
function searchText(sweep, run) {
  return [run.label, run.state, isCollapsed(run) ? "collapsed" : "", run.id, run.cause ?? ""].join("\n").toLowerCase();
}

// Whether there are signs that a run has collapsed.
export function isCollapsed(run) {
  return (run.warnings ?? []).length > 0;
}
