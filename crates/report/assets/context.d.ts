// The page's data as the program writes it. Made by the tests from the Rust types: UPDATE_DOCS=1 writes it.

/** A measured number. */
export type Measured = number | "NaN" | "Infinity" | "-Infinity";

/** Points of a run, packed; `lazySeries` unpacks them. */
export interface Series {
  steps: number[] | string;
  values: string;
}

/** Charts that belong together. */
export interface ChartGroup {
  /** The heading. */
  title: string;
  /** How to read the charts. */
  hint: string;
  /** The charts. */
  charts: Chart[];
}

/** The chart of one metric: one line per run. */
export interface Chart {
  /** The metric's name in the database. */
  metric: string;
  /** The heading. */
  title: string;
  /** The unit; empty for a pure number. */
  unit: string;
  /** A tooltip that explains the metric. */
  help: string;
  /** Index into [`Run::series`](super::Run::series). */
  series: number;
  /** Whether no run has more than one value, so that there is no curve: the page draws dots in columns by colour. */
  once?: boolean;
  /** Which way the metric is better, if it ranks runs. */
  better?: Direction;
  /** The smallest and the largest possible value if both exist; the chart then shows the whole range. */
  range: [Measured, Measured] | null;
  /** Why the runs' curves must not be compared by value. */
  incomparable?: string;
  /** A value to compare with, drawn as a dashed line. */
  reference: ReferenceLine | null;
}

/** A value to compare with: for losses and scores, that of a discriminator that cannot tell real from fake. */
export interface ReferenceLine {
  /** The y value. */
  value: Measured;
  /** The label. */
  text: string;
}

/** Maps steps of one run to the other x axes, by linear interpolation between the entries. */
export interface XAxes {
  /** Completed epochs, with a fraction. */
  epoch: Series;
  /** Real images that the discriminator has seen. */
  images_seen: Series;
  /** Seconds of training. */
  seconds: Series;
}

/** Shared and differing settings of a sweep's runs. */
export interface Configuration {
  /** The distinct configs, without seeds, in plan order. */
  configs: ConfigRuns[];
  /** Keys whose value is not the same in all runs. */
  differing: Differing[];
  /** Keys with the same value in all runs, by section. */
  shared: Section[];
}

/** A config and the runs that have it. */
export interface ConfigRuns {
  /** The swept keys that differ between configs and their values, those with the most values first: `lr=1e-4 hidden=128`; empty where nothing is swept. */
  label: string;
  /** Indices of its runs. */
  runs: number[];
  /** Number of its runs that failed or diverged. */
  failures: number;
  /** Number of its runs with signs of collapse. */
  collapsed: number;
  /** How it did by the sweep's objective; `None` if no run has a value. */
  standing?: Standing;
  /** For each metric column of the run table, its values over the runs that did not fail or diverge. */
  results: (Spread | null)[];
}

/** A metric over the runs of a config. */
export interface Spread {
  /** The mean. */
  mean: Measured;
  /** The sample standard deviation; `None` for one run. */
  deviation: Measured | null;
  /** Number of runs with a finite value. */
  runs: number;
  /** As displayed: `1.06 ± 0.02`. */
  text: string;
}

/** Keys whose values differ between runs in the same way, and so share a table row. */
export interface Differing {
  /** The keys. */
  keys: string[];
  /** The distinct values. */
  values: ValueRuns[];
  /** For each config, the index of its value. */
  by_config: number[];
  /** Of lists of layers, the layers, those that several lists have in common in one row; empty for other values. */
  layers?: LayerRow[];
}

/** A row of lists of layers that are shown beside each other. */
export interface LayerRow {
  /** The layer, as displayed. */
  text: string;
  /** For each value of the key, whether it has the layer there. */
  is_in: boolean[];
}

/** A value and the runs that have it. */
export interface ValueRuns {
  /** As displayed. */
  text: string;
  /** The name of a list of layers in the sweep. */
  name?: string;
  /** Indices of the runs that have it. */
  runs: number[];
}

/** Keys of one section: `model`, `optimizer`, ... */
export interface Section {
  /** The section's name. */
  name: string;
  /** Its keys. */
  settings: Setting[];
}

