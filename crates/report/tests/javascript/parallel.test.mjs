// What a brush along an axis of parallel coordinates asks of the filter.

import assert from "node:assert/strict";
import { test } from "node:test";

import { axisOfMetric } from "../../assets/parallel.js";
import { conditionsOn, withConditions } from "../../assets/dimensions.js";
import { parseQuery } from "../../assets/query.js";

const VALUES = [12.345678, 13.9, 17.123456, 19.87654321];
const value = (run) => VALUES[run] ?? NaN;
const axis = axisOfMetric({ name: "fd", title: "FD", value }, VALUES.length);

function selected(from, to, of = value) {
  const filter = withConditions("", "fd", axis.conditions(from, to));
  const { matches } = parseQuery(filter, [{ names: ["fd"], value: of }], () => "");
  return VALUES.flatMap((_, run) => (matches(run) ? [run] : []));
}

test("a brush over a whole axis leaves out no run", () => {
  assert.deepEqual(axis.conditions(0, 1), []);
  assert.deepEqual(axis.conditions(0.004, 0.996), [], "as near as a hand comes");
  assert.deepEqual(selected(0, 1), [0, 1, 2, 3]);
});

test("a brush to an end of an axis has one limit", () => {
  assert.deepEqual(axis.conditions(0, 0.5), ["<=16.12"]);
  assert.deepEqual(axis.conditions(0.5, 1), [">=16.11"]);
  assert.deepEqual([selected(0, 0.5), selected(0.5, 1)], [[0, 1], [2, 3]]);
});

test("a brush from run to run has both", () => {
  const places = [1, 2].map((run) => axis.place(run));
  assert.deepEqual(selected(...places), [1, 2]);
  const negative = axisOfMetric({ name: "x", title: "x", value: (run) => -VALUES[run] }, VALUES.length);
  const [from, to] = [2, 1].map((run) => negative.place(run));
  const filter = withConditions("", "x", negative.conditions(from, to));
  const { from: low, to: high } = conditionsOn(filter, "x") ?? {};
  assert.ok(low <= -17.123456 && high >= -13.9, filter);
});
