// Curves as lists of numbers: x axes, smoothing, means of several runs.

// A series as the page holds it, which is unpacked when it is first read: `steps` are the first one, then pairs of a
// difference and how often it repeats; `values` are base64 of the first three bytes of each big-endian 32-bit number.
export function lazySeries({ steps, values }) {
  let [knownSteps, knownValues] = [null, null];
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

function unpackedSteps([first, ...pairs]) {
  if (first === undefined) return [];
  const steps = [first];
  for (let place = 0; place < pairs.length; place += 2)
    for (let count = 0; count < pairs[place + 1]; count += 1) steps.push(steps.at(-1) + pairs[place]);
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
  const from = Math.min(...known.map(({ x }) => x[0]));
  const to = Math.max(...known.map(({ x }) => x.at(-1)));
  const mean = { x: [], y: [], low: [], high: [] };
  if (known.length === 0) return mean;
  const count = from === to ? 1 : places;
  const at = known.map(reader);
  for (let place = 0; place < count; place += 1) {
    const x = count === 1 ? from : from + ((to - from) * place) / (count - 1);
    const values = at.map((read) => read(x)).filter((value) => value !== null);
    if (values.length === 0) continue;
    const middle = values.reduce((sum, value) => sum + value, 0) / values.length;
    const squares = values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
    const deviation = values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0;
    mean.x.push(x);
    mean.y.push(middle);
    mean.low.push(middle - deviation);
    mean.high.push(middle + deviation);
  }
  return mean;
}

function finitePoints({ x, y }) {
  const places = y.map((_, place) => place).filter((place) => y[place] !== null && x[place] !== null);
  return { x: places.map((place) => x[place]), y: places.map((place) => y[place]) };
}

// Reads a curve at ascending positions; null before its first and after its last point.
function reader({ x, y }) {
  let place = 0;
  return (at) => {
    if (at < x[0] || at > x.at(-1)) return null;
    while (place + 1 < x.length && x[place + 1] < at) place += 1;
    const next = Math.min(place + 1, x.length - 1);
    if (x[next] === x[place]) return y[next];
    return y[place] + ((y[next] - y[place]) * Math.max(0, at - x[place])) / (x[next] - x[place]);
  };
}
