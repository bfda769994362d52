// @ts-check
// Printing. Before other modules draw for paper, the page takes the widths of a sheet (`print.css`), and what is folded on
// the screen is opened.

// Whether the page is being printed.
export function isPaper() {
  return document.documentElement.classList.contains("paper");
}

// To be called before anything that draws on `beforeprint`: listeners run in the order of their registration.
export function setUpPaper() {
  let opened = [];
  addEventListener("beforeprint", () => {
    document.documentElement.classList.add("paper");
    opened = [...document.querySelectorAll("details.source:not([open])")];
    for (const details of opened) details.open = true;
  });
  addEventListener("afterprint", () => {
    document.documentElement.classList.remove("paper");
    for (const details of opened) details.open = false;
  });
}