/** A key and its value. */
export interface Setting {
  /** The key within its section: `generator.hidden`. */
  key: string;
  /** As displayed. */
  text: string;
}

/** What a sweep shows. */
export interface Findings {
  /** What configs are compared by. */
  objective: Objective;
  /** What follows from the tests, in a sentence or two. */
  verdict: Verdict;
  /** What limits the comparison, a sentence each. */
  notes: string[];
  /** All runs in the order in which their table begins: the best first, then those with signs of collapse, then those without a value; in plan order if the objective ranks none. */
  run_order: number[];
  /** All configs by rank, then those without a value; in plan order if the objective ranks none. */
  order: number[];
  /** The configs with the best means, or the first ones if the objective ranks none. */
  leaders: Leader[];
  /** Number of further configs that have a value. */
  more_leaders: number;
  /** Runs of the best config whose samples are shown; empty if there is no best config. */
  examples: number[];
  /** What explains the differences between runs, the largest share first. */
  shares: Explained[];
  /** What limits the shares, a sentence each. */
  share_notes: string[];
  /** What each value of each key does, in the order of `shares`. */
  effects: KeyEffects[];
  /** Runs that did not reach the sweep's budget, by cause, the most frequent first. */
  failures: RunsWithCause[];
  /** Runs with signs of collapse, by sign. */
  collapses: RunsWithCause[];
  /** Number of runs that have too few points to look for a saturated discriminator or a diverging loss. */
  unchecked: number;
  /** Quantiles of Student's t for 95 % intervals with 1, 2, ... degrees of freedom. */
  student_quantiles: Measured[];
}

/** What configs are compared by. */
export interface Objective {
  /** The metric's name in the database. */
  metric: string;
  /** The heading. */
  title: string;
  /** The unit; empty for a pure number. */
  unit: string;
  /** Which way it is better; `None` if it ranks no configs. */
  better: Direction | null;
  /** When the compared values were measured: `5 epochs`. */
  after: string;
  /** Decimals of the means over the runs of a config. */
  decimals: number;
}

/** What follows from the tests. */
export interface Verdict {
  /** In short. */
  kind: VerdictKind;
  /** In a sentence or two, as `gansweep compare` prints it. */
  text: string;
}

/** A verdict in short. */
export type VerdictKind = "not_ranked" | "no_value" | "one_config" | "too_few" | "winner" | "no_clear_winner" | "other_data";

/** A config in the chart of means. */
export interface Leader {
  /** Its place in [`Configuration::configs`](super::Configuration::configs). */
  config: number;
  /** As displayed; `the only config` where nothing is swept. */
  label: string;
  /** Whether the tests cannot tell it from the best. */
  tied: boolean;
  /** Mean and interval in the chart. */
  mark: Mark;
}

/** A value with its interval on a chart's scale, in percent of the chart's width. */
export interface Mark {
  /** The value. */
  at: Measured;
  /** The interval's ends, which are those of the chart where the interval is longer; `None` without an interval. */
  span: [Measured, Measured] | null;
  /** Whether the value is outside of the chart, and its place the end that is nearer. */
  outside?: boolean;
  /** Value and interval in words: `12.3 ± 0.8, n = 3`. */
  text: string;
}

/** How a config did by the objective, over all of its runs. */
export interface Standing {
  /** From 1; `None` if the objective ranks no configs. */
  rank: number | null;
  /** Mean of the values. */
  mean: FormattedNumber;
  /** Half of the mean's 95 % interval; `None` for one run. */
  half: FormattedNumber | null;
  /** Number of runs with a value. */
  runs: number;
  /** Difference from the best config; `None` for that itself. */
  difference: FormattedNumber | null;
  /** The test's adjusted p-value. */
  p: FormattedNumber | null;
}

/** What a key, the seed or interactions explain of the variance. */
export interface Explained {
  /** The keys; empty for the seed and for interactions. */
  keys: string[];
  /** As displayed: `lr`, `seed`. */
  title: string;
  /** The share in percent; `None` if it cannot be separated from others. */
  percent: Measured | null;
  /** The interval in percent. */
  interval: [Measured, Measured] | null;
  /** As displayed: `62 % (41 to 75 %)`. */
  text: string;
  /** Whether the interval excludes 0; `None` without an interval. */
  significant: boolean | null;
}

