// @ts-check
// Numbers as texts.

// A number with about four significant digits, and no zeros at its end.
export function format(value) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(3).replace(/\.?0*e\+?/, "e");
  if (size >= 1000) return Math.round(value).toLocaleString("en");
  return value.toLocaleString("en", { maximumSignificantDigits: 4 });
}

// A number with the decimals of its column, as the program writes it (`analyse/text.rs`): an exponent where they cannot
// show it.
export function fixed(value, decimals) {
  // Values of the page are rounded to six digits.
  const whole = Math.trunc(Math.log10(Math.max(Math.abs(value), 1)));
  const text = value.toFixed(Number.isFinite(whole) ? Math.min(decimals, Math.max(5 - whole, 0)) : decimals);
  const vanishes = value !== 0 && !/[1-9]/.test(text);
  return !Number.isFinite(value) || Math.abs(value) >= 1e6 || vanishes ? plain(value) : text;
}

// A number as the page was written with it: without separators, which a spreadsheet would not read.
export function plain(value) {
  return format(value).replaceAll(",", "");
}
