// @ts-check
// Parallel coordinates: an axis per key and one for a metric, a line per run. A brush is words of the filter.

import { emptyCanvas } from "./canvas.js";
import { conditionsOn, isWide, withConditions } from "./dimensions.js";
import { themeColor } from "./layout.js";
import { bounds } from "./statistics.js";

const TOP = 34;
const BOTTOM = 14;
const SIDE = 44;
// The least distance of two axes; on a narrow screen they are scrolled.
const APART = 78;
// Keys with more values than this get a continuous axis.
const MOST_STOPS = 14;
const MOST_KEYS = 9;
// A brush that ends so near to an axis's end, as a share of its length, is meant to reach it.
const AT_END = 0.01;

export class Parallel {
  /**
   * @param {import("./state.js").State} state
   * @param {import("./color.js").Colors} colors
   */
  constructor(area, state, colors) {
    this.area = area;
    this.state = state;
    this.colors = colors;
    /** @type {ReturnType<typeof axisOfMetric>[]} */
    this.axes = [];
    /** @type {{ axis: number, from: number, to: number } | null} */
    this.drag = null;
    // Where each run is on each axis, from 0 at the bottom to 1; null where it has no value.
    /** @type {(number | null)[][]} */
    this.places = [];
    this.left = 0;
    this.canvas = area.querySelector("canvas");
    this.titles = area.querySelector(".titles");
    this.unbrush = area.closest(".view").querySelector(".unbrush");
    this.unbrush.addEventListener("click", () => {
      const { filter } = this.state;
      this.state.search(this.axes.reduce((text, { name }) => withConditions(text, name, []), filter));
    });
    this.setUpPointer();
    new ResizeObserver(() => this.draw()).observe(area);
  }

  // Takes other axes; the keys are in the order of what they explain.
  choose(keys, metric) {
    const { runs } = this.state.sweep;
    const shown = keys.slice(0, MOST_KEYS);
    this.left = keys.length - shown.length;
    this.axes = [...shown.map(axisOfKey), axisOfMetric(metric, runs.length)];
    this.area.style.minWidth = `${2 * SIDE + APART * (this.axes.length - 1)}px`;
    this.titles.replaceChildren(
      ...this.axes.map(({ title }) => Object.assign(document.createElement("span"), { textContent: title, title })),
    );
    this.places = runs.map((_, run) => this.axes.map((axis) => axis.place(run)));
    this.draw();
  }

  across(axis) {
    const width = this.area.clientWidth - 2 * SIDE;
    return SIDE + (this.axes.length > 1 ? (axis * width) / (this.axes.length - 1) : width / 2);
  }

  down(place) {
    return TOP + (1 - place) * (this.area.clientHeight - TOP - BOTTOM);
  }

  // The widest that each title may be so that no two of them meet. The first and the last one begin and end at the edges,
  // the others are in the middle of their axes.
  titleRoom(width, apart) {
    if (this.axes.length < 3) return width / this.axes.length - 8;
    return Math.min(apart - 6, (apart + SIDE - 10) / 1.5);
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.area;
    if (width === 0 || this.axes.length === 0) return;
    const pen = emptyCanvas(this.canvas, width, height);
    const apart = this.axes.length > 1 ? this.across(1) - this.across(0) : width;
    [...this.titles.children].forEach((title, axis) => {
      title.style.maxWidth = `${this.titleRoom(width, apart)}px`;
      title.style.left = `${axis === 0 ? 4 : axis === this.axes.length - 1 ? width - 4 : this.across(axis)}px`;
    });
    const { visible, highlighted } = this.state;
    const faint = themeColor("--line");
    visible.forEach((shown, run) => shown || this.stroke(pen, run, faint, 0.8, 0.7));
    const many = visible.filter(Boolean).length > 100;
    visible.forEach((shown, run) => shown && this.stroke(pen, run, this.colors.ofRun[run], many ? 0.8 : 1.4, many ? 0.45 : 0.8));
    for (const run of highlighted) this.stroke(pen, run, this.colors.ofRun[run], 3, 1);
    this.axes.forEach((axis, place) => this.drawAxis(pen, axis, place));
    this.unbrush.hidden = !this.axes.some(({ name }) => conditionsOn(this.state.filter, name));
  }

