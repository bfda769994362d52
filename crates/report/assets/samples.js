// The wall of sample grids: one epoch for all, images decoded when they come into view.

// The PNGs of a run or of a real grid as data URIs; parsed when first asked for.
const pngCache = new Map();
function pngs(id) {
  if (!pngCache.has(id)) {
    const text = document.getElementById(id)?.textContent ?? "[]";
    pngCache.set(
      id,
      JSON.parse(text).map((png) => `data:image/png;base64,${png}`),
    );
  }
  return pngCache.get(id);
}

// The run's latest grid up to an epoch: its place in the list, -1 before the first.
function gridAt(run, epoch) {
  return run.grids.findLastIndex((grid) => grid.epoch <= epoch);
}

// How many of a cell's grids hang side by side: a few in a row, more in a square.
function across(grids) {
  return grids <= 3 ? Math.max(1, grids) : Math.ceil(Math.sqrt(grids));
}

class Wall {
  constructor(root, index, state, openViewer) {
    this.root = root;
    this.index = index;
    this.state = state;
    this.near = new Set();
    this.section = root.querySelector(".samples");
    this.slider = this.section.querySelector("[data-control=epoch]");
    this.watchThumbs();
    if (!this.slider) return;
    this.watchShots(openViewer);
    this.setUpReals();
    this.setUpControls();
    state.on("epoch", () => this.showEpoch());
    this.setUpSize();
    this.showEpoch();
  }

  // Fills images as they come near the window, and only those.
  watchShots(openViewer) {
    const observer = new IntersectionObserver(
      (entries) => {
        for (const { target, isIntersecting } of entries) {
          if (isIntersecting) this.near.add(target);
          else this.near.delete(target);
          if (isIntersecting) this.fill(target);
        }
      },
      { rootMargin: "400px" },
    );
    this.shots = [...this.section.querySelectorAll(".shot[data-run]")];
    for (const shot of this.shots) {
      observer.observe(shot);
      shot.querySelector("button").addEventListener("click", () => openViewer(Number(shot.dataset.run)));
    }
  }

  watchThumbs() {
    const observer = new IntersectionObserver(
      (entries) => {
        for (const { target, isIntersecting } of entries) {
          if (!isIntersecting) continue;
          observer.unobserve(target);
          this.fillThumb(target);
        }
      },
      { rootMargin: "200px" },
    );
    for (const thumb of this.root.querySelectorAll(".thumb")) observer.observe(thumb);
    addEventListener("beforeprint", () => {
      for (const thumb of this.root.querySelectorAll(".thumb")) this.fillThumb(thumb);
      for (const shot of this.shots ?? []) this.fill(shot);
    });
  }

  fillThumb(thumb) {
    thumb.querySelector("img").src = pngs(this.gridsId(thumb.closest("tr").dataset.run)).at(-1) ?? "";
  }

  gridsId(run) {
    return `grids-${this.index}-${run}`;
  }

  setUpReals() {
    this.section.querySelectorAll(".real").forEach((shot, place) => {
      shot.querySelector("img").src = pngs(`real-${this.index}-${place}`)[0] ?? "";
    });
  }

  fill(shot) {
    const run = this.state.sweep.runs[shot.dataset.run];
    const place = gridAt(run, this.state.epoch);
    const image = shot.querySelector("img");
    if (place >= 0) image.src = pngs(this.gridsId(shot.dataset.run))[place];
    else image.removeAttribute("src");
    image.alt = place >= 0 ? `Samples of ${run.label} after epoch ${run.grids[place].epoch}` : "";
    const epoch = run.grids[place]?.epoch;
    const behind = place >= 0 && epoch < this.state.epoch && place === run.grids.length - 1;
    shot.classList.toggle("ended", behind);
    shot.querySelector(".when").textContent = behind ? `epoch ${epoch}` : "";
  }

  showEpoch() {
    const { epochs } = this.state.sweep.samples;
    this.slider.value = String(
      Math.max(
        0,
        epochs.findLastIndex((epoch) => epoch <= this.state.epoch),
      ),
    );
    this.slider.setAttribute("aria-valuetext", `epoch ${this.state.epoch}`);
    this.section.querySelector(".timeline output").textContent = this.state.epoch;
    for (const shot of this.near) this.fill(shot);
  }

  setUpControls() {
    setUpTimeline(this.section.querySelector(".timeline"), this.state);
    const invert = this.section.querySelector("[data-control=invert]");
    const apply = () => {
      this.root.classList.toggle("inverted", invert.checked);
      document.querySelector(".viewer").classList.toggle("inverted", invert.checked);
    };
    invert.addEventListener("change", apply);
    apply();
  }

  // Enlarged grids are whole multiples of the images' own pixels on this screen, so that every
  // pixel is equally large; smaller ones are smoothed.
  setUpSize() {
    const { cols, width } = this.state.sweep.samples.geometry;
    const whole = (factor) => factor < 1 || Number.isInteger(factor * devicePixelRatio);
    const sizes = [0.5, 0.75, 1, 1.5, 2, 3, 4]
      .filter(whole)
      .map((factor) => Math.round(factor * cols * width))
      .filter((size) => size >= 56 && (size <= 680 || size <= cols * width));
    const control = this.section.querySelector("[data-control=size]");
    control.max = String(sizes.length - 1);
    for (const cell of this.section.querySelectorAll(".cell"))
      cell.style.setProperty("--across", across(cell.childElementCount));
    const apply = () => {
      const size = sizes[control.value];
      this.section.querySelector(".gallery").style.setProperty("--shot", `${size}px`);
      this.section.classList.toggle("smooth-images", size < cols * width);
    };
    control.value = String(this.fittingSize(sizes));
    control.addEventListener("input", apply);
    apply();
  }

  // The largest size at which a row of the matrix fits, but not so large that one row fills the
  // window.
  fittingSize(sizes) {
    const { wall } = this.state.sweep.samples;
    const widest = wall.columns
      ? Math.max(...wall.cells.map((row) => row.reduce((sum, cell) => sum + across(cell.length), 0)))
      : 4;
    const reals = this.state.sweep.samples.real.length ? 1 : 0;
    const room = this.section.querySelector(".gallery").clientWidth - 90 - 46 * reals;
    const fits = sizes.findLastIndex((size) => reals * size + widest * (size + 20) <= room && size <= 300);
    return Math.max(0, fits);
  }
}

// A slider over the epochs and a button that walks through them; there is one in the viewer too.
function setUpTimeline(timeline, state) {
  const { epochs } = state.sweep.samples;
  const slider = timeline.querySelector("input");
  const play = timeline.querySelector(".play");
  let timer = 0;
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    play.setAttribute("aria-pressed", "false");
  };
  const advance = () => state.setEpoch(epochs[(epochs.indexOf(state.epoch) + 1) % epochs.length]);
  slider.addEventListener("input", () => {
    stop();
    state.setEpoch(epochs[slider.value]);
  });
  play.addEventListener("click", () => {
    if (timer) return stop();
    play.setAttribute("aria-pressed", "true");
    timer = setInterval(advance, epochs.length > 40 ? 150 : epochs.length > 12 ? 300 : 600);
    advance();
  });
  return stop;
}
