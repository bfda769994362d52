// @ts-check
// Light or dark: as the system has it, or as the reader chooses. The choice is the reader's and of all pages: it is not in
// the address.

// It has the event "change" when the system changes, and when the reader does.
export const darkScheme = matchMedia("(prefers-color-scheme: dark)");

const KEY = "gansweep-theme";

// Whether the page is dark now.
export function isDark() {
  const { theme } = document.documentElement.dataset;
  return theme ? theme === "dark" : darkScheme.matches;
}

// `light`, `dark`, or an empty text for the system's.
function chosen() {
  try {
    const theme = localStorage.getItem(KEY) ?? "";
    return ["light", "dark"].includes(theme) ? theme : "";
  } catch {
    // A browser may forbid pages from a disk to keep anything.
    return "";
  }
}

function keep(theme) {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // It holds for this page then.
  }
}

// Makes the page light or dark; charts and colours follow, as they do when the system changes.
export function applyTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  darkScheme.dispatchEvent(new Event("change"));
}

export function setUpTheme() {
  const picker = document.querySelector("[data-theme-picker]");
  picker.value = chosen();
  if (picker.value) applyTheme(picker.value);
  picker.addEventListener("change", () => {
    keep(picker.value);
    applyTheme(picker.value);
  });
}
