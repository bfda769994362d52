// When a served page loads again.

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { followDatabase } from "../../assets/live.js";

// A page of version 1 with a server that answers with `status`, or not at all where that is null. `events` is the page's
// connection to it.
function openPage() {
  mock.timers.enable({ apis: ["setInterval", "setTimeout", "Date"], now: 1e6 });
  const page = { reloads: 0, asked: [], status: 200, events: null, button: { dataset: {}, addEventListener: (_, action) => (page.click = action) } };
  Object.assign(globalThis, {
    document: {
      hidden: false,
      documentElement: { dataset: { live: "1", livePause: "3000" } },
      querySelector: (selector) => (selector === "button.live" ? page.button : null),
      querySelectorAll: () => [],
    },
    location: { pathname: "/sweep/lr", search: "", reload: () => (page.reloads += 1) },
    sessionStorage: { getItem: () => null, setItem() {} },
    getSelection: () => null,
    scrollY: 0,
    addEventListener() {},
    EventSource: class {
      constructor() {
        page.events = this;
      }
    },
    fetch: async (address, { method }) => {
      page.asked.push(`${method} ${address}`);
      if (page.status === null) throw new TypeError("no connection");
      return { ok: page.status === 200 };
    },
  });
  followDatabase(() => {});
  return page;
}

// Lets time pass, and what waits for answers go on.
async function pass(milliseconds) {
  mock.timers.tick(milliseconds);
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
}

const following = (name, check) =>
  test(name, async () => {
    try {
      await check(openPage());
    } finally {
      mock.timers.reset();
    }
  });

following("a page with new data loads again after the pause", async (page) => {
  page.events.onmessage({ data: "2" });
  await pass(1000);
  assert.equal(page.reloads, 0);
  await pass(2500);
  assert.deepEqual([page.reloads, page.asked[0]], [1, "HEAD /sweep/lr"]);
});

following("a page loads the end of a sweep without a pause", async (page) => {
  page.events.onmessage({ data: "2 end" });
  await pass(0);
  assert.equal(page.reloads, 1);
});

following("a page that has the end stays", async (page) => {
  page.events.onmessage({ data: "1 end" });
  await pass(10_000);
  assert.deepEqual([page.reloads, page.button.dataset.kind], [0, "live"]);
});

following("a page whose server has gone stays", async (page) => {
  page.events.onmessage({ data: "2" });
  page.events.onerror();
  await pass(10_000);
  assert.deepEqual([page.reloads, page.asked, page.button.dataset.kind], [0, [], "lost"]);
  page.events.onmessage({ data: "2" });
  await pass(0);
  assert.equal(page.reloads, 1, "the server is back");
});

following("a page stays where the server has no answer, also when the reader wants to load it", async (page) => {
  for (const status of [null, 500]) {
    page.status = status;
    page.click();
    await pass(0);
    assert.deepEqual([page.reloads, page.button.dataset.kind], [0, "lost"], `${status}`);
  }
  page.events.onmessage({ data: "2" });
  await pass(2000);
  assert.equal(page.asked.length, 2, "a server at fault is not asked twice a second");
  page.status = 200;
  await pass(1500);
  assert.equal(page.reloads, 1);
});
