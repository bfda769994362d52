// Operates the page's controls and logs one line per check; the last line is `end`.

function say(line) {
  console.log(`checks> ${line.replaceAll("\n", " ")}`);
}
function giveUp(reason) {
  say(`the checks stopped: ${reason}`);
  say("end");
}
addEventListener("error", (event) => giveUp(event.message));
addEventListener("unhandledrejection", (event) => giveUp(event.reason));
function check(name, body) {
  try {
    body();
    say(`${name}: ok`);
  } catch (error) {
    say(`${name}: ${error.message}`);
  }
}
function that(truth, message = "is not so") {
  if (!truth) throw new Error(message);
}
function equal(actual, expected) {
  that(
    JSON.stringify(actual) === JSON.stringify(expected),
    `${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`,
  );
}
async function frames(count) {
  for (let frame = 0; frame < count; frame += 1)
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 20)));
}
const one = (selector) => document.querySelector(selector);
const all = (selector) => [...document.querySelectorAll(selector)];
function set(selector, value) {
  const input = one(selector);
  if (input.type === "radio" || input.type === "checkbox") input.checked = value;
  else input.value = value;
  input.dispatchEvent(new Event("input", { bubbles: true }));
  input.dispatchEvent(new Event("change", { bubbles: true }));
}
// Waits until something holds, for ten seconds at most.
async function until(holds) {
  for (let round = 0; round < 200 && !holds(); round += 1) await frames(2);
}
const key = (target, name) => target.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));
async function show(selector) {
  one(selector)?.scrollIntoView({ behavior: "instant" });
  await frames(20);
  await until(() => !one(".sweep:not([hidden]) .chart") || one(".sweep:not([hidden]) .chart .plot").data);
}
const { sweeps } = JSON.parse(one("#report-data").textContent);
// --- checks ---

const columns = all(".runtable thead th").map((heading) => heading.textContent.trim());
const column = (name) =>
  all(".runtable tbody tr")
    .filter((row) => !row.classList.contains("off"))
    .map((row) => row.cells[columns.indexOf(name)].textContent.trim());
const sorted = (values, sign) =>
  values.every((value, place) => place === 0 || sign * (value - values[place - 1]) >= 0);

// The table
check("the table has a row per run", () => equal(column("seed").length, 8));
one("[data-sort='final:0']").click();
check("a click sorts a column upwards", () =>
  that(sorted(column("D loss").map(Number), 1), column("D loss").join()),
);
check("the sorted column says so", () =>
  equal(one("[data-sort='final:0']").closest("th").getAttribute("aria-sort"), "ascending"),
);
one("[data-sort='final:0']").click();
check("a second click sorts it downwards", () =>
  that(sorted(column("D loss").map(Number), -1), column("D loss").join()),
);
one("[data-sort='axis:0']").click();
check("swept keys sort as numbers", () => equal([...new Set(column("lr"))], ["2e-4", "1e-3"]));
one("[data-sort=state]").click();
check("states sort as words", () =>
  equal([column("state")[0].slice(0, 9), column("state").at(-1).slice(0, 11)], ["completed", "interrupted"]),
);
one("[data-sort=seed]").click();

// The sample grids
await show(".samples");
const figures = all(".sample[data-run]");
const pictures = () => figures.map((figure) => figure.querySelector("img").getAttribute("src"));
const last = pictures();
check("every run's last grid is shown", () =>
  that(last.every((source) => source?.startsWith("data:image/png;base64,"))),
);
check("grids are laid out by the swept keys", () =>
  equal(
    all(".gallery th").map((heading) => heading.textContent.trim()),
    ["lr", "hidden 128", "hidden 256", "2e-4", "1e-3"],
  ),
);
check("real images are shown beside them", () => that(one(".real img").src.startsWith("data:image/png;base64,")));
check("a run that ended early says when", () =>
  that(figures.find((figure) => figure.dataset.run === "6").textContent.includes("epoch 2")),
);
set(".bar [data-control=epoch]", 0);
await frames(3);
const first = pictures();
const changed = figures
  .filter((_, place) => first[place] && first[place] !== last[place])
  .map((figure) => Number(figure.dataset.run));
