// @ts-check
// Which columns a table shows, and tables as text for the clipboard.

import { html } from "./dom.js";
import { tableText } from "./summary.js";
import { allRows } from "./long_table.js";

// The menus that choose columns. The choice is a control like others, so that the address has it.
export function setUpColumns(root) {
  for (const menu of root.querySelectorAll(".choose")) {
    const table = root.querySelector(`.${menu.dataset.table}`);
    const control = menu.querySelector("[data-control]");
    const sheet = root.appendChild(document.createElement("style"));
    const atFirst = control.value;
    const headings = [...table.tHead.rows[0].cells];
    const named = headings.flatMap((heading, place) => {
      const button = heading.querySelector("button");
      return button ? [{ name: button.dataset.order ?? button.dataset.sort, title: button.textContent.trim(), place }] : [];
    });
    menu.querySelector(".choices").innerHTML = named
      .map(({ name, title }) => html`<label><input type="checkbox" value="${name}" checked>${title}</label>`)
      .join("");
    const apply = () => {
      const hidden = new Set(control.value.split(" ").filter(Boolean));
      for (const box of menu.querySelectorAll("[type=checkbox]")) box.checked = !hidden.has(box.value);
      const places = named.filter(({ name }) => hidden.has(name)).map(({ place }) => place);
      table.hiddenColumns = new Set(places);
      const cells = places.map((place) => `#${root.id} .${menu.dataset.table} tr > :nth-child(${place + 1})`);
      sheet.textContent = cells.length ? `${cells.join(", ")} { display: none; }` : "";
      // Paper has room for what the reader has not taken away himself.
      sheet.media = control.value === atFirst ? "screen" : "";
    };
    menu.addEventListener("change", ({ target }) => {
      if (target === control) return;
      const hidden = [...menu.querySelectorAll("[type=checkbox]:not(:checked)")].map(({ value }) => value);
      control.value = hidden.join(" ");
      apply();
    });
    control.addEventListener("input", apply);
    document.addEventListener("click", ({ target }) => {
      if (!menu.contains(target)) menu.open = false;
    });
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !menu.open) return;
      event.stopPropagation();
      menu.open = false;
      menu.querySelector("summary").focus();
    });
    apply();
  }
}

// Buttons that copy a table as it is shown: filtered, sorted, with the chosen columns.
export function setUpTableCopies(root) {
  for (const button of root.querySelectorAll("[data-take]")) {
    const title = button.textContent;
    const table = root.querySelector(`.${button.closest("[data-table]").dataset.table}`);
    button.addEventListener("click", async () => {
      const text = tableText(shownRows(table), button.dataset.take);
      const done = await navigator.clipboard?.writeText(text).then(
        () => true,
        () => false,
      );
      button.textContent = done ? "Copied" : "Not allowed";
      setTimeout(() => {
        button.textContent = title;
      }, 1800);
    });
  }
}

// The texts of a table's visible rows, headings first, without the column of marks.
function shownRows(table) {
  const rows = [table.tHead.rows[0], ...allRows(table)].filter((row) => !row.hidden && !row.matches(".off, .members"));
  const textOf = (cell) => (cell.querySelector(".state") ?? cell).textContent.trim().replace(/\s+/g, " ");
  const isShown = (cell, place) => place > 0 && !table.hiddenColumns?.has(place) && !cell.matches(".whole");
  return rows.map((row) => [...row.cells].filter(isShown).map(textOf));
}
