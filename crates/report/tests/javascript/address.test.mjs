// The reader's choices in the address.

import assert from "node:assert/strict";
import { mock, test } from "node:test";

globalThis.document = { getElementById: () => ({ textContent: '{"sweeps":[]}' }) };
globalThis.location = { hash: "", pathname: "/page.html", search: "" };
globalThis.history = { replaceState: (_, __, address) => (location.hash = address.startsWith("#") ? address : "") };
const { addressed, keepAddress, restore } = await import("../../assets/address.js");
const { State } = await import("../../assets/state.js");

// A view without controls, of runs with these labels.
const root = { querySelector: () => null, querySelectorAll: () => [], addEventListener() {} };
const labels = ["lr=1 seed=0", "lr=1 seed=1", "lr=2 a&b"];
const sweep = /** @type {any} */ ({
  runs: labels.map((label, place) => ({ id: `${place}`, label, state: "completed", values: [] })),
  axes: [],
  columns: [],
  charts: [],
  findings: { objective: { metric: "fd" } },
  configuration: { differing: [] },
  samples: { epochs: [] },
});
const BY_RATE = { key: "axis:0", groups: [{ title: "1", runs: [0, 1] }, { title: "a&b", runs: [2] }] };
const BY_SEED = { key: "seed", groups: [{ title: "1", runs: [1] }] };

function opened(colors) {
  const state = new State(sweep);
  restore(root, state, colors, addressed());
  return state;
}

test("what the legend hides stays hidden in a copied address, with the same colours alone", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const state = new State(sweep);
  keepAddress(root, state, BY_RATE);
  state.toggleHidden([2]);
  mock.timers.tick(200);
  assert.equal(location.hash, "#color=axis%3A0&hidden=a%26b");
  assert.deepEqual(opened(BY_RATE).visible, [true, true, false]);
  state.toggleHidden([0, 1]);
  mock.timers.tick(200);
  assert.deepEqual(opened(BY_RATE).visible, [false, false, false]);
  assert.deepEqual(opened(BY_SEED).visible, [true, true, true], "a group of that name is of other runs");
  state.toggleHidden([0, 1, 2]);
  mock.timers.tick(200);
  assert.equal(location.hash, "");
  mock.timers.reset();
});
