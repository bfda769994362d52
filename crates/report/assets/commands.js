// @ts-check
// Shell commands for what a reader has found on the page.

import { report } from "./report.js";
import { shellWord } from "./shell.js";

// A command for a run, as a POSIX shell takes it: `generate`, `animate` or `export`.
/**
 * @param {string} verb
 * @param {string} id
 */
export function commandFor(verb, id) {
  const folder = report.database.replace(/[^/\\]*$/, "").replace(/(.)[/\\]$/, "$1") || ".";
  const rest = verb === "export" ? `${id.slice(0, 12)} --format safetensors` : id.slice(0, 12);
  return `gansweep ${verb} ${rest} --results ${shellWord(folder)}`;
}

// Commands that animate several runs, one after the other.
export function animationOf(ids) {
  return ids.map((id) => commandFor("animate", id)).join(" && ");
}

// Buttons that copy the text in their `data-copy`, whenever they came into the page.
export function setUpCopying() {
  document.addEventListener("click", async ({ target }) => {
    const button = /** @type {HTMLElement} */ (target).closest("[data-copy]");
    if (!button) return;
    const title = button.dataset.title ?? button.textContent;
    button.dataset.title = title;
    const done = await navigator.clipboard?.writeText(button.dataset.copy).then(
      () => true,
      () => false,
    );
    button.textContent = done ? "Copied" : "Press Ctrl+C";
    if (!done) getSelection()?.selectAllChildren(button.previousElementSibling);
    setTimeout(() => {
      button.textContent = title;
    }, 1800);
  });
}
