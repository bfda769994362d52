// One colour per run: categorical for names, a ramp for numbers in their order. Both can be told
// apart with any kind of colour vision (Okabe and Ito 2008; the viridis ramp of van der Walt and
// Smith), in lightnesses that stand out from a light and from a dark page.

const CATEGORIES = {
  light: ["#0072b2", "#d55e00", "#00956c", "#b8548f", "#c58a00", "#3a9fd6", "#6b5b3e", "#14171c"],
  dark: ["#4aa8e8", "#ff8a4c", "#2fc79c", "#e58fc0", "#f0c23c", "#9ad7ff", "#c2a878", "#eceef2"],
};
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
const STATE_TONES = [
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
  return darkScheme.matches ? "dark" : "light";
}

// A colour of the ramp; `at` from 0 to 1. The ends that would vanish into the page are cut off.
function ramp(at) {
  const [low, high] = scheme() === "dark" ? [0.22, 1] : [0, 0.84];
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

// The groups of runs that share a colour: { title, color, runs }.
function colorGroups(sweep, key) {
  const [kind, number] = key.split(":");
  const gather = (titles, placeOf, colors) =>
    titles
      .map((title, place) => ({ title, color: colors[place], runs: [] }))
      .map((group, place) => ({
        ...group,
        runs: sweep.runs.flatMap((run, index) => (placeOf(run, index) === place ? [index] : [])),
      }))
      .filter((group) => group.runs.length > 0);
  if (kind === "axis") {
    const axis = sweep.axes[Number(number)];
    const titles = axis.values.map((value) => value.text);
    const colors = axis.numeric && titles.length > 2 ? ordered(titles.length) : categorical(titles.length);
    const groups = gather(titles, (run) => run.values[number], colors);
    const without = sweep.runs.flatMap((run, index) => (run.values[number] === null ? [index] : []));
    return without.length ? [...groups, { title: "none", color: tone("queued"), runs: without }] : groups;
  }
  if (kind === "seed") {
    return gather(
      sweep.seeds.map(String),
      (run) => sweep.seeds.indexOf(run.seed),
      categorical(sweep.seeds.length),
    );
  }
  if (kind === "state") {
    return gather(STATE_TONES, (run) => STATE_TONES.indexOf(run.state), STATE_TONES.map(tone));
  }
  return gather(
    sweep.runs.map((run) => run.label),
    (_, index) => index,
    categorical(sweep.runs.length),
  );
}

// States that end badly must differ from each other here, where no symbol stands beside them.
function tone(state) {
  const [blue, vermillion, green, purple, orange, sky, brown, black] = CATEGORIES[scheme()];
  const tones = {
    completed: green,
    diverged: vermillion,
    failed: purple,
    interrupted: orange,
    running: blue,
    pending: sky,
    paused: brown,
    pruned: black,
  };
  return tones[state] ?? (scheme() === "dark" ? "#8d96a3" : "#6b7380");
}

// Colours as they apply now, kept up to date with the chosen key and the page's scheme.
class Colors {
  constructor(root, state) {
    this.root = root;
    this.state = state;
    this.key = state.sweep.axes.length ? "axis:0" : state.sweep.seeds.length > 1 ? "seed" : "run";
    this.update();
    darkScheme.addEventListener("change", () => {
      this.update();
      state.emit("color");
    });
  }

  choose(key) {
    this.key = key;
    this.update();
    this.state.emit("color");
  }

  update() {
    this.groups = colorGroups(this.state.sweep, this.key);
    this.ofRun = [];
    for (const group of this.groups) for (const run of group.runs) this.ofRun[run] = group.color;
    for (const element of this.root.querySelectorAll("[data-run]")) {
      element.style.setProperty("--color", this.ofRun[element.dataset.run]);
    }
  }
}
