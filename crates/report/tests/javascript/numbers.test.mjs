// Numbers as texts.

import assert from "node:assert/strict";
import { test } from "node:test";

import { fixed, format, plain } from "../../assets/numbers.js";

test("numbers of a column have its decimals, or an exponent where these cannot show them", () => {
  assert.deepEqual([0.5, 12.345, 0, -0.25].map((value) => fixed(value, 2)), ["0.50", "12.35", "0.00", "-0.25"]);
  assert.deepEqual([1e9, 1.5e-7, NaN, 123456.7].map((value) => fixed(value, 2)), ["1e9", "1.5e-7", "–", "123457"]);
  assert.deepEqual([1e-5, 1.2346e-7, 2e6, 1234.5, 0.5].map(plain), ["1e-5", "1.235e-7", "2e6", "1235", "0.5"]);
});

test("numbers for reading have separators, and no more than four digits", () => {
  assert.deepEqual([12345.6, 1.23456, 0, -2e-5, Infinity].map(format), ["12,346", "1.235", "0", "-2e-5", "–"]);
});
