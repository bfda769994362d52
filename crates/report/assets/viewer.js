// One run's samples enlarged, beside real images and what is known of the run.

function setUpViewer(sweepIndex, state) {
  const dialog = document.querySelector(".viewer");
  const { sweep } = state;
  let current = -1;
  let stop = () => {};

  const walk = (by) => {
    const shown = sweep.runs.map((_, run) => run).filter((run) => state.visible[run] || run === current);
    open(shown[(shown.indexOf(current) + by + shown.length) % shown.length]);
  };
  const showGrid = () => {
    if (!dialog.open || current < 0 || dialog.dataset.sweep !== String(sweepIndex)) return;
    const run = sweep.runs[current];
    const place = gridAt(run, state.epoch);
    const image = dialog.querySelector(".main img");
    if (place >= 0) image.src = pngs(`grids-${sweepIndex}-${current}`)[place];
    else image.removeAttribute("src");
    const slider = dialog.querySelector("input");
    if (slider) slider.value = String(Math.max(0, sweep.samples.epochs.indexOf(state.epoch)));
    dialog.querySelector(".epoch-shown").textContent =
      place >= 0 ? `epoch ${run.grids[place].epoch}` : "no samples";
  };
  function open(run) {
    current = run;
    stop();
    dialog.dataset.sweep = sweepIndex;
    dialog.innerHTML = viewerHtml(sweep, run, sweepIndex);
    if (sweep.samples.epochs.length) stop = setUpTimeline(dialog.querySelector(".timeline"), state);
    dialog.querySelector(".previous").onclick = () => walk(-1);
    dialog.querySelector(".next").onclick = () => walk(1);
    dialog.querySelector(".close").onclick = () => dialog.close();
    if (!dialog.open) dialog.showModal();
    dialog.querySelector(".next").focus();
    showGrid();
  }
  state.on("epoch", showGrid);
  dialog.addEventListener("close", () => stop());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  return open;
}

function viewerHtml(sweep, place, sweepIndex) {
  const run = sweep.runs[place];
  const { samples } = sweep;
  const real = samples.real[0];
  const realHtml = real
    ? html`<figure class="shot"><div class="frame"><img alt="Real images" src="${pngs(`real-${sweepIndex}-0`)[0]}"></div><figcaption><span class="what">Real ${real.dataset}</span></figcaption></figure>`
    : "";
  const facts = viewerFacts(sweep, run)
    .map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)
    .join("");
  const why = run.cause ? html`<p class="why">${run.cause}</p>` : "";
  const last = Math.max(0, samples.epochs.length - 1);
  return (
    html`<header><h2>${run.label}</h2><span class="state ${run.state}"><i></i><span>${run.state}</span></span>` +
    `
    <button class="previous" aria-label="Previous run">←</button><button class="next" aria-label="Next run">→</button><button class="close">Close</button></header>
    <div class="body${real ? "" : " lone"}">
    <div class="main"><figure class="shot"><div class="frame"><img alt="Samples, enlarged"></div></figure>
    <div class="timeline"><button class="play" aria-label="Play the epochs" aria-pressed="false"><svg viewBox="0 0 16 16" aria-hidden="true"><path class="go" d="M4.5 2.6v10.8L13 8z"/><path class="halt" d="M4 3h3v10H4zM9 3h3v10H9z"/></svg></button>
    <label><input type="range" min="0" max="${last}" step="1" aria-label="Epoch"><span class="epoch-shown"></span></label></div></div>
    ${realHtml}
    <div><dl>${facts}</dl>${why}</div></div>`
  );
}

function viewerFacts(sweep, run) {
  const facts = run.values.flatMap((value, axis) =>
    value === null ? [] : [[sweep.axes[axis].key, sweep.axes[axis].values[value].text]],
  );
  facts.push(["seed", run.seed], ["steps", `${run.step} of ${run.total_steps}`]);
  sweep.columns.forEach((column, place) => {
    if (run.finals[place]) facts.push([column.title, run.finals[place].text]);
  });
  if (Number(run.seconds.value)) facts.push(["time", run.seconds.text]);
  if (run.images_per_second) facts.push(["images/s", run.images_per_second.text]);
  for (const { attempt, device, lane, state } of run.attempts) {
    facts.push([`attempt ${attempt}`, [state, device, lane].filter(Boolean).join(", ")]);
  }
  facts.push(["run", run.id]);
  return facts;
}