/** What the values of a key do. */
export interface KeyEffects {
  /** The keys: several if they change together. */
  keys: string[];
  /** As displayed. */
  title: string;
  /** Its values. */
  levels: Level[];
  /** Where an effect of 0 is, in percent of the width. */
  zero: Measured;
}

/** What a value of a key does. */
export interface Level {
  /** As displayed. */
  text: string;
  /** The difference from the mean of all runs; `None` if it cannot be separated from other keys' effects. */
  mark: Mark | null;
  /** Whether the interval excludes 0. */
  significant: boolean;
}

/** Runs that ended for the same cause. */
export interface RunsWithCause {
  /** Their state, or `collapsed`. */
  state: string;
  /** The cause of the first. */
  cause: string;
  /** Indices of the runs. */
  runs: number[];
  /** What they have in common and others have less often: `lr=1e-2: 6 of 6 runs`. */
  common: string[];
}

/** All data of a page except the images. */
export interface Context {
  /** The page's title. */
  title: string;
  /** The version of the program that wrote the page. */
  program_version: string;
  /** When the page was written. */
  generated: Timestamp;
  /** The database's path. */
  database: string;
  /** What is damaged in the database. */
  damage?: string[];
  /** The sweeps, in page order. */
  sweeps: Sweep[];
}

/** A run: a row of the table, a line in each chart, a series of sample grids. */
export interface Run {
  /** The run's id. */
  id: string;
  /** The swept values and the seed, without what all runs share: `lr=1e-4 seed=0`. */
  label: string;
  /** The seed. */
  seed: number;
  /** For each axis, the index of this run's value; `None` if the axis does not apply to it. */
  values: (number | null)[];
  /** The run's state with respect to the sweep's budget. */
  state: RunState;
  /** Why the run ended, unless it is completed, running or waiting. */
  cause: string | null;
  /** Signs that the run has collapsed. */
  warnings?: Warning[];
  /** Completed steps. */
  step: number;
  /** Steps up to the sweep's budget. */
  total_steps: number;
  /** The sweep's budget in epochs. */
  epochs: number;
  /** Seconds of training. */
  seconds: FormattedNumber;
  /** Real images per second over the whole training. */
  images_per_second: FormattedNumber | null;
  /** What it is compared by: the objective's last value, if it has reached the budget of the comparison. */
  value?: Measured;
  /** The last value of each metric column of the table. */
  last_values: (FormattedNumber | null)[];
  /** The best checkpoint, if the run keeps one. */
  best?: Best;
  /** All attempts, oldest first. */
  attempts: Attempt[];
  /** The sample grids of its generator's weights that the page includes, by step. */
  grids: Grid[];
  /** Those of the moving average of the weights; empty if the run keeps none. */
  averaged_grids?: Grid[];
  /** Rows, columns and image size of its grids where they are not the sweep's. */
  geometry?: Geometry;
  /** Whether its images are in colour. */
  colored?: boolean;
  /** The index of the real images of its data. */
  real?: number;
  /** What the columns of a conditional run's grids are called: the names of the classes. */
  classes?: string[];
  /** Maps steps to the other x axes. */
  x_axes: XAxes;
  /** The curves, in the order of the charts. */
  series: Series[];
}

/** A number and its display text. */
export interface FormattedNumber {
  /** The number. */
  value: Measured;
  /** As displayed. */
  text: string;
}

/** The checkpoint of a run with the best value of a quality figure. */
export interface Best {
  /** Completed steps. */
  step: number;
  /** Completed epochs. */
  epoch: FormattedNumber;
  /** The figure and its value: `FD 12.3`. */
  figure: string;
}

/** A sign that a run has collapsed, whatever its state. */
export interface Warning {
  /** What was noticed. */
  sign: Sign;
  /** A sentence with the numbers that led to it. */
  text: string;
}

/** What a [`Warning`] is about. */
export type Sign = "saturated" | "diverging" | "few_classes" | "same_samples";

/** An attempt at training a run. */
export interface Attempt {
  /** Counts from 1. */
  attempt: number;
  /** Device and backend: `cpu (native (AVX-512))`. */
  device: string;
  /** Group and lane: `group 2, lane 3 of 8`, or `alone`; empty if unknown. */
  place: string;
  /** How it ended, or `running`. */
  state: RunState;
  /** Why it ended, unless the run was completed. */
  cause: string | null;
}

