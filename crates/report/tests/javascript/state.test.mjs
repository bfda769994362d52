// What the filter may compare.

import assert from "node:assert/strict";
import { test } from "node:test";

import { State } from "../../assets/state.js";

const run = (place, value, fd, modes) => ({
  id: `${place}`,
  label: `lr=${place}`,
  seed: 1,
  state: "completed",
  values: [place],
  value,
  last_values: [fd === null ? null : { value: fd }, { value: 1 }],
  seconds: { value: 1 },
  series: [{ values: modes }],
});

function sweepOf() {
  const runs = [run(0, 20, 20, [3, 8]), run(1, undefined, 15, [9, 2]), run(2, "NaN", "NaN", [])];
  const axes = [{ key: "optimizer.lr", short: "lr", values: [{ text: "0" }, { text: "1" }, { text: "2" }] }];
  const columns = [{ metric: "fd" }, { metric: "epoch_d_loss" }];
  const charts = [{ charts: ["modes", "d_loss", "lr"].map((metric) => ({ metric, series: 0 })) }];
  const findings = { objective: { metric: "fd" } };
  return /** @type {any} */ ({ runs, axes, columns, charts, findings, configuration: { differing: [] }, samples: { epochs: [1] } });
}

function visible(filter) {
  const state = new State(sweepOf());
  state.search(filter);
  assert.deepEqual(state.query.errors, []);
  return state.visible.flatMap((shown, place) => (shown ? [place] : []));
}

test("the objective is compared by the values that its axes have", () => {
  assert.deepEqual(visible("fd<=30"), [0], "a run that ended early has a last value that does not count");
  assert.deepEqual(visible("fd=none"), [1]);
  assert.deepEqual(visible("fd=nan"), [2]);
});

test("a metric that has a chart and no column is compared by its last value", () => {
  assert.deepEqual(visible("modes<=2"), [1]);
  assert.deepEqual(visible("modes=none"), [2]);
});

test("a chart takes no name from a key or a column", () => {
  assert.deepEqual(visible("lr=1"), [1]);
  assert.deepEqual(visible("d_loss=1"), [0, 1, 2]);
});
