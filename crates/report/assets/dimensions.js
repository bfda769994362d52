// @ts-check
// What the charts of the space have on their axes: swept keys, the seed, metrics.

import { words } from "./query.js";
import { isObjective } from "./state.js";
import { bounds } from "./statistics.js";

// What stands in place of the value of a key that does not apply to a run, such as a weight without a penalty.
export const NO_VALUE = "none";

// The swept keys and the seed: `{ name, title, texts, numbers, place }`, where `place` is the index of a run's value,
// or null. `numbers` is null unless all values are numbers. The keys that explain most come first.
/** @param {import("./page").Sweep} sweep */
export function keysOf(sweep) {
  const explained = sweep.findings.effects.flatMap(({ keys }) => keys);
  const rank = ({ key }) => (explained.includes(key) ? explained.indexOf(key) : explained.length);
  const keys = sweep.axes.map(({ key, short, values, numeric }, axis) => ({
    key,
    name: short,
    title: short,
    texts: values.map(({ text }) => text),
    numbers: numeric ? values.map(({ value }) => value) : null,
    place: (run) => sweep.runs[run].values[axis],
  }));
  keys.sort((a, b) => rank(a) - rank(b));
  const seeds = sweep.seeds;
  const seedPlaces = placesOf(seeds);
  const seed = { key: "seed", name: "seed", title: "seed", texts: seeds.map(String), numbers: seeds, place: (run) => seedPlaces.get(sweep.runs[run].seed) ?? null };
  return seeds.length > 1 ? [...keys, seed] : keys;
}

// The place of each of some distinct values. `indexOf` for each run takes quadratic time where every run has a value of its
// own.
export function placesOf(values) {
  return new Map([...values].map((value, place) => [value, place]));
}

// The metrics of the run table, the objective first: `{ name, title, better, decimals, value }`; `value` is NaN where a run has none.
// The objective's title says when it was measured: the run table has last values, which may be later ones.
/** @param {import("./page").Sweep} sweep */
export function metricsOf(sweep) {
  const { runs, columns, findings } = sweep;
  const metrics = columns.map(({ metric, title, better, mean_decimals: decimals }, column) => ({
    name: metric,
    title: isObjective(sweep, metric) ? `${title} after ${findings.objective.after}` : title,
    better,
    decimals,
    // As in the findings: a run that ended early has a last value, but none to compare with the others'.
    value: (run) => Number((isObjective(sweep, metric) ? runs[run].value : runs[run].last_values[column]?.value) ?? NaN),
  }));
  metrics.sort((a, b) => Number(isObjective(sweep, b.name)) - Number(isObjective(sweep, a.name)));
  const seconds = { name: "seconds", title: "seconds of training", decimals: 1, value: (run) => Number(runs[run].seconds.value) };
  return [...metrics, seconds];
}

// The first of the axes that vary together which tell all of their values apart; none if one axis does, or if there are more
// than `most` of them.
/** @param {import("./page").Sweep} sweep */
export function tiedAxes(sweep, most) {
  const keys = sweep.findings.effects.map((effect) => effect.keys).find(({ length }) => length > 1) ?? [];
  const axes = keys.map((key) => sweep.axes.findIndex((axis) => axis.key === key));
  const count = (some) => new Set(tiedTexts(sweep, some)).size;
  const enough = axes.findIndex((_, last) => count(axes.slice(0, last + 1)) === count(axes)) + 1;
  return enough > 1 && count(axes) <= most ? axes.slice(0, enough) : [];
}

// The values of each run on some axes, as a text: `wasserstein, gradient`.
/** @param {import("./page").Sweep} sweep */
export function tiedTexts({ runs, axes }, some) {
  const text = (run, axis) => axes[axis].values[run.values[axis] ?? -1]?.text ?? NO_VALUE;
  return runs.map((run) => some.map((axis) => text(run, axis)).join(", "));
}

// Groups of a key's values, for a chart that has room for `most`: `{ text, places }`. Numbers that are too many are put
// into groups of about equally many values.
export function groupsOf({ texts, numbers }, most) {
  if (texts.length <= most || !numbers) return texts.map((text, place) => ({ text, places: new Set([place]) }));
  return Array.from({ length: most }, (_, group) => {
    const from = Math.round((group * texts.length) / most);
    const to = Math.round(((group + 1) * texts.length) / most);
    const places = Array.from({ length: to - from }, (_, place) => from + place);
    const text = to - from === 1 ? texts[from] : `${short(numbers[from])} to ${short(numbers[to - 1])}`;
    return { text, places: new Set(places) };
  });
}

function short(number) {
  return String(Number(number.toPrecision(3)));
}

// The groups, and one for the runs to which the key does not apply, if there are such.
export function withNoValue(groups, key, runs) {
  const lacks = runs.some((_, run) => key.place(run) === null);
  return lacks ? [...groups, { text: NO_VALUE, places: new Set([null]) }] : groups;
}

// Whether numbers are read better on a logarithmic axis: positive, and of different sizes.
export function isWide(numbers) {
  const known = numbers.filter(Number.isFinite);
  const [low, high] = bounds(known);
  return known.length > 1 && low > 0 && high / low >= 20;
}

// The filter with other conditions on a key; those that it has already are left out. Other words stay.
export function withConditions(filter, name, conditions) {
  const quoted = name.includes(" ") ? `"${name}"` : name;
  const isOwn = (word) => ["=", ">=", "<="].some((operator) => word.startsWith(quoted + operator));
  const others = words(filter).filter((word) => !isOwn(word));
  return [...others, ...conditions.map((condition) => quoted + condition)].join(" ");
}

// The conditions of a filter on a key: `{ from, to, values }`; `values` is null without a list of values.
export function conditionsOn(filter, name) {
  /** @type {{ from: number, to: number, values: string[] | null }} */
  const found = { from: -Infinity, to: Infinity, values: null };
  for (const word of words(filter)) {
    if (word.startsWith(`${name}>=`)) found.from = Number(word.slice(name.length + 2));
    else if (word.startsWith(`${name}<=`)) found.to = Number(word.slice(name.length + 2));
    else if (word.startsWith(`${name}=`)) found.values = word.slice(name.length + 1).replaceAll('"', "").split(",");
  }
  return found.from === -Infinity && found.to === Infinity && !found.values ? null : found;
}
