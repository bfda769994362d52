// @ts-check
// Curves as lists of numbers: x axes, smoothing, means of several runs.

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

// The mean of several curves and one standard deviation around it, at `places` even positions. A curve counts
// where it has values: one that ends early leaves the mean there.
export function meanCurve(curves, places = 120) {
  const known = curves.map(finitePoints).filter(({ x }) => x.length > 0);
  /** @type {Record<"x" | "y" | "low" | "high", number[]>} */
  const mean = { x: [], y: [], low: [], high: [] };
  if (known.length === 0) return mean;
  let [from, to] = [Infinity, -Infinity];
  for (const { x } of known) [from, to] = [Math.min(from, x[0]), Math.max(to, x.at(-1))];
  const count = from === to ? 1 : places;
  const positions = Array.from({ length: count }, (_, place) => (count === 1 ? from : from + ((to - from) * place) / (count - 1)));
  // A row for each curve: a chart of a thousand runs is a hundred thousand values.
  const values = new Float64Array(known.length * count);
  known.forEach((curve, row) => readAt(curve, positions, values.subarray(row * count, (row + 1) * count)));
  positions.forEach((x, place) => {
    let [runs, sum] = [0, 0];
    for (let at = place; at < values.length; at += count) {
      if (Number.isNaN(values[at])) continue;
      runs += 1;
      sum += values[at];
    }
    if (runs === 0) return;
    const middle = sum / runs;
    let squares = 0;
    for (let at = place; at < values.length; at += count) if (!Number.isNaN(values[at])) squares += (values[at] - middle) ** 2;
    const deviation = runs > 1 ? Math.sqrt(squares / (runs - 1)) : 0;
    mean.x.push(x);
    mean.y.push(middle);
    mean.low.push(middle - deviation);
    mean.high.push(middle + deviation);
  });
  return mean;
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
