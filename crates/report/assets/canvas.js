// @ts-check
// Canvases that are as sharp as the screen.

// Empties a canvas and makes it so many CSS pixels large. Returns a pen that counts in these, whatever the screen has for one
// of them.
export function emptyCanvas(canvas, width, height) {
  const scale = devicePixelRatio || 1;
  Object.assign(canvas, { width: Math.round(width * scale), height: Math.round(height * scale) });
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  return pen;
}
