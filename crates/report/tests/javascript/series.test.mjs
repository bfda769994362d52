// X axes, smoothing, medians and means.

import assert from "node:assert/strict";
import { test } from "node:test";

import { groupCurve, groupText, interpolator, lazySeries, smoothed } from "../../assets/series.js";

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
  const mean = groupCurve([{ x: [0, 10], y: [0, 10] }, { x: [0, 10], y: [2, 12] }], "mean", 11);
  assert.deepEqual(mean.x, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  mean.y.forEach((value, place) => assert.ok(Math.abs(value - (place + 1)) < 1e-12));
  assert.ok(Math.abs(mean.high[5] - mean.y[5] - Math.SQRT2) < 1e-12);
});

// Curves that are constant from 0 to an end.
const flat = (...ends) => ends.map(([end, level]) => ({ x: [0, end], y: [level, level] }));

test("a run that ends early does not move the line of its group", () => {
  for (const kind of ["mean", "median"]) {
    const most = groupCurve(flat([10, 1], [10, 2], [10, 3], [4, 90]), kind, 11);
    assert.deepEqual([most.count, most.of, most.x.at(-1), new Set(most.y)], [3, 4, 10, new Set([2])]);
  }
});

test("a group ends where no more than half of its runs go on", () => {
  const half = groupCurve(flat([10, 1], [10, 1], [5, 3], [5, 3]), "mean", 6);
  assert.deepEqual([half.count, half.x, half.y], [4, [0, 1, 2, 3, 4, 5], Array(6).fill(2)]);
  const few = groupCurve(flat([10, 1], [1, 5], [1, 6], [1, 7]), "median", 3);
  assert.deepEqual([few.count, few.x, few.y], [4, [0, 0.5, 1], Array(3).fill(5.5)]);
});

test("a run that begins late does not move the line either", () => {
  const late = { x: [8, 10], y: [90, 90] };
  const { x, y, count } = groupCurve([...flat([10, 1], [10, 2], [10, 3]), late], "median", 6);
  assert.deepEqual([x, y, count], [[0, 2, 4, 6, 8, 10], Array(6).fill(2), 3]);
});

test("one wild run moves neither median nor quartiles", () => {
  const tame = flat([1, 1], [1, 2], [1, 3], [1, 4], [1, 5]);
  const { y, low, high } = groupCurve([...tame.slice(0, 4), ...flat([1, 1e9])], "median", 2);
  assert.deepEqual([y, low, high], [[3, 3], [2, 2], [4, 4]]);
  // numpy.quantile([1, 2, 3, 4], [0.25, 0.5, 0.75])
  const four = groupCurve(tame.slice(0, 4), "median", 2);
  assert.deepEqual([four.low[0], four.y[0], four.high[0]], [1.75, 2.5, 3.25]);
});

test("the band of two or three runs is from the smallest to the largest", () => {
  const three = groupCurve(flat([1, 1], [1, 2], [1, 9]), "median", 2);
  assert.deepEqual([three.low[0], three.y[0], three.high[0]], [1, 2, 9]);
  const two = groupCurve(flat([1, 1], [1, 2]), "median", 2);
  assert.deepEqual([two.low[0], two.y[0], two.high[0]], [1, 1.5, 2]);
});

test("a tooltip says what a line and its band are, and of how many runs", () => {
  const text = (kind, ...ends) => groupText({ runs: ends, ...groupCurve(flat(...ends), kind, 2) }, 0);
  assert.deepEqual(text("median", [1, 1], [1, 2], [1, 3], [1, 4]), ["median of 4 runs", "the middle half: 1.75 to 3.25"]);
  assert.deepEqual(text("median", [1, 1], [1, 3]), ["median of 2 runs", "all of them: 1 to 3"]);
  assert.deepEqual(text("mean", [2, 1], [2, 3], [1, 9]), ["mean of 2 of 3 runs; 1 does not reach as far", "one standard deviation around it: 0.5858 to 3.414"]);
  assert.deepEqual(text("median", [1, 1]), ["of 1 run"]);
  assert.deepEqual(groupText({ runs: [0] }, 0), []);
});

test("hundreds of runs that all end elsewhere are fast", () => {
  const runs = Array.from({ length: 1000 }, (_, run) => ({ x: [0, 100 + run], y: [run, run] }));
  const began = performance.now();
  const { count, x } = groupCurve(runs, "median");
  assert.ok(count > 500 && x.at(-1) > 500);
  assert.ok(performance.now() - began < 500);
});

test("gaps, single points and nothing at all have medians and means", () => {
  const without = { kind: "mean", count: 0, of: 0, x: [], y: [], low: [], high: [] };
  assert.deepEqual(groupCurve([], "mean"), without);
  assert.deepEqual(groupCurve([{ x: [1, 2], y: [null, null] }], "mean"), without);
  assert.deepEqual(groupCurve([{ x: [3], y: [4] }], "median"), { ...without, kind: "median", count: 1, of: 1, x: [3], y: [4], low: [4], high: [4] });
  assert.deepEqual(groupCurve([{ x: [0, 1, 2], y: [0, null, 4] }], "mean", 3).y, [0, 2, 4]);
  // No two have a place in common.
  assert.equal(groupCurve([{ x: [3], y: [4] }, { x: [5], y: [6] }], "median").count, 1);
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
