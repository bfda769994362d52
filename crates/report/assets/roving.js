// @ts-check
// One tab stop for many elements: the tab key reaches the one that last had the focus, the arrow keys the rest.

// Makes the elements of `area` that match `selector` one tab stop. Hidden ones are passed over.
export function oneTabStop(area, selector) {
  const items = () => [...area.querySelectorAll(selector)].filter((item) => item.offsetParent !== null);
  const move = (item) => {
    for (const other of area.querySelectorAll(`${selector}[tabindex='0']`)) other.tabIndex = -1;
    if (item) item.tabIndex = 0;
  };
  for (const item of area.querySelectorAll(selector)) item.tabIndex = -1;
  move(area.querySelector(selector));
  area.addEventListener("focusin", ({ target }) => {
    if (target.matches(selector)) move(target);
  });
  area.addEventListener("keydown", (event) => {
    if (!event.target.matches(selector)) return;
    const all = items();
    const place = all.indexOf(event.target);
    const next = {
      ArrowRight: place + 1,
      ArrowDown: place + 1,
      ArrowLeft: place - 1,
      ArrowUp: place - 1,
      Home: 0,
      End: all.length - 1,
    }[event.key];
    if (next === undefined || !all[next]) return;
    event.preventDefault();
    all[next].focus();
  });
}
