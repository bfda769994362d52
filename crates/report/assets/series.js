// @ts-check
// Curves as lists of numbers: x axes, smoothing, medians and means of several runs.

import { format } from "./numbers.js";

// A series as the page holds it, which is unpacked when it is first read: `steps` are the first one, then pairs of a
// difference and how often it repeats, or base64 of the first one and the differences in LEB128; `values` are base64 of the first three bytes of each big-endian 32-bit number.
/** @returns {import("./page").Points} */
export function lazySeries({ steps, values }) {
  /** @type {number[] | undefined} */
  let knownSteps;
  /** @type {number[] | undefined} */
  let knownValues;
  return {
    get steps() {
      knownSteps ??= unpackedSteps(steps);
      return knownSteps;
    },
    get values() {
      knownValues ??= unpackedValues(values);
      return knownValues;
    },
  };
}

function unpackedSteps(packed) {
  if (typeof packed === "string") return stepsOfBytes(atob(packed));
  const [first, ...pairs] = packed;
  if (first === undefined) return [];
  const steps = [first];
  for (let place = 0; place < pairs.length; place += 2)
    for (let count = 0; count < pairs[place + 1]; count += 1) steps.push(steps.at(-1) + pairs[place]);
  return steps;
}

function stepsOfBytes(bytes) {
  const steps = [];
  let [step, difference, weight] = [0, 0, 1];
  for (let place = 0; place < bytes.length; place += 1) {
    const byte = bytes.charCodeAt(place);
    // No shift: numbers may have more than 32 bits.
    difference += (byte % 128) * weight;
    weight *= 128;
    if (byte >= 128) continue;
    step += difference;
    steps.push(step);
    [difference, weight] = [0, 1];
  }
  return steps;
}

function unpackedValues(text) {
  const bytes = atob(text);
  const view = new DataView(new ArrayBuffer(4));
  const values = [];
  for (let place = 0; place < bytes.length; place += 3) {
    for (let byte = 0; byte < 3; byte += 1) view.setUint8(byte, bytes.charCodeAt(place + byte));
    values.push(view.getFloat32(0));
  }
  return values;
}

// Maps steps to another x axis by linear interpolation.
export function interpolator({ steps, values }) {
  let from = 0;
  return (step) => {
    if (steps.length === 0) return null;
    if (steps[from] > step) from = 0;
    while (from + 2 < steps.length && steps[from + 1] < step) from += 1;
    const to = Math.min(from + 1, steps.length - 1);
    if (to === from) return values[from];
    return values[from] + ((values[to] - values[from]) * (step - steps[from])) / (steps[to] - steps[from]);
  };
}

// A bias-corrected exponential moving average, as in TensorBoard. It restarts after a value that is not
// finite.
export function smoothed(values, factor) {
  let mean = 0;
  let weight = 0;
  return values.map((value) => {
    if (!Number.isFinite(value)) {
      mean = weight = 0;
      return null;
    }
    mean = mean * factor + value * (1 - factor);
    weight = weight * factor + (1 - factor);
    return mean / weight;
  });
}

// The middle of several curves with a band around it, at `places` even positions: the median and the middle half of the
// curves, or the mean and one standard deviation to either side (`kind` is "median" or "mean"). It covers the same curves from
// end to end, since a middle of fewer curves would jump where one of them ends: `count` of the `of` curves that have points.
export function groupCurve(curves, kind, places = 120) {
  const known = curves.map(finitePoints).filter(({ x }) => x.length > 0);
  /** @type {import("./page").GroupCurve} */
  const group = { kind, count: 0, of: known.length, x: [], y: [], low: [], high: [] };
  if (known.length === 0) return group;
  const [from, to] = commonSpan(known);
  const covered = known.filter((curve) => covers(curve, from, to));
  group.count = covered.length;
  const count = from === to ? 1 : places;
  const positions = Array.from({ length: count }, (_, place) => (count === 1 ? from : from + ((to - from) * place) / (count - 1)));
  // Without rounding at the end, where a curve might be left by a hair.
  positions[count - 1] = to;
  // A row for each curve: a chart of a thousand runs is a hundred thousand values.
  const values = new Float64Array(covered.length * count);
  covered.forEach((curve, row) => readAt(curve, positions, values.subarray(row * count, (row + 1) * count)));
  const column = new Float64Array(covered.length);
  const summary = kind === "mean" ? meanOf : medianOf;
  positions.forEach((x, place) => {
    for (let row = 0; row < covered.length; row += 1) column[row] = values[row * count + place];
    const [middle, low, high] = summary(column);
    group.x.push(x);
    group.y.push(middle);
    group.low.push(low);
    group.high.push(high);
  });
  return group;
}

