// @ts-check
// Statistics of values, and the tests of `gansweep compare` for the configs that the reader chooses: permutation tests by
// enumeration, and Holm's correction. What takes too many arrangements is left to the program, which draws some of them.

const MOST_ENUMERATED = 1e6;
const DRAWS = 1e5;
const ALPHA = 0.05;
// Statistics that are closer than this, relative to the largest value, count as equal: rounding must not decide whether a
// tie counts.
const TIE = 1e-12;

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// The smallest and the largest of the values; infinite where there are none. As arguments of `Math.min`, the values of many runs
// would be more than an engine takes.
export function bounds(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

// Two-sided p-value of paired differences, by all their signs; null where they are too many.
export function signFlip(differences) {
  if (2 ** differences.length > MOST_ENUMERATED) return null;
  const values = scaled(differences, 0);
  const count = counter(sum(values), values.length);
  const flip = (place, total) => {
    if (place === values.length) return count.add(total);
    flip(place + 1, total + values[place]);
    flip(place + 1, total - values[place]);
  };
  flip(0, 0);
  return count.p();
}

// Two-sided p-value of the difference of two means, by all divisions of the values into samples of these sizes; null where
// they are too many.
export function twoSample(a, b) {
  const all = [...a, ...b];
  if (choose(all.length, a.length) > MOST_ENUMERATED) return null;
  const values = scaled(all, sum(all.map((value) => value / all.length)));
  // For given sizes, the difference of the means grows with the sum of the first sample.
  const count = counter(sum(values.slice(0, a.length)), all.length);
  const divide = (from, wanted, total) => {
    if (wanted === 0) return count.add(total);
    for (let first = from; first <= values.length - wanted; first += 1) divide(first + 1, wanted - 1, total + values[first]);
  };
  divide(0, a.length, 0);
  return count.p();
}

// Holm's adjusted p-values.
export function holm(ps) {
  const order = ps.map((_, place) => place).sort((a, b) => ps[a] - ps[b]);
  const adjusted = [];
  let largest = 0;
  order.forEach((place, rank) => {
    largest = Math.max(largest, Math.min(1, (ps.length - rank) * ps[place]));
    adjusted[place] = largest;
  });
  return adjusted;
}

// The smallest p-value that the signs of that many differences can have.
function smallestSignFlip(pairs) {
  const arrangements = 2 ** pairs;
  return Math.min(1, 2 / (arrangements <= MOST_ENUMERATED ? arrangements : DRAWS));
}

// How groups differ from a base: `{ mean, half, pairs, p }`, with the half of the 95 % interval where there are pairs, and the
// adjusted p-value or null. A group is a map from a seed to a finite value. `quantiles` are those of Student's t with 1, 2, ...
// degrees of freedom.
export function differencesFrom(base, groups, quantiles) {
  const found = groups.map((group) => differenceFrom(base, group, groups.length, quantiles));
  if (found.some(({ p }) => p === null)) return found.map((difference) => ({ ...difference, p: null }));
  const adjusted = holm(found.map(({ p }) => p));
  return found.map((difference, place) => ({ ...difference, p: adjusted[place] }));
}

function differenceFrom(base, group, comparisons, quantiles) {
  const paired = [...group].filter(([seed]) => base.has(seed)).map(([seed, value]) => value - base.get(seed));
  // Rounding must not decide: 1/20 in the first place is 0.05.
  const canReject = smallestSignFlip(paired.length) * comparisons <= ALPHA * (1 + 1e-12);
  const p = canReject ? signFlip(paired) : twoSample([...group.values()], [...base.values()]);
  const mean = (values) => sum(values) / values.length;
  if (paired.length < 2) return { mean: mean([...group.values()]) - mean([...base.values()]), half: null, pairs: paired.length, p };
  const middle = mean(paired);
  const deviation = Math.sqrt(sum(paired.map((value) => (value - middle) ** 2)) / (paired.length - 1));
  const quantile = quantiles[Math.min(paired.length - 1, quantiles.length) - 1];
  return { mean: middle, half: (quantile * deviation) / Math.sqrt(paired.length), pairs: paired.length, p };
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

// Number of ways to choose `k` of `n`.
function choose(n, k) {
  let ways = 1;
  for (let i = 1; i <= Math.min(k, n - k); i += 1) ways = Math.round((ways * (n - i + 1)) / i);
  return ways;
}

// Values relative to a centre and in units of the largest distance from it, so that one tolerance fits all.
function scaled(values, centre) {
  const [low, high] = bounds(values);
  const unit = Math.max(centre - low, high - centre) || 1;
  return values.map((value) => (value - centre) / unit);
}

// Counts statistics on both sides of the observed one.
function counter(observed, values) {
  const tolerance = TIE * values;
  let [all, atLeast, atMost] = [0, 0, 0];
  return {
    add(statistic) {
      all += 1;
      if (statistic >= observed - tolerance) atLeast += 1;
      if (statistic <= observed + tolerance) atMost += 1;
    },
    p: () => Math.min(1, (2 * Math.min(atLeast, atMost)) / all),
  };
}