check("the slider changes every grid that has a later one", () =>
  equal(changed.sort(), [0, 1, 2, 3, 4, 6, 7]),
);
check("the slider says the epoch", () => equal(one(".bar .timeline output").textContent, "0"));
one(".bar .play").click();
await new Promise((done) => setTimeout(done, 1500));
check("play moves on", () => that(Number(one(".bar .timeline output").textContent) > 0));
one(".bar .play").click();
check("play stops", () => equal(one(".bar .play").getAttribute("aria-pressed"), "false"));
set(".samples [data-control=invert]", true);
check("black on white inverts the images", () =>
  that(getComputedStyle(figures[0].querySelector("img")).filter.includes("invert")),
);
set(".samples [data-control=size]", 2);
check("the size control enlarges them", () => equal(figures[0].getBoundingClientRect().width, 3 * 56));
one(".sample[data-run='2'] button").click();
check("a click enlarges a grid", () =>
  that(one(".viewer").open && one(".viewer h2").textContent === "lr=2e-4 hidden=256 seed=1"),
);
one(".viewer .next").click();
check("the viewer goes on to the next run", () =>
  equal(one(".viewer h2").textContent, "lr=2e-4 hidden=256 seed=2"),
);
check("the viewer tells why a run ended", () => that(one(".viewer .cause").textContent.length > 0));
key(one(".viewer .next"), "ArrowLeft");
check("the arrow keys go from run to run", () => equal(one(".viewer h2").textContent, "lr=2e-4 hidden=256 seed=1"));
const shownEpoch = Number(one(".bar .timeline output").textContent);
key(one(".viewer .next"), shownEpoch ? "ArrowDown" : "ArrowUp");
check("and from epoch to epoch", () =>
  equal(Number(one(".viewer .timeline output").textContent), shownEpoch ? shownEpoch - 1 : 1),
);
one(".viewer .close").click();
check("the viewer closes", () => that(!one(".viewer").open));

// The curves
await show(".curves");
await show(".chartgroup:last-child");
await show(".curves");
const plots = all(".chart .plot");
check("every chart is drawn", () =>
  equal(plots.filter((plot) => plot.querySelector(".scatterlayer .trace")).length, 7),
);
check("a value of the colour key is a trace", () => equal(plots[0].data.length, 4));
check("gaps stand for what is not finite", () =>
  that(plots[0].data.every((trace) => trace.y.every((y) => y === null || Number.isFinite(y)))),
);
check("divergence is marked", () => equal(plots[0].data.at(-1).x.length, 1));
check("probabilities have the whole range", () => equal(plots[2].layout.yaxis.range, [-0.02, 1.02]));
const steps = Math.max(...plots[0].data[0].x);
set("[data-option=x][value=epoch]", true);
await frames(20);
check("the x axis switches to epochs", () =>
  equal([Math.max(...plots[0].data[0].x), plots[0].layout.xaxis.title.text], [3, "epochs"]),
);
set("[data-option=x][value=images_seen]", true);
await frames(20);
check("the x axis switches to images", () => equal(Math.max(...plots[0].data[0].x), 100 * steps));
set("[data-option=x][value=seconds]", true);
await frames(20);
check("the x axis switches to time", () => equal(Math.max(...plots[0].data[0].x), steps / 100));
// A busy machine draws the other charts later.
const axisOf = (plot) => plot.layout.xaxis.title.text;
await until(() => plots.every((plot) => axisOf(plot) === axisOf(plots[0])));
const whole = [...plots[0].layout.xaxis.range];
await Plotly.relayout(plots[0], { "xaxis.range[0]": 3, "xaxis.range[1]": 6 });
await frames(5);
check("zooming one chart zooms all", () =>
  equal(
    plots.map((plot) => plot.layout.xaxis.range),
    plots.map(() => [3, 6]),
  ),
);
plots[0].emit("plotly_doubleclick");
await frames(5);
check("a double click zooms all out", () =>
  equal([plots[0].layout.xaxis.range, plots[6].layout.xaxis.range], [whole, whole]),
);
set("[data-option=scale][value=log]", true);
await frames(20);
check("the y axis becomes logarithmic", () => equal(plots[0].layout.yaxis.type, "log"));
set("[data-option=scale][value=linear]", true);
set("[data-control=color]", "state");
await frames(20);
check("another key colours the runs", () =>
  equal(
    all(".legend button").map((entry) => entry.textContent.trim().split(" ")[0]),
    ["completed", "diverged", "failed", "interrupted"],
  ),
);
// The button's way, up to the download.
let saved = null;
const { downloadImage } = Plotly;
Plotly.downloadImage = (figure, options) => {
  saved = { figure, options };
};
one(".chart .modebar-btn[data-title='Save as SVG']").click();
Plotly.downloadImage = downloadImage;
const svg = decodeURIComponent(await Plotly.toImage(saved.figure, saved.options));
check("a saved chart has a title, its metric and a legend", () =>
  that(["D loss · lr", "completed", "state"].every((text) => svg.includes(text)), svg.slice(0, 300)),
);
const drawn = () => plots[0].data.slice(0, -2).reduce((sum, trace) => sum + trace.y.length, 0);
const before = drawn();
one(".legend button").click();
await frames(20);
check("the legend hides runs everywhere", () => that(drawn() < before && column("seed").length === 3));
one(".legend button").click();
await frames(20);
check("and shows them again", () => equal([drawn(), column("seed").length], [before, 8]));
one(".legend button").click();
set("[data-control=color]", "seed");
await frames(20);
check("another colouring shows what the legend hid", () => equal([drawn(), column("seed").length], [before, 8]));
set("[data-control=color]", "state");
await frames(20);

