// @ts-check
// Plotly, which the page holds compressed, or which is a file of its own.

let loading = null;

// Decompresses and runs Plotly, once; resolves when `Plotly` is defined.
export function loadPlotly() {
  loading ??= load();
  return loading;
}

async function load() {
  const { linked } = document.getElementById("charting-library").dataset;
  if (linked) await loadFile(linked);
  else await decompress();
}

function loadFile(address) {
  return new Promise((done, fail) => {
    const script = Object.assign(document.createElement("script"), { src: address, onload: done });
    script.onerror = () => fail(new Error(`${address} cannot be loaded`));
    document.head.append(script);
  });
}

async function decompress() {
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
