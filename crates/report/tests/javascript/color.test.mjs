// Groups of runs that share a colour.

import assert from "node:assert/strict";
import { test } from "node:test";

// A light page.
globalThis.matchMedia = () => ({ matches: false });
globalThis.document = { documentElement: { dataset: {} } };
const { CELLS, colorGroups, ramp } = await import("../../assets/color.js");

const AXES = [
  { key: "lr", numeric: true, values: [{ text: "1" }, { text: "2" }, { text: "3" }] },
  { key: "loss", numeric: false, values: [{ text: "hinge" }, { text: "ns" }] },
  { key: "penalty", numeric: false, values: [{ text: "r1" }] },
];
const RUNS = [
  { values: [2, 0, null], seed: 7, state: "completed", label: "a" },
  { values: [0, 0, 0], seed: 1, state: "diverged", label: "b" },
  { values: [2, 1, 0], seed: 7, state: "completed", label: "c" },
];
const SWEEP = { axes: AXES, runs: RUNS, seeds: [1, 7], findings: { effects: [{ keys: ["loss", "penalty"] }] } };
const grouped = (key) => colorGroups(SWEEP, key).map(({ title, runs }) => [title, runs]);

test("runs are grouped by what colours them, and groups without a run are left out", () => {
  assert.deepEqual(grouped("axis:0"), [["1", [1]], ["3", [0, 2]]]);
  assert.deepEqual(grouped("axis:2"), [["r1", [1, 2]], ["none", [0]]]);
  assert.deepEqual(grouped("seed"), [["1", [1]], ["7", [0, 2]]]);
  assert.deepEqual(grouped("state"), [["completed", [0, 2]], ["diverged", [1]]]);
  assert.deepEqual(grouped("tied"), [["hinge, none", [0]], ["hinge, r1", [1]], ["ns, r1", [2]]]);
  assert.deepEqual(grouped("run"), [["a", [0]], ["b", [1]], ["c", [2]]]);
  const colors = colorGroups(SWEEP, "axis:0").map(({ color }) => color);
  assert.equal(new Set(colors).size, 2, "a group that is left out keeps its place among the colours");
});

// The ratio of two colours' luminances as WCAG 2.1 defines it; each colour is its red, green and blue from 0 to 255.
function contrast(one, other) {
  const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  const luminance = (color) => {
    const [red, green, blue] = color.map((part) => linear(part / 255));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

test("lines of ordered numbers can be told from the surface of either scheme", () => {
  const { dataset } = document.documentElement;
  // `--surface` of `base.css` and `dark.css`.
  for (const [theme, surface] of [["light", [255, 255, 255]], ["dark", [22, 25, 31]]]) {
    dataset.theme = theme;
    const parts = (color) => color.match(/\d+/g).map(Number);
    for (const at of [0, 0.5, 1]) {
      const measured = contrast(parts(ramp(at)), surface);
      assert.ok(measured >= 3, `${measured} at ${at}, ${theme}`);
    }
    assert.notEqual(ramp(0) + ramp(1), ramp(0, CELLS) + ramp(1, CELLS), "cells keep more of the ramp");
  }
  delete dataset.theme;
});

test("each run is looked at once, however many groups there are", () => {
  const seeds = Array.from({ length: 500 }, (_, place) => place);
  let looks = 0;
  const runs = seeds.map((seed) => ({
    get seed() {
      looks += 1;
      return seed;
    },
  }));
  assert.equal(colorGroups({ axes: [], runs, seeds }, "seed").length, 500);
  assert.equal(looks, 500);
});
