// @ts-check
// Filters and pinned runs, and the CSS classes that show both on every element with a `data-run`.

import { html } from "./dom.js";

/**
 * @param {import("./state.js").State} state
 * @param {import("./color.js").Colors} colors
 */
export function setUpFilter(root, state, colors) {
  const { runs } = state.sweep;
  /** @type {Element[][]} */
  const elements = runs.map(() => []);
  for (const element of root.querySelectorAll("[data-run]")) elements[element.dataset.run].push(element);
  let [before, lit] = [state.visible, new Set()];
  const matches = root.querySelector(".matches");

  const field = root.querySelector("[data-control=filter]");
  const fault = root.querySelector(".bar .fault");
  const reset = root.querySelector(".reset");

  field.addEventListener("input", () => state.search(field.value));
  reset.addEventListener("click", () => {
    state.reset();
    field.focus();
  });
  for (const button of root.querySelectorAll(".statefilter button")) {
    button.addEventListener("click", () => state.toggleState(button.dataset.state));
  }
  const showNarrowing = () => {
    reset.hidden = !state.isNarrowed;
  };
  state.on("visible", () => {
    // A keystroke changes few of thousands of elements.
    state.visible.forEach((visible, run) => {
      if (visible === before[run]) return;
      for (const element of elements[run]) element.classList.toggle("off", !visible);
    });
    before = state.visible;
    const shown = state.visible.filter(Boolean).length;
    matches.textContent = `${shown} of ${runs.length} runs`;
    root.classList.toggle("without-runs", shown === 0);
    for (const note of root.querySelectorAll(".of-all")) note.hidden = shown === runs.length;
    if (field.value !== state.filter) field.value = state.filter;
    const { errors } = state.query;
    fault.hidden = errors.length === 0;
    fault.textContent = errors.join("; ");
    field.setAttribute("aria-invalid", String(errors.length > 0));
    for (const button of root.querySelectorAll(".statefilter button"))
      button.setAttribute("aria-pressed", String(!state.hiddenStates.has(button.dataset.state)));
    showNarrowing();
  });
  state.on("focus", () => {
    const highlighted = new Set(state.highlighted);
    root.classList.toggle("focused", highlighted.size > 0);
    const toggle = (run, on) => elements[run].forEach((element) => element.classList.toggle("highlighted", on));
    for (const run of lit) if (!highlighted.has(run)) toggle(run, false);
    for (const run of highlighted) if (!lit.has(run)) toggle(run, true);
    lit = highlighted;
  });
  state.on("pins", showNarrowing);
  setUpHover(root, state);
  setUpPins(root, state, colors);
  setUpConfigValues(root, state);
}

// Hovering over or focusing an element with a `data-run` highlights its run.
/** @param {import("./state.js").State} state */
function setUpHover(root, state) {
  const runOf = (event) => event.target.closest?.("[data-run]");
  const enter = (event) => {
    const element = runOf(event);
    state.hover(element ? [Number(element.dataset.run)] : []);
  };
  for (const area of root.querySelectorAll(".samples, .runs")) {
    area.addEventListener("pointerover", (event) => {
      if (event.pointerType !== "touch") enter(event);
    });
    area.addEventListener("pointerleave", () => state.hover([]));
    area.addEventListener("focusin", (event) => {
      if (event.target.matches(":focus-visible")) enter(event);
    });
    area.addEventListener("focusout", () => state.hover([]));
  }
}

// Hovering over a value in the configs table highlights the runs that have it.
/** @param {import("./state.js").State} state */
function setUpConfigValues(root, state) {
  for (const button of root.querySelectorAll("[data-runs]")) {
    const runs = button.dataset.runs.split(" ").filter(Boolean).map(Number);
    button.addEventListener("pointerenter", () => state.hover(runs));
    button.addEventListener("pointerleave", () => state.hover([]));
    button.addEventListener("focus", () => state.hover(runs));
    button.addEventListener("blur", () => state.hover([]));
    button.addEventListener("click", () => state.togglePins(runs));
  }
}

/**
 * @param {import("./state.js").State} state
 * @param {import("./color.js").Colors} colors
 */
function setUpPins(root, state, colors) {
  const bar = root.querySelector(".pinned");
  const rows = new Map(
    [...root.querySelectorAll(".runtable tbody tr")].map((row) => [Number(row.dataset.run), row]),
  );
  const show = () => {
    const pins = [...state.pinned];
    bar.hidden = pins.length === 0;
    for (const [run, row] of rows) row.setAttribute("aria-selected", String(state.pinned.has(run)));
    const few = pins
      .slice(0, 4)
      .map((run) => pinHtml(state.sweep, run))
      .join("");
    const more = pins.length > 4 ? html`<span class="label">and ${pins.length - 4} more</span>` : "";
    bar.innerHTML = pins.length
      ? `<div class="pins">${few}${more}</div><button class="clear">Unpin${pins.length > 1 ? " all" : ""}</button>`
      : "";
    for (const pin of bar.querySelectorAll(".pin"))
      pin.style.setProperty("--color", colors.ofRun[pin.dataset.pin]);
  };
  bar.addEventListener("click", (event) => {
    if (event.target.closest(".clear")) state.unpinAll();
    const drop = event.target.closest(".drop");
    if (drop) state.togglePins([Number(drop.parentElement.dataset.pin)]);
  });
  document.addEventListener("keydown", (event) => {
    // Each sweep has a listener of its own.
    if (root.hidden || event.key !== "Escape") return;
    // There it empties the field or closes the list.
    const isTyped = /** @type {Element} */ (event.target).closest?.("input, select, textarea");
    if (!isTyped && !document.querySelector("dialog[open]")) state.unpinAll();
  });
  state.on("pins", show);
  state.on("color", show);
}

/** @param {import("./page").Sweep} sweep */
function pinHtml(sweep, run) {
  const { label, last_values } = sweep.runs[run];
  const { objective } = sweep.findings;
  // What ranks says more than losses do.
  const isShown = ({ metric }, place) => (objective.better === null ? place < 2 : metric === objective.metric);
  const scores = sweep.columns
    .map((column, place) => (isShown(column, place) && last_values[place] ? `${column.title} ${last_values[place].text}` : ""))
    .filter(Boolean)
    .join("  ·  ");
  return html`<span class="pin" data-pin="${run}">
    <i class="swatch"></i><span class="what" title="${label}">${label}</span><span class="scores">${scores}</span>
    <button class="drop" aria-label="Unpin ${label}">×</button>
  </span>`;
}
