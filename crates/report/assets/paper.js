// @ts-check
// Printing. Before other modules draw for paper, the page takes the widths of a sheet (`print.css`) and light colours, and what
// is folded on the screen is opened. Paper and the browser's own search get all of the
// page, also what the screen has only near the visible part.

// Whether the page is being printed.
export function isPaper() {
  return document.documentElement.classList.contains("paper");
}

// To be called before anything that draws on `beforeprint`: listeners run in the order of their registration.
export function setUpPaper() {
  const { classList, dataset } = document.documentElement;
  let opened = [];
  /** @type {string | undefined} */
  let theme;
  addEventListener("beforeprint", () => {
    classList.add("paper");
    // Paper is white, whatever the screen is.
    theme = dataset.theme;
    dataset.theme = "light";
    opened = [...document.querySelectorAll("details.source:not([open])")];
    for (const details of opened) details.open = true;
  });
  addEventListener("afterprint", () => {
    classList.remove("paper");
    if (theme) dataset.theme = theme;
    else delete dataset.theme;
    for (const details of opened) details.open = false;
  });
}

// Calls `show` when the browser is about to print or to search the page (Ctrl+F): both want what is out of sight, too. Calls
// `restore` after printing; when a search ends, nobody says.
export function onWholePage(show, restore = () => {}) {
  addEventListener("beforeprint", show);
  addEventListener("afterprint", restore);
  addEventListener("keydown", ({ key, ctrlKey, metaKey }) => {
    if ((ctrlKey || metaKey) && key.toLowerCase() === "f") show();
  });
}
