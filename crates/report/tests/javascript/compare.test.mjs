// What the table of pinned runs shows of their settings.

import assert from "node:assert/strict";
import { test } from "node:test";

import { differences } from "../../assets/compare.js";

const layers = [
  { text: "linear 9", is_in: [true, true, true] },
  { text: "relu", is_in: [false, true, false] },
  { text: "dropout 0.5", is_in: [false, false, true] },
];
const differing = [
  { keys: ["model.generator.layers"], values: [{ text: "linear 9" }, { text: "linear 9, relu" }, { text: "…" }], by_config: [0, 1, 2], layers },
  { keys: ["optimizer.lr"], values: [{ text: "1e-4" }], by_config: [0, 0, 0] },
];
const configs = [0, 1, 2].map((config) => ({ runs: [2 * config, 2 * config + 1] }));
const runs = [0, 1, 0, 1, 0, 1].map((seed) => ({ seed }));
const sweep = /** @type {any} */ ({ runs, configuration: { configs, differing } });
const rows = (pinned) => differences(sweep, pinned).map(({ name, texts }) => [name, ...texts]);

test("lists of layers have a row for each layer that one of the runs has", () => {
  assert.deepEqual(rows([0, 2]), [
    ["model.generator.layers", "linear 9", "linear 9"],
    ["", "", "relu"],
  ]);
});

test("equal lists are not shown", () => {
  assert.deepEqual(rows([2, 3]), [["seed", "0", "1"]]);
});
