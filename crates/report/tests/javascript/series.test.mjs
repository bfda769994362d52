// X axes, smoothing and means.

import assert from "node:assert/strict";
import { test } from "node:test";

import { interpolator, lazySeries, meanCurve, smoothed } from "../../assets/series.js";

test("steps are mapped between the points of an axis and beyond its ends", () => {
  const at = interpolator({ steps: [0, 10, 30], values: [0, 1, 5] });
  assert.deepEqual([0, 5, 10, 20, 30, 5].map(at), [0, 0.5, 1, 3, 5, 0.5]);
  assert.equal(interpolator({ steps: [], values: [] })(1), null);
  assert.equal(interpolator({ steps: [7], values: [2] })(9), 2);
});

test("smoothing is unbiased from the first value on and begins anew after a gap", () => {
  assert.deepEqual(smoothed([2, 2, 2], 0.9).map((value) => value.toFixed(9)), Array(3).fill("2.000000000"));
  assert.deepEqual(smoothed([4, NaN, 6], 0.9).map((value) => value && value.toFixed(6)), ["4.000000", null, "6.000000"]);
  assert.deepEqual(smoothed([1, 5], 0), [1, 5]);
});

test("a mean has the standard deviation of the runs around it", () => {
  const mean = meanCurve([{ x: [0, 10], y: [0, 10] }, { x: [0, 10], y: [2, 12] }], 11);
  assert.deepEqual(mean.x, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  mean.y.forEach((value, place) => assert.ok(Math.abs(value - (place + 1)) < 1e-12));
  assert.ok(Math.abs(mean.high[5] - mean.y[5] - Math.SQRT2) < 1e-12);
});

test("a run that ends early counts up to its end", () => {
  const mean = meanCurve([{ x: [0, 10], y: [1, 1] }, { x: [0, 5], y: [3, 3] }], 11);
  assert.deepEqual(mean.y, [2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1]);
  assert.equal(mean.low.at(-1), 1);
});

test("gaps, single points and nothing at all have means", () => {
  assert.deepEqual(meanCurve([]).x, []);
  assert.deepEqual(meanCurve([{ x: [1, 2], y: [null, null] }]).x, []);
  assert.deepEqual(meanCurve([{ x: [3], y: [4] }]), { x: [3], y: [4], low: [4], high: [4] });
  assert.deepEqual(meanCurve([{ x: [0, 1, 2], y: [0, null, 4] }], 3).y, [0, 2, 4]);
});

test("a series is unpacked as the page packs it", () => {
  const { steps, values } = lazySeries({ steps: [10, 10, 2, 5, 1], values: "P4AAvwAAf8AAP4AA" });
  assert.deepEqual(steps, [10, 20, 30, 35]);
  assert.deepEqual(values, [1, -0.5, NaN, 1]);
  assert.deepEqual(lazySeries({ steps: [], values: "" }).steps, []);
  const irregular = "Ayh4yAGYAugCuAOIBNgEqAX4BcgGmAfoB7gIiAnYCagK+ArICw==";
  const expected = Array.from({ length: 20 }, (_, place) => 3 + 40 * place * place);
  assert.deepEqual(lazySeries({ steps: irregular, values: "" }).steps, expected);
  assert.deepEqual(lazySeries({ steps: [7], values: "P4AA" }).values, [1]);
});
