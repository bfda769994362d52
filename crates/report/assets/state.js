// The state that the views of one sweep share: which runs are visible, hovered over and pinned.
// Views change it through its methods and subscribe to topics:
//   "visible"  the set of visible runs changed
//   "focus"    the set of highlighted runs changed
//   "pins"     the set of pinned runs changed
//   "color"    the key that colours the runs changed
//   "epoch"    the epoch of the sample grids changed

const report = JSON.parse(document.getElementById("report-data").textContent);
const darkScheme = matchMedia("(prefers-color-scheme: dark)");

class State {
  constructor(sweep) {
    this.sweep = sweep;
    this.hovered = [];
    this.pinned = new Set();
    this.hidden = new Set();
    this.hiddenStates = new Set();
    this.terms = [];
    this.epoch = sweep.samples.epochs.at(-1) ?? 0;
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
    this.terms = text.toLowerCase().split(/\s+/).filter(Boolean);
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
        !this.hiddenStates.has(run.state) &&
        this.terms.every((word) => this.searchTexts[place].includes(word)),
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

// The text that the filter searches, so that `lr=1e-4 seed=2 diverged` works.
function searchText(sweep, run) {
  const assigned = run.values.map((place, axis) => {
    const { key, short, values } = sweep.axes[axis];
    return place === null ? "" : `${key}=${values[place].text} ${short}=${values[place].text}`;
  });
  return [...assigned, `seed=${run.seed}`, run.state, run.label, run.id, run.cause ?? ""]
    .join("\n")
    .toLowerCase();
}

// A tagged template that escapes its values for HTML.
function html(strings, ...values) {
  const escape = (value) => String(value).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
  return strings.reduce((text, part, place) => text + escape(values[place - 1]) + part);
}

function option(root, name, fallback) {
  return root.querySelector(`[data-option="${name}"]:checked`)?.value ?? fallback;
}
