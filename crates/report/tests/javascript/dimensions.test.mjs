// Axes of the charts of the space, and brushes as words of the filter.

import assert from "node:assert/strict";
import { test } from "node:test";

import { conditionsOn, groupsOf, isWide, metricsOf, tiedAxes, tiedTexts, withConditions } from "../../assets/dimensions.js";

test("a brush replaces the conditions on its key and leaves other words alone", () => {
  const filter = withConditions('seed=1 "two words" !diverged', "lr", [">=1e-4", "<=2e-3"]);
  assert.equal(filter, 'seed=1 "two words" !diverged lr>=1e-4 lr<=2e-3');
  assert.deepEqual(conditionsOn(filter, "lr"), { from: 1e-4, to: 2e-3, values: null });
  assert.equal(withConditions(filter, "lr", ["=1e-3"]), 'seed=1 "two words" !diverged lr=1e-3');
  assert.equal(withConditions(filter, "lr", []), 'seed=1 "two words" !diverged');
  assert.equal(withConditions("lr>1e-3", "lr", []), "lr>1e-3", "a condition that was typed stays");
  assert.deepEqual(conditionsOn('loss=hinge,"a b"', "loss").values, ["hinge", "a b"]);
  assert.equal(conditionsOn("lrx>=1", "lr"), null);
});

test("the objective comes first, and says when it was measured", () => {
  const columns = ["g_loss", "fd"].map((metric) => ({ metric, title: metric, mean_decimals: 1 }));
  const runs = [{ value: 7, last_values: [{ value: 1 }, { value: 5 }], seconds: { value: 2 } }];
  const [first, second] = metricsOf({ runs, columns, findings: { objective: { metric: "fd", after: "3 epochs" } } });
  assert.deepEqual([first.title, first.value(0)], ["fd after 3 epochs", 7]);
  assert.deepEqual([second.title, second.value(0)], ["g_loss", 1]);
});

test("too many numbers are put into groups of about equally many values", () => {
  const numbers = Array.from({ length: 10 }, (_, place) => place / 3);
  const groups = groupsOf({ texts: numbers.map(String), numbers }, 3);
  assert.deepEqual(groups.map(({ text }) => text), ["0 to 0.667", "1 to 2", "2.33 to 3"]);
  assert.deepEqual(groups.map(({ places }) => places.size), [3, 4, 3]);
  const few = groupsOf({ texts: ["a", "b"], numbers: null }, 3);
  assert.deepEqual(few.map(({ text }) => text), ["a", "b"]);
});

test("numbers of several sizes are read on a logarithmic axis", () => {
  assert.equal(isWide([1e-4, NaN, 1e-2]), true);
  assert.equal(isWide([1, 2, 3]), false);
  assert.equal(isWide([0, 1e-4, 1]), false);
  assert.equal(isWide([]), false);
  assert.equal(isWide(Array.from({ length: 300_000 }, (_, place) => place + 1)), true, "of many runs, too");
});

test("of axes that vary together, as many as tell their values apart", () => {
  const axis = (key, ...texts) => ({ key, values: texts.map((text) => ({ text })) });
  const axes = [axis("lr", "1", "2"), axis("loss", "hinge", "ns"), axis("penalty", "r1"), axis("weight", "1", "5")];
  // The two runs without a penalty have no value of it, nor a weight.
  const runs = [[0, 0, null, null], [0, 1, null, null], [1, 1, 0, 0]].map((values) => ({ values }));
  const sweep = (...keys) => ({ axes, runs, findings: { effects: [{ keys: ["lr"] }, { keys }] } });
  const tied = tiedAxes(sweep("loss", "penalty", "weight"), 8);
  assert.deepEqual(tied, [1, 2]);
  assert.deepEqual(tiedTexts(sweep(), tied), ["hinge, none", "ns, none", "ns, r1"]);
  assert.deepEqual(tiedAxes(sweep("loss", "penalty", "weight"), 2), [], "too many for names in colours");
  assert.deepEqual(tiedAxes(sweep("loss"), 8), [], "one key is enough");
});
