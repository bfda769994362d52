// The wall of sample grids: one epoch for all, images decoded when they come into view.

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
    if (!state.sweep.samples.geometry) return;
    this.watchThumbs();
    this.watchShots(openViewer);
    this.setUpReals();
    this.setUpControls();
    this.setUpSize();
    state.on("epoch", () => this.near.forEach((shot) => this.fill(shot)));
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
      for (const shot of this.shots) this.fill(shot);
    });
  }

  fillThumb(thumb) {
    const run = thumb.closest("tr").dataset.run;
    thumb.querySelector("img").src = pngs(`grids-${this.index}-${run}`).at(-1) ?? "";
  }

  setUpReals() {
    for (const shot of this.section.querySelectorAll(".real")) {
      shot.querySelector("img").src = pngs(`real-${this.index}-${shot.dataset.real}`)[0] ?? "";
    }
  }

  fill(shot) {
    showGrid(shot, this.state, this.index, Number(shot.dataset.run));
  }

  setUpControls() {
    setUpTimeline(this.section.querySelector(".timeline"), this.state);
    const invert = this.section.querySelector("[data-control=invert]");
    const apply = () => this.root.classList.toggle("inverted", invert.checked);
    invert.addEventListener("change", apply);
    apply();
  }

  // Enlarged grids are whole multiples of the images' own pixels on this screen, so that every
  // pixel is equally large; smaller ones are smoothed.
  setUpSize() {
    const { cols, width } = this.state.sweep.samples.geometry;
    const whole = (factor) => factor < 1 || Number.isInteger(factor * devicePixelRatio);
    const sizes = [0.4, 0.5, 0.75, 1, 1.5, 2, 3, 4]
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
    const { runs, samples } = this.state.sweep;
    const side = (row) => row.reduce((sum, cell) => sum + across(cell.length), 0);
    const widest = samples.wall.columns
      ? Math.max(...samples.wall.cells.map(side))
      : Math.min(4, runs.length);
    const reals = samples.real.length ? 1 : 0;
    const room = this.section.querySelector(".gallery").clientWidth - 90 - 46 * reals;
    const fits = sizes.findLastIndex((size) => reals * size + widest * (size + 20) <= room && size <= 300);
    return Math.max(0, fits);
  }
}
