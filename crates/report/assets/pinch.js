// @ts-check
// Zooming a chart with two fingers. One finger scrolls the page.

// Calls `zoom` with a new x range while two fingers move on the plot; `range` returns the present one.
export function watchPinch(plot, range, margin, zoom) {
  let start = null;
  const across = ({ touches }) => {
    const { left } = plot.getBoundingClientRect();
    const width = plot.clientWidth - margin.l - margin.r;
    return [...touches].map((touch) => (touch.clientX - left - margin.l) / width).sort((a, b) => a - b);
  };
  plot.addEventListener("touchstart", (event) => {
    if (event.touches.length !== 2) return;
    const [from, to] = range();
    start = across(event).map((share) => from + share * (to - from));
  });
  plot.addEventListener(
    "touchmove",
    (event) => {
      if (!start || event.touches.length !== 2) return;
      event.preventDefault();
      const [left, right] = across(event);
      if (right - left < 0.02) return;
      const width = (start[1] - start[0]) / (right - left);
      const from = start[0] - left * width;
      zoom([from, from + width]);
    },
    { passive: false },
  );
  plot.addEventListener("touchend", () => {
    start = null;
  });
}
