// The range of a value axis.

// The metric's declared range, or null if it has none or a value is outside of it.
function wholeRange(declared, values) {
  if (!declared || values.some((value) => value < declared[0] || value > declared[1])) return null;
  return { range: padded(declared[0], declared[1], 0.02), beyond: 0, highest: declared[1] };
}

// A range for the values (exponents of ten on a logarithmic axis). A few outliers must not flatten all
// other curves: the range then leaves them out, and `beyond` counts them. The reference value is
// included if that widens the range by less than 40 % of the spread.
function valueRange(values, reference, log) {
  if (values.length === 0) return { range: log ? [-1, 1] : [0, 1], beyond: 0, highest: NaN };
  const sorted = values.sort((a, b) => a - b);
  const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
  const [low, high, inner, outer] = [at(0), at(1), at(0.005), at(0.985)];
  const spread = outer - inner || Math.abs(outer) || 1;
  let top = high > outer + 1.5 * spread ? outer + 0.35 * spread : high;
  let bottom = low < inner - 1.5 * spread ? inner - 0.35 * spread : low;
  const beyond = sorted.filter((value) => value > top || value < bottom).length;
  const line = log ? Math.log10(reference) : reference;
  if (line > top && line - top < 0.4 * spread) top = line;
  if (line < bottom && bottom - line < 0.4 * spread) bottom = line;
  if (!log && bottom >= 0 && bottom < 0.25 * top) bottom = 0;
  return { range: padded(bottom, top, 0.05), beyond, highest: log ? 10 ** high : high };
}

function padded(low, high, share) {
  const room = (high - low || Math.abs(high) || 1) * share;
  return [low - room, high + room];
}

// A number with about four significant digits.
function format(value) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) return value.toExponential(2);
  if (size >= 1000) return Math.round(value).toLocaleString("en");
  return value.toLocaleString("en", { maximumSignificantDigits: 4 });
}
