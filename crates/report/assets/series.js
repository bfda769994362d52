// Curves as lists of numbers: x axes, smoothing, means of several runs.

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
