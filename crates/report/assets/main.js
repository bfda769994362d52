// @ts-check
// Sets up one view per sweep, then tabs, section links, copy buttons and local times.

import { report } from "./report.js";
import { State } from "./state.js";
import { setUpPaper } from "./paper.js";
import { Colors } from "./color.js";
import { setUpFilter } from "./filter.js";
import { setUpTable } from "./table.js";
import { setUpConfigTable } from "./configs.js";
import { setUpColumns, setUpTableCopies } from "./columns.js";
import { setUpTrials } from "./trials.js";
import { Curves } from "./curves.js";
import { Space } from "./space.js";
import { Gallery } from "./samples.js";
import { Viewer } from "./viewer.js";
import { oneTabStop } from "./roving.js";
import { setUpCopying } from "./commands.js";
import { setUpTheme } from "./theme.js";
import { setUpCompare } from "./compare.js";
import { followDatabase } from "./live.js";
import { addressed, keepAddress, restore } from "./address.js";

setUpPaper();
const views = [...document.querySelectorAll(".sweep")].map((root, index) =>
  setUpSweep(root, index, report.sweeps[index]),
);

/** @param {import("./page").Sweep} sweep */
function setUpSweep(root, index, sweep) {
  if (sweep.runs.length === 0) return { root, show() {} };
  const state = new State(sweep);
  const colors = new Colors(root, state);
  const viewer = new Viewer(root, index, state);
  const openViewer = (run) => viewer.open(run);
  setUpFilter(root, state, colors);
  const rows = setUpTable(root, state, openViewer);
  setUpConfigTable(root, state);
  setUpTrials(root, state);
  setUpColumns(root);
  setUpTableCopies(root);
  for (const list of root.querySelectorAll(".differing, .forest")) oneTabStop(list, "[data-runs]");
  let write = null;
  const begin = () => {
    if (sweep.samples.geometry) new Gallery(root, index, state, rows, openViewer);
    if (sweep.charts.length) new Curves(root, state, colors);
    if (root.querySelector(".explore")) new Space(root, state, colors);
    setUpCompare(root, index, state, colors);
    write = keepAddress(root, state, colors);
    const words = addressed();
    if (!words.has("sweep") || words.get("sweep") === sweep.name) restore(root, state, colors, words);
  };
  return { root, show: () => (write ? write() : begin()), write: () => write?.() };
}

function showSweep(index) {
  views.forEach((view, place) => {
    view.root.hidden = place !== index;
  });
  document
    .querySelectorAll(".tabs button")
    .forEach((tab, place) => tab.setAttribute("aria-selected", String(place === index)));
  const picker = document.querySelector("[data-sweep-picker]");
  if (picker) picker.value = String(index);
  showLinks();
  views[index]?.show();
}

// The section of that name of the sweep that is shown; undefined where it has none.
function shownSection(name) {
  return [...document.querySelectorAll(`[data-section="${name}"]`)].find((section) => !section.closest("[hidden]"));
}

// Not every sweep has all sections: one with a single run has no space.
function showLinks() {
  for (const link of document.querySelectorAll(".sections a")) link.hidden = !shownSection(link.hash.slice(1));
}

function setUpTabs() {
  const tabs = [...document.querySelectorAll(".tabs button")];
  tabs.forEach((tab, index) => {
    tab.addEventListener("click", () => showSweep(index));
    tab.addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!by) return;
      const next = (index + by + tabs.length) % tabs.length;
      tabs[next].focus();
      showSweep(next);
    });
  });
}

// Where the tabs do not fit, a list takes their place. Whether they do is measured with all links beside them, so that the
// choice does not change from sweep to sweep.
function setUpSweepPicker() {
  const picker = document.querySelector("[data-sweep-picker]");
  if (!picker) return;
  const tabs = document.querySelector(".tabs");
  picker.addEventListener("change", () => showSweep(Number(picker.value)));
  let measured = 0;
  const choose = () => {
    const { clientWidth } = picker.closest(".topbar");
    if (clientWidth === measured) return;
    measured = clientWidth;
    [tabs.hidden, picker.hidden] = [false, true];
    for (const link of document.querySelectorAll(".sections a")) link.hidden = false;
    const fit = tabs.scrollWidth <= tabs.clientWidth;
    [tabs.hidden, picker.hidden] = [!fit, fit];
    showLinks();
  };
  new ResizeObserver(choose).observe(picker.closest(".topbar"));
}

// Sections are scrolled to below the filters, which take more rows on a narrow screen. Those of a hidden sweep have no height.
function measureFilters() {
  const observer = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const { height } = target.getBoundingClientRect();
      if (height) document.documentElement.style.setProperty("--filters", `${height}px`);
    }
  });
  for (const bar of document.querySelectorAll(".bar")) observer.observe(bar);
}

// Brings a section into view. What comes into view on the way may take another height than before, and move the section
// after that: for half a second it is held in its place, unless the reader goes elsewhere.
function goTo(section) {
  if (!section) return;
  let frames = 30;
  const stop = () => {
    frames = 0;
  };
  for (const kind of ["wheel", "touchmove", "keydown", "pointerdown"]) addEventListener(kind, stop, { once: true, passive: true });
  const hold = () => {
    if (frames <= 0) return;
    frames -= 1;
    section.scrollIntoView({ behavior: "instant" });
    requestAnimationFrame(hold);
  };
  hold();
}

// On a narrow screen the links are wider than the bar above the page, and it is scrolled.
function keepInBar(link) {
  const bar = link.closest(".topbar");
  const [inner, outer] = [link, bar].map((element) => element.getBoundingClientRect());
  if (inner.left < outer.left || inner.right > outer.right)
    bar.scrollLeft += inner.left + inner.width / 2 - outer.left - outer.width / 2;
}

function setUpSections() {
  const all = [...document.querySelectorAll(".sections a")];
  for (const link of all) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      goTo(shownSection(link.hash.slice(1)));
    });
  }
  const mark = () => {
    const links = all.filter((link) => !link.hidden);
    const passed = links.filter(
      (link) => shownSection(link.hash.slice(1))?.getBoundingClientRect().top < innerHeight / 3,
    );
    const atEnd = scrollY > 0 && scrollY + innerHeight >= document.documentElement.scrollHeight - 4;
    const current = atEnd ? links.at(-1) : (passed.at(-1) ?? links[0]);
    if (!current || current.hasAttribute("aria-current")) return;
    for (const link of all) {
      if (link === current) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    // At the top of the page stands its own beginning.
    if (scrollY > 0) keepInBar(current);
  };
  addEventListener("scroll", mark, { passive: true });
  mark();
}

function localiseTimes() {
  const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  for (const time of document.querySelectorAll("time[datetime]")) {
    time.title = time.dateTime;
    time.textContent = format.format(new Date(time.dateTime));
  }
}

setUpTabs();
setUpSweepPicker();
setUpTheme();
followDatabase(() => views.filter(({ root }) => !root.hidden).forEach(({ write }) => write?.()));
localiseTimes();
setUpCopying();
if (views.length) {
  setUpSections();
  measureFilters();
  const name = addressed().get("sweep");
  showSweep(Math.max(0, report.sweeps.findIndex((sweep) => sweep.name === name)));
}
