// @ts-check
// Which cell of a matrix each run's samples are in.

import { NO_VALUE, placesOf } from "./dimensions.js";

// What may run along a side of the wall: the swept keys with several values, and the seed. Keys that vary together
// are one, and so are a key and those that it decides. Each is `{ title, labels, places, without }`, with the place of each
// run, and that of runs to which the key does not apply.
/** @param {import("./page").Sweep} sweep */
export function dimensionsOf(sweep) {
  const { axes, runs } = sweep;
  const varied = axes.map((_, axis) => axis).filter((axis) => axes[axis].values.length > 1);
  const groups = [];
  for (const axis of varied) {
    const leads = groups.find(([lead]) => decides(runs, lead, axis));
    const led = groups.find(([lead]) => decides(runs, axis, lead));
    if (leads) leads.push(axis);
    else if (led) led.unshift(axis);
    else groups.push([axis]);
  }
  const dimensions = groups.map((group) => dimension(sweep, group));
  const seeds = [...new Set(runs.map(({ seed }) => seed))].sort((a, b) => a - b);
  if (seeds.length > 1) {
    const placeOf = placesOf(seeds);
    const places = runs.map(({ seed }) => placeOf.get(seed));
    dimensions.push({ title: "seed", labels: seeds.map(String), places, without: seeds.length });
  }
  return dimensions;
}

// Whether the value of one key is always that of another's value. In a random search every value is met once: that says
// nothing, unless it holds both ways.
function decides(runs, one, other) {
  const maps = [new Map(), new Map()];
  let repeats = false;
  const agrees = (map, from, to) => {
    if (map.has(from)) return map.get(from) === to;
    map.set(from, to);
    return true;
  };
  let back = true;
  const configs = new Map();
  for (const { values } of runs) {
    if (!agrees(maps[0], values[one], values[other])) return false;
    back &&= agrees(maps[1], values[other], values[one]);
    const config = values.join();
    repeats ||= configs.has(values[one]) && configs.get(values[one]) !== config;
    configs.set(values[one], config);
  }
  return back || repeats;
}

function dimension({ axes, runs }, group) {
  const [lead] = group;
  const text = (run, axis) => (run.values[axis] === null ? null : axes[axis].values[run.values[axis]].text);
  const examples = new Map();
  for (const run of runs) if (!examples.has(run.values[lead])) examples.set(run.values[lead], run);
  const labels = axes[lead].values.map((_, place) => {
    const example = examples.get(place);
    return group.map((axis) => example && text(example, axis)).filter((one) => one !== null && one !== undefined).join(" · ");
  });
  // Runs to which the key does not apply come last.
  const last = labels.length;
  if (runs.some(({ values }) => values[lead] === null)) labels.push(NO_VALUE);
  return {
    title: group.map((axis) => axes[axis].short).join(" · "),
    labels,
    places: runs.map(({ values }) => values[lead] ?? last),
    without: last,
  };
}

// The matrix over two dimensions, either of which may be null. `fixed` are `{ dimension, place }`: only the runs there are
// in it. Returns `{ rows, columns, cells }`, with labels and lists of runs.
export function arrange(runs, rows, columns, fixed) {
  const cells = (rows?.labels ?? [""]).map(() => (columns?.labels ?? [""]).map(() => []));
  for (let run = 0; run < runs; run += 1) {
    const isElsewhere = ({ dimension: { places, without }, place }) => places[run] !== place && places[run] !== without;
    if (fixed.some(isElsewhere)) continue;
    const [row, column] = [rows, columns].map((side) => (side ? side.places[run] : 0));
    cells[row][column].push(run);
  }
  return { rows: rows?.labels ?? null, columns: columns?.labels ?? null, cells };
}

// The two keys to begin with: the longer one downwards, where a page has room. None where half of the matrix would be
// empty or more, as in a random search.
export function firstChoice(dimensions, runs) {
  const keys = dimensions.filter(({ title }) => title !== "seed");
  const byLength = [...keys].sort((a, b) => b.labels.length - a.labels.length);
  const [rows, columns] = byLength;
  if (!columns) return null;
  const fixed = byLength.slice(2).map((one) => ({ dimension: one, place: 0 }));
  const cells = arrange(runs, rows, columns, fixed).cells.flat();
  return 2 * cells.filter((cell) => cell.length > 0).length > cells.length ? { rows, columns } : null;
}
