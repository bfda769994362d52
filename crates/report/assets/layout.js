// @ts-check
// The Plotly layout of a chart: axes, colours, fonts, reference line.

import { bounds } from "./statistics.js";

export const MARGIN = { l: 54, r: 16, t: 10, b: 40 };
export const X_TITLES = {
  step: "steps",
  epoch: "epochs",
  images_seen: "images seen",
  seconds: "seconds of training",
};

// The current value of a CSS variable.
export function themeColor(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// Ranges are copied because Plotly changes them in place when the user zooms.
/** @param {import("./curves.js").Curves} curves */
export function chartLayout(metric, curves, range, width) {
  const { x, log, zoom } = curves;
  const columns = metric.once ? columnTicks(curves.colors.groups, width - MARGIN.l - MARGIN.r) : null;
  const muted = themeColor("--muted");
  const axis = {
    gridcolor: themeColor("--plot-grid"),
    linecolor: themeColor("--line"),
    zeroline: false,
    tickfont: { size: 11.5, color: muted },
  };
  return {
    margin: MARGIN,
    showlegend: false,
    hovermode: "closest",
    hoverdistance: 24,
    // A finger scrolls the page; two fingers zoom.
    dragmode: metric.once || matchMedia("(pointer: coarse)").matches ? false : "zoom",
    paper_bgcolor: "transparent",
    plot_bgcolor: "transparent",
    font: { family: themeColor("--text"), color: themeColor("--ink") },
    modebar: { bgcolor: "transparent", color: muted, activecolor: themeColor("--accent") },
    xaxis: {
      ...axis,
      title: { text: metric.once ? curves.colors.title : X_TITLES[x], standoff: 6, font: { size: 12, color: muted } },
      ...(columns
        ? { ...columns, range: [...range.x], showgrid: false }
        : { range: [...(zoom ?? range.x)], tickformat: x === "epoch" ? "" : "~s" }),
    },
    yaxis: {
      ...axis,
      range: [...range.y],
      type: log ? "log" : "linear",
      tickformat: log ? "~g" : numberFormat(range.y),
      nticks: metric.once ? 5 : 7,
    },
    shapes: metric.reference ? [referenceLine(metric.reference.value, muted)] : [],
  };
}

// How numbers on a linear axis are written. By itself Plotly gives all of them the exponent of the largest: 0.2×10⁷.
export function numberFormat(levels) {
  const [, largest] = bounds(levels.map(Math.abs));
  return largest >= 1e4 || largest < 1e-3 ? "~g" : "";
}

// The names of the columns of a chart of single values, where there is room for them. The legend has them anyway.
function columnTicks(groups, width) {
  const titles = groups.map(({ title }) => title);
  const [, longest] = bounds(titles.map((title) => title.length));
  const isRoom = (longest + 1.5) * 6.2 * titles.length <= width;
  return { tickvals: titles.map((_, column) => column), ticktext: titles, tickangle: 0, showticklabels: isRoom };
}

// Gives a chart the size of its element at once, where there is no time to wait until Plotly notices a change.
export function fillElement(layout, element) {
  Object.assign(layout, { width: element.clientWidth, height: element.clientHeight, autosize: false });
}

function referenceLine(y, color) {
  const line = { dash: "dash", width: 1.5, color };
  return { type: "line", xref: "paper", x0: 0, x1: 1, y0: y, y1: y, line, layer: "below" };
}
