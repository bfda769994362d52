// @ts-check
// A page that a server sent follows the database: it loads again when there is new data. The reader's choices are in
// the address. Nothing is loaded while the reader is in the middle of something.

const LOST = "Not connected: the page stays as it is";

// `keep` writes the reader's choices into the address before the page loads again.
export function followDatabase(keep) {
  const { live, livePause } = document.documentElement.dataset;
  if (live === undefined) return;
  recallPlace();
  const button = document.querySelector("button.live");
  /** @type {EventSource | undefined} */
  let events;
  let [pending, asking, lastTry, lastUse] = [false, false, Date.now(), 0];
  const say = (text, kind) => {
    button.textContent = text;
    button.dataset.kind = kind;
  };
  const isInUse = () => isBusy() || Date.now() - lastUse < 1500;
  // Loading from a server that has gone would put the browser's error page in place of this one.
  const load = async (isWanted) => {
    if (asking) return;
    asking = true;
    const answers = await isServed();
    asking = false;
    if (!answers) {
      lastTry = Date.now();
      say(LOST, "lost");
    } else if (isWanted || !isInUse()) {
      keep();
      notePlace();
      location.reload();
    }
  };
  const consider = () => {
    if (!pending || document.hidden) return;
    if (Date.now() - lastTry < Number(livePause)) return;
    if (isInUse()) say("New data: load", "new");
    else load(false);
  };
  const listen = () => {
    events?.close();
    // A browser opens six connections to a server at most, for all tabs together.
    if (document.hidden) return;
    events = new EventSource("/events");
    events.onmessage = ({ data }) => {
      const [version, end] = data.split(" ");
      pending = version !== live;
      // What the server has now is the last that it will send.
      if (end !== undefined) lastTry = 0;
      if (!pending) say("Live", "live");
      consider();
    };
    events.onerror = () => {
      // The first message after the connection is back says whether there is something new.
      pending = false;
      say(LOST, "lost");
    };
  };
  for (const kind of ["pointermove", "pointerdown", "keydown", "wheel", "touchstart"])
    addEventListener(kind, () => (lastUse = Date.now()), { passive: true, capture: true });
  addEventListener("visibilitychange", listen);
  button.addEventListener("click", () => load(true));
  setInterval(consider, 500);
  listen();
}

// Whether the server would send this page.
function isServed() {
  return fetch(location.pathname + location.search, { method: "HEAD", cache: "no-store" }).then(
    ({ ok }) => ok,
    () => false,
  );
}

// Whether loading the page would take something away from the reader.
function isBusy() {
  const selected = getSelection();
  return (
    document.querySelector("dialog[open], .play[aria-pressed='true'], :active:not(html, body)") !== null ||
    (selected !== null && !selected.isCollapsed)
  );
}

// What is open and has the focus is not in the address: it is the reader's, and no part of a copied address.
function notePlace() {
  const open = [...document.querySelectorAll("details")].map((details) => details.open);
  const expanded = [...document.querySelectorAll(".expand[aria-expanded='true']")].map(
    (button) => button.closest("[data-config]")?.dataset.config,
  );
  const focus = /** @type {HTMLElement} */ (document.activeElement)?.dataset.control ?? null;
  sessionStorage.setItem("gansweep-place", JSON.stringify({ open, expanded, focus, top: scrollY }));
}

function recallPlace() {
  const noted = sessionStorage.getItem("gansweep-place");
  if (noted === null) return;
  sessionStorage.removeItem("gansweep-place");
  const { open, expanded, focus, top } = JSON.parse(noted);
  const details = [...document.querySelectorAll("details")];
  // After an update of the program the page may have other parts.
  if (details.length === open.length) details.forEach((one, place) => (one.open = open[place]));
  setTimeout(() => {
    for (const config of expanded)
      document.querySelector(`.sweep:not([hidden]) [data-config="${config}"] .expand`)?.click();
    document.querySelector(`.sweep:not([hidden]) [data-control="${focus}"]`)?.focus({ preventScroll: true });
    scrollTo({ top, behavior: "instant" });
  });
}