  stroke(pen, run, color, width, opacity) {
    Object.assign(pen, { strokeStyle: color, lineWidth: width, globalAlpha: opacity });
    pen.beginPath();
    let open = false;
    this.places[run].forEach((place, axis) => {
      // The line passes an axis that does not apply to the run.
      if (place === null) return;
      if (open) pen.lineTo(this.across(axis), this.down(place));
      else {
        pen.moveTo(this.across(axis), this.down(place));
        open = true;
      }
    });
    pen.stroke();
    pen.globalAlpha = 1;
  }

  drawAxis(pen, axis, place) {
    const x = this.across(place);
    Object.assign(pen, { strokeStyle: themeColor("--muted"), lineWidth: 1, font: "12px system-ui, sans-serif" });
    pen.beginPath();
    pen.moveTo(x, this.down(0));
    pen.lineTo(x, this.down(1));
    pen.stroke();
    const isLast = place === this.axes.length - 1;
    pen.textAlign = isLast ? "right" : "left";
    for (const { at, text } of axis.ticks) {
      const y = this.down(at);
      const left = isLast ? x - 6 : x + 6;
      const { width } = pen.measureText(text);
      pen.fillStyle = themeColor("--surface");
      pen.globalAlpha = 0.75;
      pen.fillRect(isLast ? left - width - 2 : left - 2, y - 8, width + 4, 16);
      pen.globalAlpha = 1;
      pen.fillStyle = themeColor("--ink");
      pen.fillText(text, left, y + 4);
    }
    const { drag } = this;
    const brush = drag && drag.axis === place ? [drag.from, drag.to] : axis.brushed(this.state.filter);
    if (!brush) return;
    const [bottom, top] = bounds(brush);
    pen.fillStyle = themeColor("--accent");
    pen.globalAlpha = 0.35;
    pen.fillRect(x - 7, this.down(top) - 3, 14, this.down(bottom) - this.down(top) + 6);
    pen.globalAlpha = 1;
  }

  setUpPointer() {
    const at = ({ clientX, clientY }) => {
      const { left, top, height } = this.area.getBoundingClientRect();
      const place = 1 - (clientY - top - TOP) / (height - TOP - BOTTOM);
      return { x: clientX - left, place: Math.max(0, Math.min(1, place)) };
    };
    this.canvas.addEventListener("pointerdown", (event) => {
      const { x, place } = at(event);
      const axis = this.axes.findIndex((_, index) => Math.abs(this.across(index) - x) < 22);
      if (axis < 0) return;
      this.canvas.setPointerCapture?.(event.pointerId);
      this.drag = { axis, from: place, to: place };
    });
    this.canvas.addEventListener("pointermove", (event) => {
      const { x, place } = at(event);
      if (this.drag) {
        this.drag.to = place;
        this.draw();
      } else if (event.pointerType !== "touch") this.state.hover(this.nearest(x, place));
    });
    this.canvas.addEventListener("pointerleave", () => this.state.hover([]));
    this.canvas.addEventListener("pointerup", () => this.endBrush());
    this.canvas.addEventListener("pointercancel", () => {
      this.drag = null;
      this.draw();
    });
    this.canvas.addEventListener("click", (event) => {
      const { x, place } = at(event);
      if (this.axes.every((_, axis) => Math.abs(this.across(axis) - x) >= 22)) this.state.togglePins(this.nearest(x, place));
    });
  }

  endBrush() {
    if (!this.drag) return;
    const { axis, from, to } = this.drag;
    this.drag = null;
    const { name, conditions } = this.axes[axis];
    const isClick = Math.abs(from - to) * (this.area.clientHeight - TOP - BOTTOM) < 4;
    this.state.search(withConditions(this.state.filter, name, isClick ? [] : conditions(Math.min(from, to), Math.max(from, to))));
    this.draw();
  }

