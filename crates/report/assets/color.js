// @ts-check
// One colour per run: a categorical palette for names, a colour ramp for ordered numbers. Both are
// safe for colour-blind readers (Okabe and Ito 2008; viridis by van der Walt and Smith). The
// lightness of each colour is chosen for contrast with a light or a dark page.

import { NO_VALUE, placesOf, tiedAxes, tiedTexts } from "./dimensions.js";
import { darkScheme, isDark } from "./theme.js";

const CATEGORIES = {
  light: ["#0072b2", "#d55e00", "#00956c", "#b8548f", "#c58a00", "#3a9fd6", "#6b5b3e", "#14171c"],
  dark: ["#4aa8e8", "#ff8a4c", "#2fc79c", "#e58fc0", "#f0c23c", "#9ad7ff", "#c2a878", "#eceef2"],
};
// More names than these have no colours of their own.
const MOST_NAMES = CATEGORIES.light.length;
const VIRIDIS = [
  "#440154",
  "#472d7b",
  "#3b528b",
  "#2c728e",
  "#21918c",
  "#28ae80",
  "#5ec962",
  "#addc30",
  "#fde725",
];
const STATES = [
  "completed",
  "pruned",
  "diverged",
  "failed",
  "paused",
  "interrupted",
  "running",
  "pending",
  "queued",
];

function scheme() {
  return isDark() ? "dark" : "light";
}

// What the ramp's colours are for: the end with too little contrast to the page is cut off. A line needs 3:1; a cell is seen by
// its area and its text.
const LINES = { light: [0, 0.58], dark: [0.36, 1] };
export const CELLS = { light: [0, 0.84], dark: [0.22, 1] };

// The ramp's colour at `at`, from 0 to 1.
export function ramp(at, ends = LINES) {
  const [low, high] = ends[scheme()];
  const place = (low + at * (high - low)) * (VIRIDIS.length - 1);
  const from = Math.min(Math.floor(place), VIRIDIS.length - 2);
  const mix = (offset) => {
    const [a, b] = [VIRIDIS[from], VIRIDIS[from + 1]].map((hex) =>
      parseInt(hex.slice(offset, offset + 2), 16),
    );
    return Math.round(a + (b - a) * (place - from));
  };
  return `rgb(${mix(1)} ${mix(3)} ${mix(5)})`;
}

function ordered(count) {
  return Array.from({ length: count }, (_, place) => ramp(count > 1 ? place / (count - 1) : 0.4));
}

function categorical(count) {
  const colors = CATEGORIES[scheme()];
  return count <= colors.length ? colors.slice(0, count) : ordered(count);
}

// Groups of runs that share a colour: { title, color, runs }.
/** @param {import("./page").Sweep} sweep */
export function colorGroups(sweep, key) {
  const [kind, number] = key.split(":");
  // One pass through the runs: there may be as many titles as runs.
  const gather = (titles, placeOf, colors) => {
    const groups = titles.map((title, place) => ({ title, color: colors[place], runs: [] }));
    sweep.runs.forEach((run, index) => groups[placeOf(run, index)]?.runs.push(index));
    return groups.filter(({ runs }) => runs.length > 0);
  };
  if (kind === "axis") {
    const axis = sweep.axes[Number(number)];
    const titles = axis.values.map((value) => value.text);
    const colors = axis.numeric && titles.length > 2 ? ordered(titles.length) : categorical(titles.length);
    const groups = gather(titles, (run) => run.values[number], colors);
    const without = sweep.runs.flatMap((run, index) => (run.values[number] === null ? [index] : []));
    return without.length ? [...groups, { title: NO_VALUE, color: stateColor("queued"), runs: without }] : groups;
  }
  if (kind === "tied") {
    const texts = tiedTexts(sweep, tiedAxes(sweep, MOST_NAMES));
    const places = placesOf(new Set(texts));
    return gather([...places.keys()], (_, index) => places.get(texts[index]), categorical(places.size));
  }
  if (kind === "seed") {
    const places = placesOf(sweep.seeds);
    return gather(sweep.seeds.map(String), ({ seed }) => places.get(seed), categorical(places.size));
  }
  if (kind === "state") {
    const places = placesOf(STATES);
    return gather(STATES, ({ state }) => places.get(state), STATES.map(stateColor));
  }
  return gather(
    sweep.runs.map((run) => run.label),
    (_, index) => index,
    categorical(sweep.runs.length),
  );
}

// The state symbols of the table share a colour between some states. Charts show no symbols, so here
// every state has a colour of its own.
function stateColor(state) {
  const [blue, vermillion, green, purple, orange, sky, brown, black] = CATEGORIES[scheme()];
  const colors = {
    completed: green,
    diverged: vermillion,
    failed: purple,
    interrupted: orange,
    running: blue,
    pending: sky,
    paused: brown,
    pruned: black,
  };
  return colors[state] ?? (scheme() === "dark" ? "#8d96a3" : "#6b7380");
}

// The current colours; updated when the user picks another key or the page's colour scheme changes.
export class Colors {
  /** @param {import("./state.js").State} state */
  constructor(root, state) {
    this.state = state;
    // The colour of each run.
    /** @type {string[]} */
    this.ofRun = [];
    // The place of each run's group among the groups.
    /** @type {number[]} */
    this.groupOf = [];
    // Rows of a long table are not in the page all the time.
    this.elements = [...root.querySelectorAll("[data-run]")];
    this.key = state.sweep.axes.length ? "axis:0" : state.sweep.seeds.length > 1 ? "seed" : "run";
    if (tiedAxes(state.sweep, MOST_NAMES).length) {
      this.key = "tied";
      root.querySelector("[data-control='color']")?.prepend(new Option(this.title, this.key, true, true));
    }
    this.update();
    darkScheme.addEventListener("change", () => {
      this.update();
      state.emit("color");
    });
    // Only for what is drawn anew for paper: "color" would have everything drawn anew, and later.
    for (const kind of ["beforeprint", "afterprint"]) addEventListener(kind, () => root.hidden || this.update());
  }

  // What a colour stands for, in words.
  get title() {
    const { sweep } = this.state;
    const [kind, number] = this.key.split(":");
    if (kind === "tied") return tiedAxes(sweep, MOST_NAMES).map((axis) => sweep.axes[axis].short).join(" + ");
    return kind === "axis" ? sweep.axes[Number(number)].short : kind;
  }

  choose(key) {
    this.key = key;
    this.update();
    this.state.recolor();
  }

  update() {
    this.groups = colorGroups(this.state.sweep, this.key);
    this.ofRun = [];
    this.groupOf = [];
    this.groups.forEach(({ color, runs }, place) => {
      for (const run of runs) [this.ofRun[run], this.groupOf[run]] = [color, place];
    });
    for (const element of this.elements) element.style.setProperty("--color", this.ofRun[element.dataset.run]);
  }
}