function covers({ x }, from, to) {
  return x[0] <= from && x.at(-1) >= to;
}

// As many starts and ends of curves are tried as these: all pairs of those of a thousand curves would take seconds.
const MOST_ENDS = 24;

// From where to where a group is drawn: of all spans that more than half of the curves cover, the one with the most data,
// which is its length times the number of curves. Without a span that so many cover, of all spans.
function commonSpan(curves) {
  const starts = quantiles(curves.map(({ x }) => x[0]));
  const ends = quantiles(curves.map(({ x }) => x.at(-1)));
  let best = { isMost: false, data: -1, count: 0, span: [starts[0], starts[0]] };
  for (const from of starts)
    for (const to of ends.filter((end) => end >= from)) {
      const count = curves.filter((curve) => covers(curve, from, to)).length;
      const candidate = { isMost: 2 * count > curves.length, data: count * (to - from), count, span: [from, to] };
      if (count > 0 && isBetter(candidate, best)) best = candidate;
    }
  return best.span;
}

function isBetter(one, other) {
  if (one.isMost !== other.isMost) return one.isMost;
  return one.data === other.data ? one.count > other.count : one.data > other.data;
}

// The distinct values, ascending; of many, some at even distances in their order, with the smallest and the largest.
function quantiles(values) {
  const sorted = [...new Set(values)].sort((a, b) => a - b);
  if (sorted.length <= MOST_ENDS) return sorted;
  return Array.from({ length: MOST_ENDS }, (_, place) => sorted[Math.round((place * (sorted.length - 1)) / (MOST_ENDS - 1))]);
}

// Mean, and one sample standard deviation below and above it.
function meanOf(values) {
  let sum = 0;
  for (const value of values) sum += value;
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  const deviation = values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0;
  return [mean, mean - deviation, mean + deviation];
}

// Fewer values have no quartiles worth the name: their band is from the smallest to the largest.
export const FEWEST_FOR_QUARTILES = 4;

// Median and quartiles, by linear interpolation as in numpy. Sorts the values in place.
function medianOf(values) {
  values.sort();
  const ends = values.length < FEWEST_FOR_QUARTILES ? [0, 1] : [0.25, 0.75];
  return [0.5, ...ends].map((share) => {
    const at = share * (values.length - 1);
    const below = Math.floor(at);
    const above = Math.min(below + 1, values.length - 1);
    return values[below] + (at - below) * (values[above] - values[below]);
  });
}

// The points of a curve that have both numbers; kept, since a curve is asked for them with each chart that shows it.
const finite = new WeakMap();
function finitePoints(curve) {
  if (!finite.has(curve)) {
    const { x, y } = curve;
    const places = y.map((_, place) => place).filter((place) => y[place] !== null && x[place] !== null);
    const isWhole = places.length === y.length;
    finite.set(curve, isWhole ? curve : { x: places.map((place) => x[place]), y: places.map((place) => y[place]) });
  }
  return finite.get(curve);
}

// Writes a curve's values at ascending positions; NaN before its first and after its last point.
function readAt({ x, y }, positions, values) {
  let place = 0;
  positions.forEach((at, index) => {
    if (at < x[0] || at > x.at(-1)) {
      values[index] = NaN;
      return;
    }
    while (place + 1 < x.length && x[place + 1] < at) place += 1;
    const next = Math.min(place + 1, x.length - 1);
    values[index] = x[next] === x[place] ? y[next] : y[place] + ((y[next] - y[place]) * Math.max(0, at - x[place])) / (x[next] - x[place]);
  });
}

// What a line of several runs is, for its tooltip: a sentence of the runs, and one of the band at that place.
export function groupText(line, x) {
  if (!line.kind) return line.runs.length > 1 ? [`median of ${line.runs.length} runs`] : [];
  const left = line.of - line.count;
  const runs = line.of === 1 ? "of 1 run" : `${line.kind} of ${left ? `${line.count} of ` : ""}${line.of} runs`;
  const others = left ? `; ${left} ${left > 1 ? "do" : "does"} not reach as far` : "";
  const place = line.x.indexOf(x);
  if (place < 0 || line.count < 2) return [runs + others];
  const quartiles = line.count < FEWEST_FOR_QUARTILES ? "all of them" : "the middle half";
  const band = line.kind === "mean" ? "one standard deviation around it" : quartiles;
  return [runs + others, `${band}: ${format(line.low[place])} to ${format(line.high[place])}`];
}