  // The visible run whose line passes nearest, in a list; none if none is near.
  nearest(x, place) {
    const axis = this.axes.findIndex((_, index) => index + 1 < this.axes.length && x <= this.across(index + 1));
    if (axis < 0 || x < this.across(0)) return [];
    const share = (x - this.across(axis)) / (this.across(axis + 1) - this.across(axis));
    let [best, distance] = [-1, 0.04];
    this.places.forEach((places, run) => {
      const [from, to] = [places[axis], places[axis + 1]];
      if (!this.state.visible[run] || from === null || to === null) return;
      const gap = Math.abs(from + (to - from) * share - place);
      if (gap < distance) [best, distance] = [run, gap];
    });
    return best < 0 ? [] : [best];
  }
}

// An axis of a key: its values at even distances, or a continuous one if they are many numbers.
function axisOfKey(key) {
  const { name, title, texts, numbers } = key;
  if (numbers && texts.length > MOST_STOPS) return continuous(name, title, numbers, (run) => numbers[key.place(run)] ?? NaN);
  const at = (place) => (texts.length > 1 ? place / (texts.length - 1) : 0.5);
  const step = Math.ceil(texts.length / MOST_STOPS);
  const quoted = (text) => (text.includes(" ") ? `"${text}"` : text);
  return {
    name,
    title,
    ticks: texts.flatMap((text, place) => (place % step === 0 ? [{ at: at(place), text }] : [])),
    place: (run) => {
      const place = key.place(run);
      return place === null || place < 0 ? null : at(place);
    },
    conditions: (from, to) => {
      const room = texts.length > 1 ? 0.3 / (texts.length - 1) : 1;
      const inside = texts.filter((_, place) => at(place) >= from - room && at(place) <= to + room);
      return inside.length ? [`=${inside.map(quoted).join(",")}`] : [];
    },
    brushed: (filter) => {
      const values = conditionsOn(filter, name)?.values;
      const places = values ? texts.flatMap((text, place) => (values.includes(text) ? [at(place)] : [])) : [];
      return places.length ? bounds(places) : null;
    },
  };
}

export function axisOfMetric({ name, title, value }, runs) {
  return continuous(name, title, Array.from({ length: runs }, (_, run) => value(run)), value);
}

function continuous(name, title, numbers, value) {
  const log = isWide(numbers);
  const scaled = (number) => (log ? Math.log10(number) : number);
  const known = numbers.filter((number) => Number.isFinite(scaled(number)));
  const [low, high] = known.length ? bounds(known.map(scaled)) : [0, 1];
  const span = high - low || 1;
  const number = (at) => (log ? 10 ** (low + at * span) : low + at * span);
  const at = (of) => (scaled(of) - low) / span;
  const ends = (limit, fallback) => (Number.isFinite(limit) ? Math.max(0, Math.min(1, at(limit))) : fallback);
  return {
    name,
    title,
    ticks: [0, 0.25, 0.5, 0.75, 1].map((place) => ({ at: place, text: String(Number(number(place).toPrecision(3))) })),
    place: (run) => {
      const place = at(value(run));
      return Number.isFinite(place) ? place : null;
    },
    // Limits at an end would leave out the run there by rounding, which is the best or the worst one.
    conditions: (from, to) => [
      ...(from <= AT_END ? [] : [`>=${outwards(number(from), -1)}`]),
      ...(to >= 1 - AT_END ? [] : [`<=${outwards(number(to), 1)}`]),
    ],
    brushed: (filter) => {
      const found = conditionsOn(filter, name);
      return found && !found.values ? [ends(found.from, 0), ends(found.to, 1)] : null;
    },
  };
}

// A limit in four digits that is not nearer than the number itself: `direction` is 1 for an upper limit, -1 for a lower one.
function outwards(number, direction) {
  const near = Number(number.toPrecision(4));
  if (direction * near >= direction * number) return near;
  const digit = 10 ** (Math.floor(Math.log10(Math.abs(number))) - 3);
  return Number((near + direction * digit).toPrecision(4));
}
