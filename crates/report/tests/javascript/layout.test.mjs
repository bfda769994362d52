// How the numbers of an axis are written.

import assert from "node:assert/strict";
import { test } from "node:test";

import { numberFormat } from "../../assets/layout.js";

test("very large and very small numbers have exponents of their own", () => {
  assert.deepEqual([[0, 1.1e7], [-2e6, 5], [0, 4e-4]].map(numberFormat), ["~g", "~g", "~g"]);
  assert.deepEqual([[0, 1], [0.2, 950], [-3, 0.004]].map(numberFormat), ["", "", ""]);
});
