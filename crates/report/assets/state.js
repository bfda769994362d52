// What the parts of one sweep's view agree on: which runs are visible, pointed at and pinned.
// A part changes the state through its methods and listens to topics:
//   "visible"  another set of runs is shown
//   "focus"    another run is pointed at or pinned
//   "color"    another key colours the runs
//   "epoch"    another epoch of the sample grids

const report = JSON.parse(document.getElementById("report-data").textContent);
const darkScheme = matchMedia("(prefers-color-scheme: dark)");

class State {
  constructor(sweep) {
    this.sweep = sweep;
    this.pointed = [];
    this.pinned = new Set();
    this.hidden = new Set();
    this.mutedStates = new Set();
    this.words = [];
    this.epoch = sweep.samples.epochs.at(-1) ?? 0;
    this.listeners = new Map();
    this.visible = sweep.runs.map(() => true);
    this.haystacks = sweep.runs.map((run) => searchText(sweep, run));
  }

  on(topic, listener) {
    if (!this.listeners.has(topic)) this.listeners.set(topic, []);
    this.listeners.get(topic).push(listener);
  }

  emit(topic) {
    for (const listener of this.listeners.get(topic) ?? []) listener();
  }

  // The runs to stand out: those pointed at, together with those pinned.
  get lit() {
    return [...new Set([...this.pointed, ...this.pinned])].filter((run) => this.visible[run]);
  }

  point(runs) {
    if (runs.length === this.pointed.length && runs.every((run, place) => run === this.pointed[place])) return;
    this.pointed = runs;
    this.emit("focus");
  }

  pin(run) {
    if (!this.pinned.delete(run)) this.pinned.add(run);
    this.emit("focus");
  }

  unpinAll() {
    this.pinned.clear();
    this.emit("focus");
  }

  // Hides the runs if any of them is shown, else shows them all.
  toggleHidden(runs) {
    const hide = runs.some((run) => !this.hidden.has(run));
    for (const run of runs) hide ? this.hidden.add(run) : this.hidden.delete(run);
    this.refilter();
  }

  toggleState(name) {
    if (!this.mutedStates.delete(name)) this.mutedStates.add(name);
    this.refilter();
  }

  search(text) {
    this.words = text.toLowerCase().split(/\s+/).filter(Boolean);
    this.refilter();
  }

  setEpoch(epoch) {
    this.epoch = epoch;
    this.emit("epoch");
  }

  refilter() {
    this.visible = this.sweep.runs.map((run, place) =>
      !this.hidden.has(place) && !this.mutedStates.has(run.state)
      && this.words.every((word) => this.haystacks[place].includes(word)));
    this.emit("visible");
    this.emit("focus");
  }
}

// Everything a run can be found by, so that `lr=1e-4 seed=2 diverged` finds what it says.
function searchText(sweep, run) {
  const assigned = run.values.map((place, axis) => {
    const { key, short, values } = sweep.axes[axis];
    return place === null ? "" : `${key}=${values[place].text} ${short}=${values[place].text}`;
  });
  return [...assigned, `seed=${run.seed}`, run.state, run.label, run.id, run.cause ?? ""].join(" \n ").toLowerCase() + " ";
}

// A template's text with its values escaped.
function html(strings, ...values) {
  const escape = (value) => String(value).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
  return strings.reduce((text, part, place) => text + escape(values[place - 1]) + part);
}

function option(root, name, fallback) {
  return root.querySelector(`[data-option="${name}"]:checked`)?.value ?? fallback;
}
