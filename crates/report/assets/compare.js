// @ts-check
// The pinned runs beside each other.

import { breakable, html } from "./dom.js";
import { showGrid, sourcesOf } from "./images.js";
import { shellWord } from "./shell.js";
import { differencesFrom } from "./statistics.js";
import { fixed } from "./numbers.js";

// More columns than these fit on no screen.
const MOST = 12;

/**
 * @param {import("./state.js").State} state
 * @param {import("./color.js").Colors} colors
 */
export function setUpCompare(root, index, state, colors) {
  const section = root.querySelector(".compare");
  const slider = section.querySelector("[data-control=compare-cell]");
  const table = section.querySelector(".compared");
  const draw = () => {
    const runs = [...state.pinned].slice(0, MOST);
    section.hidden = runs.length < 2;
    if (section.hidden) return;
    table.innerHTML = tableOf(state, runs, colors);
    table.querySelectorAll(".crop").forEach((crop, place) => fillCrop(crop, index, state, runs[place], slider));
    section.querySelector(".test").innerHTML = testOf(state, runs);
    const left = section.querySelector(".some");
    left.hidden = runs.length === state.pinned.size;
    left.textContent = `These are the first ${runs.length} of ${state.pinned.size} pinned runs.`;
  };
  const redrawImages = () => {
    if (section.hidden) return;
    const runs = [...state.pinned].slice(0, MOST);
    table.querySelectorAll(".crop").forEach((crop, place) => fillCrop(crop, index, state, runs[place], slider));
  };
  slider?.addEventListener("input", () => {
    section.querySelector(".cells output").textContent = slider.value === "0" ? "all" : slider.value;
    redrawImages();
  });
  for (const topic of ["epoch", "source"]) state.on(topic, redrawImages);
  for (const topic of ["pins", "color"]) state.on(topic, draw);
  section.querySelector("[data-compare=only]").addEventListener("click", () => {
    state.search(`run=${[...state.pinned].map((run) => state.sweep.runs[run].id).join(",")}`);
    root.querySelector("[data-control=filter]").dispatchEvent(new Event("input", { bubbles: true }));
  });
  draw();
}

// The rows: images, keys that differ between these runs, results.
/**
 * @param {import("./state.js").State} state
 * @param {import("./color.js").Colors} colors
 */
function tableOf(state, runs, colors) {
  const { sweep } = state;
  const heads = runs.map(
    (run) => html`<th scope="col"><span><i class="swatch" style="--color:${colors.ofRun[run]}"></i> ` + breakable(sweep.runs[run].label) + "</span></th>",
  );
  const line = (name, texts) => `<tr><th scope="row">${breakable(name)}</th>` + texts.map((text) => html`<td>${text}</td>`).join("") + "</tr>";
  const rows = [...differences(sweep, runs), ...results(sweep, runs)].map(({ name, texts }) => line(name, texts));
  const drawn = runs.map(() => '<td><div class="crop"><img alt=""></div></td>').join("");
  const images = sweep.samples.geometry ? `<tr><th scope="row">samples</th>${drawn}</tr>` : "";
  return `<thead><tr><td></td>${heads.join("")}</tr></thead><tbody>${images}${rows.join("")}</tbody>`;
}

// The keys whose values are not the same in these runs, and the seed.
/** @param {import("./page").Sweep} sweep */
export function differences(sweep, runs) {
  const { configs, differing } = sweep.configuration;
  const configOf = runs.map((run) => configs.findIndex((config) => config.runs.includes(run)));
  const keys = differing.flatMap(({ keys: names, values, by_config, layers }) => {
    const name = names.join(", ");
    const valueOf = configOf.map((config) => by_config[config]);
    if (layers && new Set(valueOf).size > 1) return layerRows(name, layers, valueOf);
    return [{ name, texts: valueOf.map((value) => values[value].text), kept: false }];
  });
  const seed = { name: "seed", texts: runs.map((run) => String(sweep.runs[run].seed)), kept: false };
  return [...keys, seed].filter(({ texts, kept }) => kept || new Set(texts).size > 1);
}

// Lists of layers beside each other, a row for each layer that one of them has. The first row has the key.
/** @param {import("./context").LayerRow[]} layers */
function layerRows(name, layers, valueOf) {
  const shown = layers.filter(({ is_in }) => valueOf.some((value) => is_in[value]));
  return shown.map(({ text, is_in }, place) => ({
    name: place === 0 ? name : "",
    texts: valueOf.map((value) => (is_in[value] ? text : "")),
    kept: true,
  }));
}

/** @param {import("./page").Sweep} sweep */
function results(sweep, runs) {
  const state = { name: "state", texts: runs.map((run) => sweep.runs[run].state) };
  const columns = sweep.columns.map(({ title }, column) => ({
    name: title,
    texts: runs.map((run) => sweep.runs[run].last_values[column]?.text ?? ""),
  }));
  return [state, ...columns.filter(({ texts }) => texts.some(Boolean))];
}

