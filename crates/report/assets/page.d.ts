// Types of the page's scripts. `context.d.ts` has those of the data as the program writes it.

import type * as Data from "./context";

// Points of a run, unpacked when they are first read.
export interface Points {
  steps: number[];
  values: number[];
}

export type Run = Omit<Data.Run, "series" | "x_axes"> & {
  series: Points[];
  // `step` has no entry.
  x_axes: Record<string, Points>;
};

export type Sweep = Omit<Data.Sweep, "runs"> & { runs: Run[] };

export type Report = Omit<Data.Context, "sweeps"> & { sweeps: Sweep[] };

// A row of the table of configs over its visible runs.
export interface ConfigNumbers {
  runs: number;
  of: number;
  count: number;
  mean: number;
  half: number;
  difference: number;
  p: number;
  results: ({ mean: number; deviation: number | null; count: number } | null)[];
  failures: number;
  collapsed: number;
  rank?: number;
}

// The middle of a group of runs on a chart, with a band around it.
export interface GroupCurve {
  kind: "median" | "mean";
  // Curves that it covers, and those that have points.
  count: number;
  of: number;
  x: number[];
  y: number[];
  low: number[];
  high: number[];
}

declare global {
  // It is loaded when the first chart comes into view, and has types of its own that are larger than this page's scripts.
  const Plotly: any;
  // Which kind of element a selector finds, the templates decide; the tests in a browser check that it is there.
  interface ParentNode {
    querySelector(selectors: string): any;
    querySelectorAll(selectors: string): NodeListOf<any>;
  }
  interface Document {
    getElementById(id: string): any;
  }
  interface Element {
    closest(selectors: string): any;
  }
  interface HTMLElement {
    // Columns that the reader has taken away.
    hiddenColumns?: Set<number>;
  }
}
