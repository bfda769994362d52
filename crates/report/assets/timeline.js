// @ts-check
// A slider over the epochs and a play button.

// Returns a function that stops the animation.
/** @param {import("./state.js").State} state */
export function setUpTimeline(timeline, state) {
  const { epochs } = state.sweep.samples;
  const slider = timeline.querySelector("input");
  const play = timeline.querySelector(".play");
  let timer = 0;
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    play.setAttribute("aria-pressed", "false");
  };
  // A single run's grid may be of an epoch of its own, between two of the slider's.
  const place = () => epochs.findLastIndex((epoch) => epoch <= state.epoch);
  const advance = () => state.setEpoch(epochs[(place() + 1) % epochs.length]);
  const start = () => {
    play.setAttribute("aria-pressed", "true");
    timer = setInterval(advance, millisecondsPerEpoch(epochs.length));
    advance();
  };
  slider.addEventListener("input", () => {
    stop();
    state.setEpoch(epochs[slider.value]);
  });
  play.addEventListener("click", () => (timer ? stop() : start()));
  state.on("epoch", () => {
    slider.value = String(place());
    slider.setAttribute("aria-valuetext", `epoch ${state.epoch}`);
    timeline.querySelector("output").textContent = state.epoch;
  });
  return stop;
}

// Few epochs are shown slowly enough to look at each; many play like a video.
function millisecondsPerEpoch(epochs) {
  if (epochs <= 12) return 600;
  return epochs <= 40 ? 300 : 125;
}
