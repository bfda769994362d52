// @ts-check
// The reader's choices in the address, so that a copied address or a reload shows the same.

import { report } from "./report.js";

const CONTROLS = "[data-option], [data-control]";
// A slider's position is no epoch.
const OWN = new Set(["epoch"]);
// The tables that are sorted: the word in the address, and the attribute of a heading's button.
const TABLES = [
  { word: "sort", table: ".runtable", attribute: "sort" },
  { word: "order", table: ".configtable", attribute: "order" },
];

// Writes the choices of a sweep's view into the address whenever one changes, after `restore` has read them.
/**
 * @param {import("./state.js").State} state
 * @param {import("./color.js").Colors} colors
 */
export function keepAddress(root, state, colors) {
  const defaults = readControls(root);
  const orders = TABLES.map((sorted) => orderOf(root, sorted));
  const write = () => {
    const words = new URLSearchParams();
    if (report.sweeps.length > 1) words.set("sweep", state.sweep.name);
    for (const [name, value] of readControls(root)) if (value !== defaults.get(name)) words.set(name, value);
    const { epochs } = state.sweep.samples;
    if (state.epoch !== (epochs.at(-1) ?? 0)) words.set("epoch", String(state.epoch));
    if (state.zoom) words.set("zoom", state.zoom.map((end) => Number(end.toPrecision(7))).join(":"));
    if (state.pinned.size) words.set("pins", [...state.pinned].map((run) => state.sweep.runs[run].id.slice(0, 12)).join(" "));
    if (state.hiddenStates.size) words.set("without", [...state.hiddenStates].join(" "));
    const hidden = hiddenGroups(state, colors);
    // Which runs these are depends on the colouring, whose default may change with the data.
    if (hidden.length) words.set("color", colors.key);
    for (const { title } of hidden) words.append("hidden", title);
    TABLES.forEach((sorted, place) => {
      const order = orderOf(root, sorted);
      if (order !== orders[place]) words.set(sorted.word, order);
    });
    const text = String(words);
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  };
  let timer = 0;
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(write, 150);
  };
  for (const topic of ["visible", "pins", "color", "epoch", "source", "zoom"]) state.on(topic, soon);
  for (const kind of ["input", "change"]) root.addEventListener(kind, soon);
  for (const { table } of TABLES) root.querySelector(`${table} thead`)?.addEventListener("click", soon);
  return write;
}

// The choices in the address.
export function addressed() {
  return new URLSearchParams(location.hash.includes("=") ? location.hash.slice(1) : "");
}

// The groups of the legend whose runs are hidden.
/**
 * @param {import("./state.js").State} state
 * @param {import("./color.js").Colors} colors
 */
function hiddenGroups({ hidden }, colors) {
  return colors.groups.filter(({ runs }) => runs.every((run) => hidden.has(run)));
}

// Makes the choices in the address those of a sweep's view. What is not there any more is passed over.
/**
 * @param {import("./state.js").State} state
 * @param {import("./color.js").Colors} colors
 */
export function restore(root, state, colors, words) {
  const epoch = Number(words.get("epoch") ?? NaN);
  if (state.sweep.samples.epochs[0] <= epoch) state.setEpoch(epoch);
  for (const control of root.querySelectorAll(CONTROLS)) {
    const value = words.get(nameOf(control));
    if (value === null || OWN.has(nameOf(control))) continue;
    if (control.type === "radio") {
      if (control.value !== value) continue;
      control.checked = true;
    } else if (control.type === "checkbox") control.checked = value === "true";
    else if (control.tagName !== "SELECT" || [...control.options].some((option) => option.value === value))
      control.value = value;
    for (const kind of ["input", "change"]) control.dispatchEvent(new Event(kind, { bubbles: true }));
  }
  const { runs } = state.sweep;
  const pins = (words.get("pins") ?? "").split(" ").filter(Boolean);
  const pinned = runs.flatMap((run, place) => (pins.some((id) => run.id.startsWith(id)) ? [place] : []));
  if (pinned.length) state.togglePins(pinned);
  for (const name of (words.get("without") ?? "").split(" ").filter(Boolean))
    root.querySelector(`.statefilter [data-state="${CSS.escape(name)}"]`)?.click();
  const hidden = words.get("color") === colors.key ? words.getAll("hidden") : [];
  const groups = colors.groups.filter(({ title }) => hidden.includes(title));
  if (groups.length) state.toggleHidden(groups.flatMap(({ runs }) => runs));
  const zoom = (words.get("zoom") ?? "").split(":").map(Number);
  if (zoom.length === 2 && zoom[0] < zoom[1]) state.setZoom(zoom);
  for (const sorted of TABLES) if (words.has(sorted.word)) sortBy(root, sorted, words.get(sorted.word));
}

// How a table is sorted: the name of a column, with a minus where it falls; empty in the order of the plan.
function orderOf(root, { table, attribute }) {
  const heading = root.querySelector(`${table} th:is([aria-sort=ascending], [aria-sort=descending])`);
  if (!heading) return "";
  return `${heading.getAttribute("aria-sort") === "descending" ? "-" : ""}${heading.querySelector("button").dataset[attribute]}`;
}

function sortBy(root, { table, attribute }, order) {
  const button = root.querySelector(`${table} [data-${attribute}="${CSS.escape(order.replace(/^-/, ""))}"]`);
  const wanted = order.startsWith("-") ? "descending" : "ascending";
  // A first click sorts upwards, a second one downwards.
  for (let click = 0; button && click < 2 && button.closest("th").getAttribute("aria-sort") !== wanted; click += 1) button.click();
}

function nameOf(control) {
  return control.dataset.option ?? control.dataset.control;
}

// Name and value of every control; of radio buttons, the checked one's.
function readControls(root) {
  const values = new Map();
  for (const control of root.querySelectorAll(CONTROLS)) {
    const name = nameOf(control);
    if (OWN.has(name) || (control.type === "radio" && !control.checked)) continue;
    values.set(name, control.type === "checkbox" ? String(control.checked) : control.value);
  }
  return values;
}
