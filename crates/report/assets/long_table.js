// @ts-check
// A table whose rows are sorted, hidden and shown. Of many rows only those near the visible part are in the page: a
// browser lays out a few hundred in an instant, and ten thousand in seconds.

import { onWholePage } from "./paper.js";
import { watchNearness } from "./viewport.js";

const MOST_WHOLE = 400;
// Rows above and below the visible part, so that a quick scroll meets no gap.
const SPARE = 25;
// With fewer spare rows than these other rows are placed: a turn of the wheel goes past six.
const ROOM = 10;
// Until a row has been laid out.
const USUAL_HEIGHT = 41;

const tables = new WeakMap();

export class LongTable {
  constructor(table) {
    tables.set(table, this);
    this.table = table;
    this.body = table.tBodies[0];
    this.scroller = table.closest(".scroller");
    this.rows = [...this.body.rows];
    this.heights = new WeakMap();
    // Called whenever other rows are in the page.
    this.placed = () => {};
    // Printing and the browser's own search want all rows.
    this.whole = false;
    this.inView = false;
    this.stale = true;
    // The rows that are neither hidden nor filtered out, once they are asked for.
    this.known = null;
    // Which of them are in the page.
    this.placedSpan = [0, 0];
    // Rows that stand for those that are not in the page.
    /** @type {HTMLTableRowElement | null} */
    this.above = null;
    /** @type {HTMLTableRowElement | null} */
    this.below = null;
    this.isLong = this.rows.length > MOST_WHOLE;
    if (!this.isLong) return;
    [this.above, this.below] = [spacer(this.headings.length), spacer(this.headings.length)];
    table.setAttribute("aria-rowcount", this.rows.length + 1);
    this.watch();
    this.place();
  }

  // Takes the rows in another order.
  sort(rows) {
    this.rows = rows;
    this.refresh();
    if (!this.isLong) this.body.append(...rows);
  }

  // Rows were hidden or shown. Out of sight they wait: to place them, the page must be laid out.
  refresh() {
    this.whole = false;
    this.stale = true;
    this.known = null;
    if (this.isLong && this.inView) this.place();
  }

  insertAfter(row, other) {
    this.rows.splice(this.rows.indexOf(row) + 1, 0, other);
    row.after(other);
    this.known = null;
    if (this.isLong) this.place();
  }

  remove(row) {
    this.rows.splice(this.rows.indexOf(row), 1);
    row.remove();
    this.known = null;
    if (this.isLong) this.place();
  }

  // A look at ten thousand rows is too slow for each frame of a scroll: there is one after each change.
  get shown() {
    this.known ??= this.rows.filter((row) => !row.hidden && !row.classList.contains("off"));
    return this.known;
  }

  // The shown row so many places after another, brought into the page; undefined at either end.
  neighbour(row, by) {
    const { shown } = this;
    const next = shown[shown.indexOf(row) + by];
    if (next && !next.isConnected) {
      this.scroller.scrollTop += by * USUAL_HEIGHT * SPARE;
      this.place();
    }
    return next;
  }

  watch() {
    let [waiting, width] = [false, this.scroller.clientWidth];
    const placeSoon = () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => {
        waiting = false;
        const { clientWidth } = this.scroller;
        if (clientWidth !== width) for (const { style } of this.headings) style.minWidth = "";
        else if (this.hasRoom()) return;
        width = clientWidth;
        this.place();
      });
    };
    this.scroller.addEventListener("scroll", placeSoon, { passive: true });
    new ResizeObserver(placeSoon).observe(this.scroller);
    watchNearness(this.scroller, 400, (isNear) => {
      this.inView = isNear;
      if (isNear && this.stale) this.place();
    });
    const placeAll = (whole) => {
      this.whole = whole;
      this.place();
    };
    onWholePage(() => placeAll(true), () => placeAll(false));
  }

  get headings() {
    return this.table.tHead.rows[0].cells;
  }

  // Puts the rows near the visible part into the page, and takes the others out.
  place() {
    this.stale = false;
    const { shown, above, below } = this;
    if (!above || !below) return;
    const [from, to] = this.whole ? [0, shown.length] : this.span();
    this.placedSpan = [from, to];
    const heightOf = (row) => this.heights.get(row) ?? USUAL_HEIGHT;
    const height = (rows) => `${rows.reduce((sum, row) => sum + heightOf(row), 0)}px`;
    const wanted = [above, ...shown.slice(from, to), below];
    above.style.height = height(shown.slice(0, from));
    below.style.height = height(shown.slice(to));
    replaceRows(this.body, wanted);
    const visible = this.scroller.clientHeight > 0;
    wanted.slice(1, -1).forEach((row, place) => {
      row.setAttribute("aria-rowindex", from + place + 2);
      if (visible) this.heights.set(row, row.offsetHeight);
    });
    this.keepWidths();
    this.placed();
  }

  // The indices of the first visible row and of the one after the last.
  visibleSpan() {
    const { shown } = this;
    const { scrollTop, clientHeight } = this.scroller;
    let [end, first, last] = [0, shown.length, shown.length];
    for (let place = 0; place < shown.length; place += 1) {
      end += this.heights.get(shown[place]) ?? USUAL_HEIGHT;
      if (end > scrollTop && first === shown.length) first = place;
      if (end > scrollTop + clientHeight) {
        last = place + 1;
        break;
      }
    }
    return [first, last];
  }

  // The indices of the first row to place and of the one after the last.
  span() {
    const [first, last] = this.visibleSpan();
    return [Math.max(0, first - SPARE), Math.min(this.shown.length, last + SPARE)];
  }

  // Whether the rows in the page still reach beyond the visible part.
  hasRoom() {
    if (this.stale) return false;
    const [[first, last], [from, to]] = [this.visibleSpan(), this.placedSpan];
    return (from === 0 || first - from >= ROOM) && (to >= this.shown.length || to - last >= ROOM);
  }

  // Columns become no narrower while other rows come into view.
  keepWidths() {
    const headings = [...this.headings];
    // All are read before one is written: each reading after a writing would lay the page out again.
    const widths = headings.map(({ offsetWidth }) => offsetWidth);
    headings.forEach(({ style }, place) => {
      if (widths[place] > (parseFloat(style.minWidth) || 0)) style.minWidth = `${widths[place]}px`;
    });
  }
}

// A row that is as high as those that it stands for.
function spacer(columns) {
  const row = Object.assign(document.createElement("tr"), { className: "spacer", ariaHidden: "true" });
  row.insertCell().colSpan = columns;
  return row;
}

// All rows of a table, in their order, whether they are in the page or not.
export function allRows(table) {
  return tables.get(table)?.rows ?? [...table.tBodies[0].rows];
}

// Makes these the rows of a body. Rows that stay are not touched: one of them may have the focus.
function replaceRows(body, rows) {
  const wanted = new Set(rows);
  // A copy: `rows` shrinks while rows are removed.
  const before = [...body.rows];
  for (const row of before) if (!wanted.has(row)) row.remove();
  let next = body.firstElementChild;
  for (const row of rows) {
    if (row === next) next = row.nextElementSibling;
    else body.insertBefore(row, next);
  }
}
