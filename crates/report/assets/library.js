// Plotly, which the page holds compressed.

let loading = null;

// Decompresses and runs Plotly, once; resolves when `Plotly` is defined.
export function loadPlotly() {
  loading ??= load();
  return loading;
}

async function load() {
  if (!("DecompressionStream" in globalThis))
    throw new Error("this browser is too old to decompress them; those since 2023 can");
  const holder = document.getElementById("charting-library");
  const text = atob(holder.textContent);
  const bytes = new Uint8Array(text.length);
  for (let place = 0; place < text.length; place += 1) bytes[place] = text.charCodeAt(place);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.append(script);
  script.remove();
  holder.remove();
}