// Shows a run's grid at the selected epoch: all of it, or one image of it, which is of the same latent vector in every run.
/** @param {import("./state.js").State} state */
function fillCrop(crop, index, state, run, slider) {
  const geometry = state.sweep.runs[run].geometry ?? state.sweep.samples.geometry;
  if (!geometry) return;
  crop.classList.toggle("colored", Boolean(state.sweep.runs[run].colored));
  const image = crop.querySelector("img");
  showGrid(image, state, index, run, sourcesOf(state.sweep.runs[run], state.weights).at(-1), state.epoch);
  const cell = Number(slider?.value ?? 0) - 1;
  const { rows, cols, width, height } = geometry;
  if (cell < 0 || cell >= rows * cols) {
    crop.style.aspectRatio = `${cols * width} / ${rows * height}`;
    image.style.transform = "";
    return;
  }
  crop.style.aspectRatio = `${width} / ${height}`;
  const [row, column] = [Math.floor(cell / cols), cell % cols];
  image.style.transform = `scale(${cols}) translate(${(-100 * column) / cols}%, ${(-100 * row) / rows}%)`;
}

// Whether configs differ is a question to several seeds of each: it is tested over all runs of the configs, also those that
// are not pinned or that the filter hides.
/** @param {import("./state.js").State} state */
function testOf(state, runs) {
  const { sweep } = state;
  const { configs } = sweep.configuration;
  const compared = configs.filter((config) => config.runs.some((run) => runs.includes(run)));
  if (compared.length < 2) return "These runs have one config and differ in the seed: what they show is the noise between seeds.";
  if (sweep.findings.verdict.kind === "other_data") return html`${sweep.findings.verdict.text}`;
  const groups = compared.map((config) => groupOf(sweep, config)).filter(({ values }) => values.size > 0);
  const command = html`<code>gansweep compare ${shellWord(sweep.name)}</code>`;
  if (groups.length < 2) return html`These are ${runs.length} runs of ${compared.length} configs, of which ${groups.length === 1 ? "one has" : "none has"} a value to compare.`;
  return tested(sweep, groups, command);
}

// A config's finite values of the objective by seed, and their mean.
/** @param {import("./page").Sweep} sweep */
function groupOf(sweep, { label, runs }) {
  const known = runs.filter((run) => Number.isFinite(Number(sweep.runs[run].value ?? NaN)));
  const values = new Map(known.map((run) => [sweep.runs[run].seed, Number(sweep.runs[run].value)]));
  const mean = [...values.values()].reduce((sum, value) => sum + value, 0) / values.size;
  return { label, values, mean };
}

// The configs with their differences from the best of them, or from the first where the objective ranks none.
/** @param {import("./page").Sweep} sweep */
function tested(sweep, groups, command) {
  const { objective, student_quantiles: quantiles } = sweep.findings;
  const { decimals } = objective;
  const sign = objective.better === "higher" ? -1 : 1;
  if (objective.better) groups.sort((a, b) => sign * (a.mean - b.mean));
  const [base, ...others] = groups;
  const differences = differencesFrom(base.values, others.map(({ values }) => values), quantiles.map(Number));
  const row = ({ label, values, mean }, place) => {
    const found = differences[place - 1];
    const spread = found && found.half !== null ? ` ± ${fixed(found.half, decimals)}` : "";
    const p = !found ? "" : found.p === null ? "–" : pText(found.p);
    return html`<tr><th scope="row">${label}</th><td>${fixed(mean, decimals)}</td><td>${values.size}</td><td>${found ? fixed(found.mean, decimals) + spread : ""}</td><td data-cell="p">${p}</td></tr>`;
  };
  const fewest = Math.min(...groups.map(({ values }) => values.size));
  // Three and three have 20 arrangements, of which two are as extreme as the most extreme.
  const few = fewest < 4 ? html` With ${fewest} seed${fewest > 1 ? "s" : ""} of a config a test can tell little.` : "";
  const many = differences.some(({ p }) => p === null) ? ` The seeds are too many for a browser to test: ${command} does.` : "";
  const from = objective.better ? "the best of these" : "the first of these";
  const title = html`<caption>${objective.title} after ${objective.after}, over all seeds of these configs: difference from ${from} with its 95 % interval, and the p-value of a permutation test, corrected for the number of these configs.`;
  const chosen = groups.length < sweep.configuration.configs.length && differences.some(({ p }) => p !== null)
    ? " It holds for configs that were chosen before their values were known: of many configs the best and the worst differ by chance, too."
    : "";
  return `<table class="tested">${title}${chosen}${few}${many}</caption><thead><tr><th scope="col">config</th><th scope="col">mean</th><th scope="col">runs</th><th scope="col">difference</th><th scope="col">p</th></tr></thead><tbody>${groups.map(row).join("")}</tbody></table>`;
}

// As the program writes a p-value.
function pText(p) {
  return p < 0.001 ? "<0.001" : p.toFixed(3);
}
