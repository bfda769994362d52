// Numbers of several runs, and tables as text.

import assert from "node:assert/strict";
import { test } from "node:test";

import { estimate, spread, spreadText, tableText } from "../../assets/summary.js";

test("a spread is the mean and the sample standard deviation of the finite values", () => {
  // numpy.std([1, 2, 4], ddof=1) == 1.5275252316519468
  const { mean, deviation, count } = spread([1, NaN, 2, 4, Infinity]);
  assert.ok(Math.abs(mean - 7 / 3) < 1e-15 && Math.abs(deviation - 1.5275252316519468) < 1e-15 && count === 3);
  assert.equal(spreadText(spread([1, 2, 4]), 3), "2.333 ± 1.528");
  assert.equal(spreadText(spread([2]), 1), "2.0");
  assert.equal(spread([NaN]), null);
  assert.equal(spreadText(null), "");
});

const ROWS = [
  ["lr", "D loss"],
  ["2e-4", "1.2 ± 0.1"],
  ['a,"b"|c', "50 % & $x_1$ \\ {~^}"],
];

test("tables are copied with every cell as it is", () => {
  assert.equal(tableText(ROWS, "csv"), 'lr,D loss\n2e-4,1.2 ± 0.1\n"a,""b""|c",50 % & $x_1$ \\ {~^}\n');
  const markdown = tableText(ROWS, "markdown").split("\n");
  assert.deepEqual(markdown.slice(0, 3), ["| lr | D loss |", "| --- | --- |", "| 2e-4 | 1.2 ± 0.1 |"]);
  assert.equal(markdown[3], String.raw`| a,"b"\|c | 50 % & $x_1$ \\ {~^} |`);
  const latex = tableText(ROWS, "latex").split("\n");
  assert.deepEqual(latex.slice(0, 3), [String.raw`\begin{tabular}{ll}`, String.raw`\hline`, String.raw`lr & D loss \\`]);
  assert.equal(latex[4], String.raw`2e-4 & 1.2 $\pm$ 0.1 \\`);
  assert.equal(
    latex[5],
    String.raw`a,"b"|c & 50 \% \& \$x\_1\$ \textbackslash{} \{\textasciitilde{}\textasciicircum{}\} \\`,
  );
});

test("an estimate is a mean with half of its interval", () => {
  // scipy.stats.t.ppf(0.975, 2) * numpy.std([1, 2, 4], ddof=1) / 3 ** 0.5
  const quantiles = [12.706205, 4.302653];
  const { mean, half, count } = estimate([1, 2, NaN, 4], quantiles);
  assert.equal(count, 3);
  assert.ok(Math.abs(mean - 7 / 3) < 1e-12 && Math.abs(half - 3.794583) < 1e-5, `${half}`);
  assert.ok(Number.isNaN(estimate([1], quantiles).half) && estimate([], quantiles).count === 0);
  assert.ok(estimate([1, 2, 3, 4, 5], quantiles).half > 0);
});