/** The sample grids of a sweep. */
export interface Samples {
  /** The epochs of the slider: those at which at least one run has a grid, ascending. */
  epochs: number[];
  /** Number of recorded epochs left out to limit the page's size. */
  epochs_left_out: number;
  /** Shades of grey of the grids. */
  shades: Shades;
  /** Rows, columns and image size of most runs' grids; `None` if no run has a grid. */
  geometry: Geometry | null;
  /** Whether a run has grids of the moving average of its weights. */
  averaged: boolean;
  /** Grids of real images, one per dataset of the runs. */
  real: RealGrid[];
  /** Which table cell each run's grid is in. */
  layout: GridLayout;
}

/** How many shades of grey a grid has in the page. Generated images have noise of one or two shades in their background that nobody sees, and that takes half of a file. */
export type Shades = number;

/** A sample grid of one run. */
export interface Grid {
  /** Completed steps when it was drawn. */
  step: number;
  /** Completed epochs when it was drawn. */
  epoch: number;
}

/** A grid of real images. */
export interface RealGrid {
  /** The dataset. */
  dataset: string;
  /** The data's fingerprint: the image's key in the database. */
  data_fingerprint: string;
  /** Rows, columns and image size. */
  geometry: Geometry;
  /** Whether the images are in colour. */
  colored?: boolean;
}

/** A matrix of runs. */
export interface GridLayout {
  /** Row headings; `None` if there is one row. */
  rows: Heading | null;
  /** Column headings; `None` if all runs are in one cell, those of the best config first. */
  columns: Heading | null;
  /** `cells[row][column]`: indices of the runs in that cell. */
  cells: number[][][];
}

/** The headings of the rows or of the columns. */
export interface Heading {
  /** The swept key, or `seed`. */
  title: string;
  /** One per row or column. */
  labels: string[];
}

/** An adaptive search: its trials in the order in which they were proposed. */
export interface Search {
  /** The title of the metric that it improves. */
  title: string;
  /** The metric's unit; empty for a pure number. */
  unit: string;
  /** Which way the metric is better. */
  better: Direction;
  /** Whether pruning has paused trials, so that values are of different epochs. */
  has_paused: boolean;
  /** How many trials there are of each kind, and which is best: a sentence. */
  summary: string;
  /** The trials. */
  trials: Trial[];
  /** The best value so far as the points of an SVG polyline, in percent of the chart's width and height. */
  best_line: string;
  /** The values at the chart's lower and upper edge; `None` before the first trial has a value. */
  edges?: [string, string];
}

/** A trial: a config with all its seeds. */
export interface Trial {
  /** Its number, from 0 as in the database. */
  number: number;
  /** Whether its values are random draws or a model's proposal. */
  source: TrialSource;
  /** The searched keys and their values: `lr=1e-4 hidden=128`. */
  label: string;
  /** Indices of its runs. */
  runs: number[];
  /** The mean over its runs, once all of them have a value. */
  value: FormattedNumber | null;
  /** How far its runs were trained, where some trials were trained further than others. */
  epochs?: number;
  /** Whether it is one of those that were trained the furthest, and no earlier one of these has a better value. */
  is_best_so_far: boolean;
  /** Where it is in the chart, in percent from the left and from the top; `None` without a value. */
  at?: [Measured, Measured];
}

