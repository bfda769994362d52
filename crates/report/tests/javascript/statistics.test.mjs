// Permutation tests and Holm's correction against scipy's values, which the program is tested against too.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { bounds, differencesFrom, holm, median, signFlip, twoSample } from "../../assets/statistics.js";

const golden = JSON.parse(readFileSync(new URL("../../../../tests/golden/statistics.json", import.meta.url), "utf8"));
const near = (actual, expected, what) => assert.ok(Math.abs(actual - expected) < 1e-12, `${what}: ${actual} instead of ${expected}`);

test("two samples are tested as scipy tests them", () => {
  const cases = Object.entries(golden.two_sample);
  assert.ok(cases.length >= 8);
  for (const [name, { a, b, p }] of cases) near(twoSample(a, b), p, name);
});

test("so are paired differences", () => {
  const cases = Object.entries(golden.sign_flip);
  assert.ok(cases.length >= 7);
  for (const [name, { differences, p }] of cases) near(signFlip(differences), p, name);
});

test("p-values are corrected as statsmodels corrects them", () => {
  for (const { p, adjusted } of golden.holm) holm(p).forEach((value, place) => near(value, adjusted[place], p.join()));
});

test("too many arrangements have no p-value here", () => {
  const many = Array.from({ length: 30 }, (_, place) => place);
  assert.equal(signFlip(many), null);
  assert.equal(twoSample(many, many), null);
});

test("differences are of pairs, with Student's interval", () => {
  const base = new Map([[1, 1], [2, 2], [3, 4]]);
  const group = new Map([[1, 2], [2, 5], [3, 5], [9, 100]]);
  const [{ mean, half, pairs, p }] = differencesFrom(base, [group], [12.7062, 4.30265, 3.18245]);
  // The differences are 1, 3, 1: their mean is 5/3, and their deviation 2/sqrt(3).
  near(mean, 5 / 3, "mean");
  near(half, (4.30265 * 2) / 3, "half");
  // Three pairs cannot reject, so that all seven values are divided: those of the group are the largest but for a tie.
  assert.equal(pairs, 3);
  near(p, twoSample([2, 5, 5, 100], [1, 2, 4]), "p");
});

test("a median is the middle value, or the mean of the two in the middle", () => {
  assert.equal(median([10, 9, 100]), 10);
  assert.equal(median([4, 1, 3, 2]), 2.5);
});

test("bounds and tests take more values than a function takes arguments", () => {
  const many = Array.from({ length: 300_000 }, (_, place) => (place * 7919) % 300_007);
  assert.deepEqual(bounds(many), [0, 300_006]);
  assert.deepEqual(bounds([]), [Infinity, -Infinity]);
  assert.ok(twoSample([1e6], many) < 1e-5);
});
