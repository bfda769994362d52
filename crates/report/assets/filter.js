// The filters, the pinned runs at the foot of the window, and the marks of both on every element
// that stands for a run.

function setUpFilter(root, state, colors) {
  const { runs } = state.sweep;
  const elements = [...root.querySelectorAll("[data-run]")];
  const matches = root.querySelector(".matches");

  root
    .querySelector("[data-control=filter]")
    .addEventListener("input", (event) => state.search(event.target.value));
  for (const button of root.querySelectorAll(".statefilter button")) {
    button.addEventListener("click", () => {
      state.toggleState(button.dataset.state);
      button.setAttribute("aria-pressed", String(!state.mutedStates.has(button.dataset.state)));
    });
  }
  state.on("visible", () => {
    for (const element of elements) element.classList.toggle("off", !state.visible[element.dataset.run]);
    const shown = state.visible.filter(Boolean).length;
    matches.textContent = `${shown} of ${runs.length} runs`;
  });
  state.on("focus", () => {
    const lit = new Set(state.lit);
    root.classList.toggle("focused", lit.size > 0);
    for (const element of elements) element.classList.toggle("lit", lit.has(Number(element.dataset.run)));
  });
  setUpPointing(root, state);
  setUpPins(root, state, colors);
  setUpUses(root, state);
}

// Whatever stands for a run lights it up while it is pointed at or has the focus.
function setUpPointing(root, state) {
  const runOf = (event) => event.target.closest?.("[data-run]");
  const enter = (event) => {
    const element = runOf(event);
    state.point(element ? [Number(element.dataset.run)] : []);
  };
  for (const area of root.querySelectorAll(".samples, .runs")) {
    area.addEventListener("pointerover", (event) => {
      if (event.pointerType !== "touch") enter(event);
    });
    area.addEventListener("pointerleave", () => state.point([]));
    area.addEventListener("focusin", (event) => {
      if (event.target.matches(":focus-visible")) enter(event);
    });
    area.addEventListener("focusout", () => state.point([]));
  }
}

// A value in the table of differences lights up its runs.
function setUpUses(root, state) {
  for (const button of root.querySelectorAll("[data-runs]")) {
    const runs = button.dataset.runs.split(" ").filter(Boolean).map(Number);
    button.addEventListener("pointerenter", () => state.point(runs));
    button.addEventListener("pointerleave", () => state.point([]));
    button.addEventListener("focus", () => state.point(runs));
    button.addEventListener("blur", () => state.point([]));
    button.addEventListener("click", () => state.togglePins(runs));
  }
}

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
      ? `${few}${more}<button class="clear">Unpin ${pins.length > 1 ? "all" : ""}</button>`
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
    if (event.key === "Escape" && !document.querySelector("dialog[open]")) state.unpinAll();
  });
  state.on("pins", show);
  state.on("color", show);
}

function pinHtml(sweep, run) {
  const { label, finals } = sweep.runs[run];
  const scores = sweep.columns
    .slice(0, 2)
    .map((column, place) => (finals[place] ? `${column.title} ${finals[place].text}` : ""))
    .filter(Boolean)
    .join("  ·  ");
  return html`<span class="pin" data-pin="${run}">
    <i class="swatch"></i><span>${label}</span><span class="scores">${scores}</span>
    <button class="drop" aria-label="Unpin ${label}">×</button>
  </span>`;
}
