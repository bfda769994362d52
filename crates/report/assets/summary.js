// @ts-check
// Numbers of several runs, as the table of configs shows them, and tables as text.

import { fixed } from "./numbers.js";

// Mean and sample standard deviation of the finite values: `{ mean, deviation, count }`, or null.
export function spread(values) {
  const known = values.filter(Number.isFinite);
  if (known.length === 0) return null;
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  const squares = known.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const deviation = known.length > 1 ? Math.sqrt(squares / (known.length - 1)) : null;
  // Equal values differ from their mean by rounding.
  const isRounding = deviation !== null && deviation < 1e-12 * Math.abs(mean);
  return { mean, deviation: isRounding ? 0 : deviation, count: known.length };
}

// Mean of the finite values and half of its 95 % interval: `{ mean, half, count }`; NaN for what there is none of.
// `quantiles` are those of Student's t with 1, 2, ... degrees of freedom; the last one stands for all larger ones.
export function estimate(values, quantiles) {
  const result = spread(values);
  if (!result) return { mean: NaN, half: NaN, count: 0 };
  const { mean, deviation, count } = result;
  const quantile = quantiles[Math.min(count - 1, quantiles.length) - 1];
  return { mean, half: deviation === null ? NaN : (quantile * deviation) / Math.sqrt(count), count };
}

export function spreadText(result, decimals) {
  if (!result) return "";
  const { mean, deviation } = result;
  return deviation === null ? fixed(mean, decimals) : `${fixed(mean, decimals)} ± ${fixed(deviation, decimals)}`;
}

// A table, its headings first, as text in a format: `csv`, `markdown` or `latex`.
export function tableText(rows, kind) {
  return { csv, markdown, latex }[kind](rows);
}

function csv(rows) {
  const cell = (text) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return rows.map((row) => `${row.map(cell).join(",")}\n`).join("");
}

function markdown([head, ...body]) {
  const cell = (text) => text.replaceAll("\\", "\\\\").replaceAll("|", "\\|").replaceAll("\n", " ");
  const line = (row) => `| ${row.map(cell).join(" | ")} |\n`;
  return line(head) + line(head.map(() => "---")) + body.map(line).join("");
}

function latex([head, ...body]) {
  const named = { "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "±": "$\\pm$" };
  const cell = (text) => text.replace(/[\\~^±&%$#_{}]/g, (c) => named[c] ?? `\\${c}`).replaceAll("\n", " ");
  const line = (row) => `${row.map(cell).join(" & ")} \\\\\n`;
  const rows = `${line(head)}\\hline\n${body.map(line).join("")}`;
  return `\\begin{tabular}{${"l".repeat(head.length)}}\n\\hline\n${rows}\\hline\n\\end{tabular}\n`;
}
