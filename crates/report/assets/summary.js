// Numbers of several runs, as the table of configs shows them, and tables as text.

import { format } from "./range.js";

// Mean and sample standard deviation of the finite values: `{ mean, deviation, count }`, or null.
export function spread(values) {
  const known = values.filter(Number.isFinite);
  if (known.length === 0) return null;
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  const squares = known.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: known.length > 1 ? Math.sqrt(squares / (known.length - 1)) : null, count: known.length };
}

export function spreadText(result) {
  if (!result) return "";
  const { mean, deviation } = result;
  return deviation === null ? format(mean) : `${format(mean)} ± ${format(Number(deviation.toPrecision(2)))}`;
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
