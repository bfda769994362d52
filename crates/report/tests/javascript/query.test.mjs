// The language of the filter.

import assert from "node:assert/strict";
import { test } from "node:test";

import { findField, parseQuery, words } from "../../assets/query.js";

const RUNS = [
  { lr: "2e-4", hidden: "64x64", seed: 1, state: "completed", loss: 1.2, text: "lr=2e-4 seed=1 completed" },
  { lr: "1e-3", hidden: "256", seed: 12, state: "diverged", loss: NaN, text: "lr=1e-3 seed=12 diverged" },
  { lr: null, hidden: "256", seed: 2, state: "completed", loss: null, text: "seed=2 completed collapsed" },
];
const FIELDS = [
  { names: ["optimizer.lr", "lr"], value: (run) => RUNS[run].lr },
  { names: ["model.hidden", "hidden"], value: (run) => RUNS[run].hidden },
  { names: ["model.generator.slope"], value: () => "0" },
  { names: ["model.discriminator.slope"], value: () => "0.2" },
  { names: ["seed"], value: (run) => RUNS[run].seed },
  { names: ["state"], value: (run) => RUNS[run].state },
  { names: ["epoch_d_loss", "d_loss"], value: (run) => RUNS[run].loss },
];
const parse = (text) => parseQuery(text, FIELDS, (run) => RUNS[run].text);
const found = (text) => {
  const query = parse(text);
  assert.deepEqual(query.errors, []);
  return RUNS.flatMap((_, run) => (query.matches(run) ? [run] : []));
};

test("numbers are compared as numbers, however they are written", () => {
  for (const number of ["2e-4", "0.0002", "2E-04", ".0002"]) assert.deepEqual(found(`lr=${number}`), [0]);
  assert.deepEqual(found("seed=1"), [0]);
  assert.deepEqual(found("seed=1,2"), [0, 2]);
  assert.deepEqual(found("seed!=1"), [1, 2]);
  assert.deepEqual(found("lr>5e-4"), [1]);
  assert.deepEqual(found("lr<=1e-3"), [0, 1]);
});

test("texts are compared whole, and words are looked for", () => {
  assert.deepEqual(found("hidden=64x64"), [0]);
  assert.deepEqual(found("hidden=64"), []);
  assert.deepEqual(found("state=Completed"), [0, 2]);
  assert.deepEqual(found("comp"), [0, 2]);
  assert.deepEqual(found("!diverged seed=1,12"), [0]);
  assert.deepEqual(found("!state=diverged"), [0, 2]);
  assert.deepEqual(found('"seed=1 comp"'), [0]);
});

test("a run without a value fits no comparison", () => {
  assert.deepEqual(found("d_loss<2"), [0]);
  assert.deepEqual(found("d_loss=nan"), [1]);
  assert.deepEqual(found("lr=none"), [2]);
  assert.deepEqual(found("lr>0"), [0, 1]);
});

test("keys are called by their end or by their beginning where that is one key", () => {
  assert.equal(findField("hid", FIELDS).names[0], "model.hidden");
  assert.equal(findField("OPTIMIZER.LR", FIELDS).names[0], "optimizer.lr");
  assert.equal(findField("generator.slope", FIELDS).names[0], "model.generator.slope");
  assert.throws(() => findField("slope", FIELDS), /`slope` may be model.generator.slope or model.discriminator.slope/);
});

test("a word that means nothing is said and left out", () => {
  const query = parse("lrr=1 seed=2 lr>fast");
  assert.match(query.errors[0], /there is no key `lrr`: there are lr, hidden/);
  assert.match(query.errors[1], /`fast` is no number/);
  assert.deepEqual([0, 1, 2].filter(query.matches), [2]);
});

test("half a word hides nothing while it is typed", () => {
  for (const text of ["", " ", "!", "lr=", "lr>", '"', "seed!="]) assert.deepEqual(found(text), [0, 1, 2], text);
});

test("any text is parsed", () => {
  const signs = ["lr", "=", "<", ">", "!", '"', " ", "1", ",", "(", "\\", "\n", "é"];
  let seed = 1;
  for (let round = 0; round < 3000; round += 1) {
    let text = "";
    for (let place = 0; place < round % 9; place += 1) {
      seed = (seed * 48271) % 2147483647;
      text += signs[seed % signs.length];
    }
    const query = parse(text);
    for (const run of [0, 1, 2]) assert.equal(typeof query.matches(run), "boolean", text);
    assert.ok(words(text).every((word) => word !== ""));
  }
});
