// @ts-check
// Saving a chart as an image that can stand alone: with a title, units and a legend.

import { themeColor } from "./layout.js";

// Buttons of the chart's toolbar.
export function saveButtons(chart) {
  const button = (format) => ({
    name: `Save as ${format.toUpperCase()}`,
    icon: Plotly.Icons[format === "svg" ? "disk" : "camera"],
    click: () => Plotly.downloadImage(figureOf(chart), { ...imageOptions(format), filename: chart.metric.metric }),
  });
  return [button("svg"), button("png")];
}

export function imageOptions(format) {
  return { format, width: 900, height: 520, scale: format === "png" ? 2 : 1 };
}

// The chart as Plotly's data and layout, with what the page shows around it.
export function figureOf(chart) {
  const { metric, curves, plot } = chart;
  const surface = themeColor("--surface");
  const named = plot.data.filter(({ name, showlegend }) => name && showlegend !== false);
  const titled = (axis, text) => ({ ...axis, title: { ...axis.title, text } });
  const isGrouped = curves.grouped && !metric.once;
  const lines = isGrouped ? `, ${{ median: "median and middle half", mean: "mean and standard deviation" }[curves.grouped]}` : "";
  return {
    data: plot.data.map((trace) => ({ ...trace, showlegend: named.includes(trace) && trace.x.length > 0 })),
    layout: {
      ...plot.layout,
      title: { text: `${metric.title} · ${curves.state.sweep.name}`, x: 0.02, xanchor: "left", font: { size: 17 } },
      margin: { l: 76, r: 20, t: 54, b: 60 },
      paper_bgcolor: surface,
      plot_bgcolor: surface,
      showlegend: named.length <= 30,
      legend: { title: { text: curves.colors.title + lines } },
      yaxis: titled(plot.layout.yaxis, metric.unit ? `${metric.title} (${metric.unit})` : metric.title),
    },
  };
}
