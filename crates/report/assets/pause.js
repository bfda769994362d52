// @ts-check
// How long charts wait for another change before they are drawn again.

// With more runs than these a chart takes longer to draw than a reader takes for a keystroke.
const MANY_LINES = 200;
const PAUSE = 180;

// Milliseconds without a change after which the charts of so many runs are drawn.
export function pauseBeforeDrawing(runs) {
  return runs > MANY_LINES ? PAUSE : 0;
}
