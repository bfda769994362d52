import assert from "node:assert/strict";
import { test } from "node:test";
import { arrange, dimensionsOf, firstChoice } from "../../assets/arrange.js";

// A sweep whose runs have these values on each axis, and these seeds.
function sweepOf(names, runs, seeds = runs.map(() => 1)) {
  const axes = names.map((short, axis) => ({
    short,
    values: [...new Set(runs.map((values) => values[axis]).filter((value) => value !== null))].map((value) => ({ text: String(value) })),
  }));
  const place = (value, axis) => (value === null ? null : axes[axis].values.findIndex(({ text }) => text === String(value)));
  return { axes, runs: runs.map((values, run) => ({ values: values.map(place), seed: seeds[run] })) };
}
const titles = (sweep) => dimensionsOf(sweep).map(({ title }) => title);

test("keys that vary together are one, with both values as labels", () => {
  const sweep = sweepOf(["lr", "hidden"], [[1, 64], [2, 128], [1, 64]], [1, 1, 2]);
  const [both, seed] = dimensionsOf(sweep);
  assert.deepEqual([both.title, both.labels, both.places], ["lr · hidden", ["1 · 64", "2 · 128"], [0, 1, 0]]);
  assert.deepEqual([seed.title, seed.places], ["seed", [0, 0, 1]]);
});

test("a key that another one decides is no dimension of its own", () => {
  // The second is a function of the first; the third varies freely.
  const runs = [["sgd", 0.9, 1], ["sgd", 0.9, 2], ["adam", null, 1], ["adam", null, 2]];
  const sweep = sweepOf(["kind", "momentum", "lr"], runs);
  assert.deepEqual(titles(sweep), ["kind", "lr"]);
  const three = [["a", "x", 1], ["b", "x", 1], ["c", "y", 1], ["a", "x", 2], ["b", "x", 2], ["c", "y", 2]];
  assert.deepEqual(titles(sweepOf(["kind", "class", "lr"], three)), ["kind · class", "lr"]);
});

test("keys of a grid are dimensions each", () => {
  const runs = [1, 2].flatMap((a) => [3, 4].flatMap((b) => [5, 6].map((c) => [a, b, c])));
  assert.deepEqual(titles(sweepOf(["a", "b", "c"], runs)), ["a", "b", "c"]);
});

test("the longer of two keys goes downwards, and a slider's place leaves out the others' runs", () => {
  const runs = [1, 2].flatMap((a) => [1, 2, 3, 4].flatMap((b) => [1, 2, 3].map((c) => [a, b, c])));
  const sweep = sweepOf(["a", "b", "c"], runs);
  const dimensions = dimensionsOf(sweep);
  const { rows, columns } = firstChoice(dimensions, runs.length);
  assert.deepEqual([rows.title, columns.title], ["b", "c"]);
  const { cells } = arrange(runs.length, rows, columns, [{ dimension: dimensions[0], place: 1 }]);
  assert.equal(cells.flat().length, 12);
  assert.deepEqual(cells.flat().flat().map((run) => runs[run][0]), Array(12).fill(2));
});

test("a random search is no matrix", () => {
  const runs = [[1, 10], [2, 30], [3, 20], [4, 50], [5, 40]];
  const loose = [[1, 10], [2, 30], [3, 20], [4, 50], [5, 50]];
  assert.equal(firstChoice(dimensionsOf(sweepOf(["a", "b"], runs)), 5), null);
  assert.equal(firstChoice(dimensionsOf(sweepOf(["a", "b"], loose)), 5), null);
});

test("runs to which a key does not apply come last, whichever place its slider has", () => {
  const sweep = sweepOf(["kind", "weight"], [["none", null], ["r1", 1], ["r1", 10], ["r2", 1], ["r2", 10]]);
  const [kind, weight] = dimensionsOf(sweep);
  assert.deepEqual([weight.labels, weight.places], [["1", "10", "none"], [2, 0, 1, 0, 1]]);
  assert.equal(arrange(5, kind, weight, []).cells.flat().flat().length, 5);
  assert.deepEqual(arrange(5, kind, null, [{ dimension: weight, place: 1 }]).cells, [[[0]], [[2]], [[4]]]);
});