/** A sweep: its settings, its axes and its runs. */
export interface Sweep {
  /** The name in the experiment file. */
  name: string;
  /** The description in the experiment file; may be empty. */
  description: string;
  /** The starting recipe. */
  recipe: string;
  /** The experiment file's path, as it was given. */
  file: string;
  /** The experiment file's text. */
  source: string;
  /** The dataset. */
  dataset: DatasetUse;
  /** The palette in which images are displayed. */
  palette: Palette;
  /** The version of the program that registered the sweep. */
  program_version: string;
  /** The machine it was registered on. */
  machine: string;
  /** When the sweep was first started. */
  created: Timestamp;
  /** End of the last attempt; `None` while a run is active or if there was no attempt. */
  ended: Timestamp | null;
  /** A shell command that starts the sweep again. */
  command: string;
  /** A further experiment around the best config. */
  next?: NextExperiment;
  /** Devices and backends that trained the runs: `cpu (native (AVX-512))`. */
  devices: string[];
  /** Number of runs per state; states without runs are left out. */
  states: StateCount[];
  /** The swept axes, in the order of the experiment file. */
  axes: Axis[];
  /** What each value of the axis `variant` stands for. */
  variants?: Variant[];
  /** The distinct seeds, ascending. */
  seeds: number[];
  /** The run table's metric columns. */
  columns: Column[];
  /** The runs, in plan order. */
  runs: Run[];
  /** The charts, by group. */
  charts: ChartGroup[];
  /** The sample grids. */
  samples: Samples;
  /** Shared and differing settings. */
  configuration: Configuration;
  /** What pruning has decided, by bracket and rung. */
  rungs?: Rung[];
  /** The trials of its search, if its configs are proposed while it goes on. */
  search?: Search;
  /** Which config is best, what matters, what failed. */
  findings: Findings;
}

/** An experiment file for the next sweep. */
export interface NextExperiment {
  /** Where to save it. */
  file: string;
  /** The file's text. */
  text: string;
  /** A shell command that trains it. */
  command: string;
}

/** The runs that came to a rung of pruning, and what was decided about them. */
export interface Rung {
  /** The number of the bracket, from 1; `None` where there is only one. */
  bracket?: number;
  /** Epochs done: `3 epochs`. */
  after: string;
  /** Runs that reached it. */
  runs: number;
  /** Those of them that were promoted to the next. */
  promoted: number;
  /** That are paused there. */
  stays: number;
  /** That wait for other runs. */
  waits: number;
  /** That were ended there. */
  stopped: number;
}

/** The dataset that was asked for, and the one that was used. */
export interface DatasetUse {
  /** The dataset in the experiment file. */
  requested: string;
  /** The dataset that the runs were trained on. */
  effective: string;
  /** Whether the fallback was used. */
  fell_back: boolean;
}

/** A time. */
export interface Timestamp {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  unix_ms: number;
  /** UTC, to the second: `2026-01-31T12:00:00Z`. */
  utc: string;
}

/** Several settings under one name. */
export interface Variant {
  /** The name. */
  name: string;
  /** What it sets; the rest is as in the experiment file. */
  settings: Setting[];
}

/** The number of runs in a state. */
export interface StateCount {
  /** The state. */
  state: RunState;
  /** The number of runs. */
  runs: number;
}

/** A swept key and its values. */
export interface Axis {
  /** As the experiment file writes it: `optimizer.lr`. */
  key: string;
  /** The shortest unambiguous suffix of the key: `lr`. */
  short: string;
  /** The distinct values: numbers ascending, others in plan order. */
  values: AxisValue[];
  /** Whether all values are numbers; then they have an order. */
  numeric: boolean;
}

/** A value of an axis. */
export interface AxisValue {
  /** As recorded in the database. */
  value: unknown;
  /** As displayed: `1e-4`. */
  text: string;
  /** Number of runs that have it. */
  runs: number;
}

/** A column of the run table that shows a metric's last value. */
export interface Column {
  /** Which way the metric is better, if it ranks runs. */
  better?: Direction;
  /** The metric's name in the database. */
  metric: string;
  /** The heading. */
  title: string;
  /** The unit; empty for a pure number. */
  unit: string;
  /** A tooltip. */
  help: string;
  /** Decimals of its numbers. */
  decimals: number;
  /** Decimals of the means over the runs of a config. */
  mean_decimals: number;
}

/** The state of a run. */
export type RunState = "queued" | "pending" | "running" | "paused" | "completed" | "pruned" | "diverged" | "failed" | "interrupted";

/** How the report shows grey images. */
export type Palette = "gray" | "gray-r";

/** Which way a metric is better. */
export type Direction = "lower" | "higher" | "neither";

/** Where the values of a trial come from. */
export type TrialSource = "drawn" | "model";

/** The layout of a grid of images, row by row and without gaps. */
export interface Geometry {
  /** The number of rows of images. */
  rows: number;
  /** The number of images in a row. */
  cols: number;
  /** Height of one image in pixels. */
  height: number;
  /** Width of one image in pixels. */
  width: number;
}
