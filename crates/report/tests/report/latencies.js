// Uses the page as a reader does, and logs how long each use takes from the event to the next frame; the last line is `end`.

// Resolves when what was changed is on the screen.
function painted() {
  return new Promise((done) => {
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = done;
      port2.postMessage(null);
    });
  });
}

function report(name, spans) {
  const sorted = [...spans].sort((a, b) => a - b);
  const [middle, longest] = [sorted[sorted.length >> 1], sorted.at(-1)].map((span) => span.toFixed(0));
  say(`${name}: ${middle} ms, at most ${longest} ms (${spans.length} times)`);
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// Acts at even times, as a hand does: an action waits for work that the one before has left behind.
async function measured(name, actions, every = 150) {
  await pause(600);
  const [start, spans] = [performance.now() + every, []];
  for (const [place, act] of actions.entries()) {
    const due = start + place * every;
    await pause(Math.max(0, due - performance.now()));
    act();
    await painted();
    spans.push(performance.now() - due);
  }
  report(name, spans);
}

async function inView(selector) {
  one(selector).scrollIntoView({ behavior: "instant" });
  await pause(1500);
}

await painted();
say(`usable after: ${performance.now().toFixed(0)} ms`);
await inView(".curves");
await until(() => one(".chart .plot").data);
say(`first chart after: ${performance.now().toFixed(0)} ms, scrolling included`);

const words = ["l", "lr", "lr=", "lr=1e-3", "lr=1e-3 s", "lr=1e-3 seed<5", "lr=1e-3", "lr", ""];
const type = words.map((text) => () => set("[data-control=filter]", text));
for (const [name, section] of [["findings", ".findings"], ["curves", ".curves"], ["samples", ".samples"], ["space", ".space"], ["runs", ".runs"]]) {
  await inView(section);
  await measured(`keystroke in the filter, ${name} in view`, type);
}

const { epochs } = sweeps[0].samples;
const slide = epochs.map((_, place) => () => set(".bar [data-control=epoch]", place));
for (const [name, section] of [["samples", ".samples"], ["curves", ".curves"]]) {
  await inView(section);
  await measured(`epoch slider, ${name} in view`, slide);
}

const enter = (element) => element.dispatchEvent(new PointerEvent("pointerover", { bubbles: true, pointerType: "mouse" }));
await inView(".runs");
await measured("pointer over a row", all(".runtable tbody tr[data-run]").slice(0, 20).map((row) => () => enter(row)));
await inView(".samples");
await measured("pointer over a grid", all(".gallery .sample[data-run]").slice(0, 20).map((grid) => () => enter(grid)));
await inView(".curves");
const drag = one(".chart .nsewdrag");
const { left, top, width, height } = drag.getBoundingClientRect();
const move = (share) => () =>
  drag.dispatchEvent(new MouseEvent("mousemove", { bubbles: true, clientX: left + width * share, clientY: top + height * (0.3 + share / 3) }));
await measured("pointer over a chart", Array.from({ length: 20 }, (_, place) => move(0.1 + place / 25)));

for (const table of [".by-config", ".runs"]) {
  const scroller = one(`${table} .scroller`);
  if (!scroller || scroller.scrollHeight < 3000) continue;
  await inView(table);
  const [gaps, rows] = [[], one(`${table} tbody`).rows.length];
  scroller.scrollTop = 0;
  await painted();
  for (let frame = 0; frame < 90; frame += 1) {
    const before = performance.now();
    // A quick turn of the wheel in each frame; one jump to the middle.
    scroller.scrollTop += frame === 45 ? scroller.scrollHeight / 2 : 240;
    await painted();
    gaps.push(performance.now() - before);
  }
  report(`frame while the table ${table} scrolls, ${rows} rows in the page`, gaps);
}
say("end");
