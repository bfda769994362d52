// What the parts of one sweep's view agree on: which runs are visible, pointed at and pinned.
// A part changes the state through its methods and listens to topics:
//   "visible"  another set of runs is shown
//   "focus"    other runs stand out
//   "pins"     other runs are pinned
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
    if (runs.length === this.pointed.length && runs.every((run, place) => run === this.pointed[place]))
      return;
    this.pointed = runs;
    this.emit("focus");
  }

  // Pins the runs, or unpins them if all of them are.
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
    toggleAll(this.mutedStates, [name]);
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
    this.visible = this.sweep.runs.map(
      (run, place) =>
        !this.hidden.has(place) &&
        !this.mutedStates.has(run.state) &&
        this.words.every((word) => this.haystacks[place].includes(word)),
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

// Everything a run can be found by, so that `lr=1e-4 seed=2 diverged` finds what it says.
function searchText(sweep, run) {
  const assigned = run.values.map((place, axis) => {
    const { key, short, values } = sweep.axes[axis];
    return place === null ? "" : `${key}=${values[place].text} ${short}=${values[place].text}`;
  });
  return (
    [...assigned, `seed=${run.seed}`, run.state, run.label, run.id, run.cause ?? ""]
      .join(" \n ")
      .toLowerCase() + " "
  );
}

// A template's text with its values escaped.
function html(strings, ...values) {
  const escape = (value) => String(value).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
  return strings.reduce((text, part, place) => text + escape(values[place - 1]) + part);
}

function option(root, name, fallback) {
  return root.querySelector(`[data-option="${name}"]:checked`)?.value ?? fallback;
}
