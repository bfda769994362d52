// @ts-check
// The range of a value axis.

import { bounds, median } from "./statistics.js";

// Below this many curves none is left out: there is no majority.
const FEWEST = 4;
// Below this many values of a curve none is a spike.
const FEWEST_WITH_SPIKES = 8;

// The metric's declared range, or null if it has none or a value is outside of it.
export function wholeRange(declared, curves) {
  if (!declared) return null;
  const inside = (value) => value >= declared[0] && value <= declared[1];
  if (!curves.every((values) => values.every(inside))) return null;
  return { range: padded(declared[0], declared[1], 0.02), outside: [] };
}

// A range for several curves, each a list of values (exponents of ten on a logarithmic axis). It follows
// the majority of the curves: a few with other values must not flatten all the rest. `outside` has the
// indices of curves that are left out; `better` says which way the metric is better, if one is: curves that are better than the
// majority stay inside. The reference value is included if that widens the range by less than 40 % of its size.
export function valueRange(curves, reference, log, better) {
  const known = curves.map((values) => extent(values, better));
  const extents = known.filter(Boolean);
  if (extents.length === 0) return { range: log ? [-1, 1] : [0, 1], outside: [] };
  const fits = majority(extents, better);
  const kept = extents.filter(fits);
  let [, top] = bounds(kept.map(({ high }) => high));
  let [bottom] = bounds(kept.map(({ low }) => low));
  const spread = top - bottom || Math.abs(top) || 1;
  const line = log ? Math.log10(reference) : reference;
  if (line > top && line - top < 0.4 * spread) top = line;
  if (line < bottom && bottom - line < 0.4 * spread) bottom = line;
  if (!log && bottom >= 0 && bottom < 0.25 * top) bottom = 0;
  const outside = known.flatMap((one, place) => (one && !fits(one) ? [place] : []));
  return { range: padded(bottom, top, 0.05), outside };
}

// The smallest and the largest value of one curve. Short spikes, such as those of the first steps, are cut, but not on the side that
// is better: a single best value is what a reader looks for.
export function extent(values, better) {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const last = sorted.length - 1;
  // Of few values one at either end may be a spike.
  const spikes = sorted.length < FEWEST_WITH_SPIKES ? 0 : Math.max(1, Math.round(0.02 * last));
  const [low, high, inner, outer] = [sorted[0], sorted[last], sorted[spikes], sorted[last - spikes]];
  const spread = outer - inner || Math.abs(outer) || 1;
  return {
    low: better !== "lower" && low < inner - 1.5 * spread ? inner - 0.35 * spread : low,
    high: better !== "higher" && high > outer + 1.5 * spread ? outer + 0.35 * spread : high,
  };
}

// Whether an extent is like most others: its ends are at most three robust standard deviations, or the
// median curve's own height, away from the median ends. If that leaves out more than a third of the curves, there
// is no majority, and all fit. An end on the side that is better may be anywhere.
function majority(extents, better) {
  if (extents.length < FEWEST) return () => true;
  const [lows, highs] = [extents.map(({ low }) => low), extents.map(({ high }) => high)];
  const [low, high] = [median(lows), median(highs)];
  const room = (ends, middle) =>
    Math.max(3 * 1.4826 * median(ends.map((end) => Math.abs(end - middle))), high - low);
  const [below, above] = [low - room(lows, low), high + room(highs, high)];
  const fits = (one) => (better === "lower" || one.low >= below) && (better === "higher" || one.high <= above);
  const left = extents.filter((one) => !fits(one)).length;
  return 3 * left <= extents.length ? fits : () => true;
}

// The groups of which all curves are among those outside; `groups` has the group of each curve.
export function lostGroups(outside, groups) {
  const left = new Set(outside);
  const kept = new Set(groups.filter((_, place) => !left.has(place)));
  return [...new Set(outside.map((place) => groups[place]))].filter((group) => !kept.has(group));
}

// A range with room for bands around its lines. Where a band is far longer than the lines are apart, the lines stay
// readable: at most half of the range is added at either end.
export function widened(range, levels) {
  const [bottom, top] = range;
  const room = (top - bottom) / 2;
  const [low, high] = bounds([bottom, top, ...levels]);
  return [Math.max(low, bottom - room), Math.min(high, top + room)];
}

export function padded(low, high, share) {
  const room = (high - low || Math.abs(high) || 1) * share;
  return [low - room, high + room];
}
