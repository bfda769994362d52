// Ranges of value axes.

import assert from "node:assert/strict";
import { test } from "node:test";

import { extent, lostGroups, valueRange, wholeRange, widened } from "../../assets/range.js";
import { smoothed } from "../../assets/series.js";

// A discriminator's loss that falls from 1.4 to its end, with a wave of that height.
const loss = (end, wave = 0.05) =>
  Array.from({ length: 200 }, (_, place) => end + (1.4 - end) * Math.exp(-place / 20) + wave * Math.sin(place));
const good = Array.from({ length: 12 }, (_, run) => loss(0.6 + 0.06 * run));
const wild = [20, 59, 31, 12].map((height) => loss(height, height / 2));

test("four wild runs of sixteen do not flatten the others, at any smoothing", () => {
  for (const factor of [0, 0.5, 0.9, 0.98]) {
    const curves = [...good, ...wild].map((values) => smoothed(values, factor));
    const { range, outside } = valueRange(curves, 1.386, false);
    assert.ok(range[1] < 2.5 && range[1] > 1.3, `${range} at ${factor}`);
    assert.ok(range[0] > -0.5, `${range} at ${factor}`);
    assert.deepEqual(outside, [12, 13, 14, 15]);
  }
});

test("all runs are inside where they are alike, and where there is no majority", () => {
  assert.deepEqual(valueRange(good, undefined, false).outside, []);
  const halves = [...good.slice(0, 4), ...Array(4).fill(wild[1])];
  assert.deepEqual(valueRange(halves, undefined, false).outside, []);
  assert.ok(valueRange(halves, undefined, false).range[1] > 59);
  assert.deepEqual(valueRange([loss(1), wild[0]], undefined, false).outside, []);
});

test("curves that are better than the majority stay inside", () => {
  // The Fréchet distances of three seeds of the best config, among nine others.
  const curves = [...Array.from({ length: 9 }, (_, run) => [900, 700 + 10 * run]), ...Array(3).fill([650, 290])];
  assert.deepEqual(valueRange(curves, undefined, false).outside, [9, 10, 11]);
  const { range, outside } = valueRange(curves, undefined, false, "lower");
  assert.ok(outside.length === 0 && range[0] < 290, `${range}`);
  assert.deepEqual(valueRange(curves, undefined, false, "higher").outside, [9, 10, 11]);
  const upsideDown = curves.map((values) => values.map((value) => -value));
  assert.deepEqual(valueRange(upsideDown, undefined, false, "higher").outside, []);
});

test("a group is lost where none of its curves is inside", () => {
  assert.deepEqual(lostGroups([1, 4, 5], [0, 0, 1, 1, 2, 2]), [2]);
  assert.deepEqual(lostGroups([3], [0, 1, 2, 3]), [3], "a group of one");
  assert.deepEqual(lostGroups([], [0, 1]), []);
});

test("a spike of the first steps is cut", () => {
  const { low, high } = extent([100, ...loss(1)]);
  assert.ok(high < 2 && low > 0, `${low} ${high}`);
  const few = extent([1.2, 348, 7.9, 5, 3, 2, 1.5, 1.4, 1.3, 1.3]);
  assert.ok(few.high < 15 && few.low < 1.5, "also of few points");
  assert.equal(extent([1, 2, 3, 300]).high, 300, "of a handful each may be true");
  const distances = [900, 700, 690, 680, 675, 670, 668, 667, 300];
  assert.ok(extent(distances).low > 600);
  assert.equal(extent(distances, "lower").low, 300, "a last value that is the best");
  assert.ok(extent([...distances, 9000], "lower").high < 2000);
});

test("curves of one value or none have a range", () => {
  assert.deepEqual(valueRange([], 1, false), { range: [0, 1], outside: [] });
  assert.deepEqual(valueRange([[]], 1, true), { range: [-1, 1], outside: [] });
  const { range } = valueRange([[3]], undefined, false);
  assert.ok(range[0] < 3 && 3 < range[1]);
});

test("a declared range is shown whole unless a value is beyond", () => {
  assert.deepEqual(wholeRange([0, 1], [[0.2], [0.9]]).range, [-0.02, 1.02]);
  assert.equal(wholeRange([0, 1], [[0.2], [1.1]]), null);
  assert.equal(wholeRange(null, [[0.2]]), null);
});

test("bands get room, and very long ones no more than lines can spare", () => {
  assert.deepEqual(widened([0, 2], [0.5, 2.5]), [0, 2.5]);
  assert.deepEqual(widened([0, 2], [-1e9, 1e9]), [-1, 3]);
  assert.deepEqual(widened([0, 2], []), [0, 2]);
});

test("there may be more curves than a function takes arguments", () => {
  const { range, outside } = valueRange(Array(300_000).fill([1, 2]), undefined, false);
  assert.ok(range[0] < 1 && range[1] > 2 && outside.length === 0);
});