// Hovering and pinning
const isHighlighted = (plot) => {
  const canvas = plot.querySelector("canvas");
  return canvas
    ? canvas
        .getContext("2d")
        .getImageData(0, 0, canvas.width, canvas.height)
        .data.some((value) => value > 0)
    : false;
};
check("nothing is highlighted at first", () => that(!isHighlighted(plots[0])));
const drag = plots[0].querySelector(".nsewdrag");
const area = drag.getBoundingClientRect();
const share = (value, [from, to]) => (value - from) / (to - from);
const { xaxis, yaxis } = plots[0].layout;
const clientX = area.left + area.width * share(plots[0].data[0].x[2], xaxis.range);
const clientY = area.bottom - area.height * share(plots[0].data[0].y[2], yaxis.range);
drag.dispatchEvent(new MouseEvent("mousemove", { bubbles: true, clientX, clientY }));
await frames(10);
check("hovering over a line highlights its run everywhere", () =>
  that(isHighlighted(plots[0]) && isHighlighted(plots[6]) && all(".sample.highlighted").length === 1 && all("tr.highlighted").length === 1),
);
check("a tooltip names the run", () =>
  that(!one(".tip").hidden && one(".tip").textContent.includes("seed=")),
);
drag.dispatchEvent(new MouseEvent("mouseout", { bubbles: true }));
await frames(10);
check("moving the pointer away ends it", () => that(!isHighlighted(plots[0]) && one(".tip").hidden));
one(".runtable tr[data-run='6']").click();
check("a click pins a run", () =>
  that(!one(".pinned").hidden && one(".runtable tr[data-run='6']").getAttribute("aria-selected") === "true"),
);
check("the pinned run is highlighted", () =>
  that(isHighlighted(plots[0]) && one(".sample[data-run='6']").classList.contains("highlighted")),
);
const opacity = (element) => getComputedStyle(element).opacity;
one(".sample[data-run='6'] button").click();
check("a viewer shows a pinned run's and other samples in full", () =>
  equal(
    [...all(".viewer .sample"), ...all(".gallery .sample")].filter((sample) => opacity(sample) !== "1").length,
    0,
  ),
);
one(".viewer .close").click();
await frames(15);
check("the address has the pin", () => that(location.hash.includes(`pins=${sweeps[0].runs[6].id.slice(0, 12)}`), location.hash));
key(one("[data-control=filter]"), "Escape");
check("escape in the filter leaves the pins", () => that(!one(".pinned").hidden));
document.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }));
check("escape unpins", () => that(one(".pinned").hidden && !isHighlighted(plots[0])));

// Filters
set("[data-control=filter]", "seed=1 lr=1e-3");
check("words filter the runs", () => equal(column("lr"), ["1e-3", "1e-3"]));
check("grids of other runs are dimmed", () => equal(all(".sample[data-run].off").length, 6));
await frames(15);
check("the address has the filter", () => equal(new URLSearchParams(location.hash.slice(1)).get("filter"), "seed=1 lr=1e-3"));
for (const [text, rows] of [["lr=0.0002", 4], ["lr>5e-4 !diverged", 3], ["state!=completed", 3], ["d_loss=nan", 0]]) {
  set("[data-control=filter]", text);
  check(`the filter knows ${text}`, () => equal(column("seed").length, rows));
}
set("[data-control=filter]", "lrr=1");
check("a key that is none is said beside the filter", () =>
  that(!one(".bar .fault").hidden && one(".bar .fault").textContent.includes("there is no key `lrr`")),
);
set("[data-control=filter]", "seed=77");
await frames(20);
check("without a run a chart has no numbers and says why", () =>
  equal(
    [plots[0].querySelectorAll(".xtick, .ytick").length, getComputedStyle(one(".chart .no-lines")).display],
    [0, "block"],
  ),
);
check("the reset button is there", () => that(!one(".reset").hidden));
one(".reset").click();
check("reset shows all runs and empties the filter", () =>
  equal([column("seed").length, one("[data-control=filter]").value, one(".reset").hidden], [8, "", true]),
);
const stops = all(".sweep button, .sweep [tabindex='0']").filter(
  (element) => element.tabIndex === 0 && element.offsetParent !== null,
);
check("all samples are one tab stop", () => equal(stops.filter((stop) => stop.matches(".frame")).length, 1));
key(one(".gallery .frame"), "ArrowRight");
one(".statefilter [data-state=completed]").click();
check("states filter the runs", () =>
  equal([column("seed").length, one(".matches").textContent], [3, "3 of 8 runs"]),
);
one(".statefilter [data-state=completed]").click();
// --- checks ---
await frames(5);
check("no fault was reported", () => equal(window.faults, []));
const requests = performance
  .getEntriesByType("resource")
  .map((entry) => entry.name)
  .filter((name) => !/^(data|blob):/.test(name));
check("nothing was requested", () => equal(requests, []));
say("end");
