//! What a lane computes with: the processor's vectors, and a clock for those who ask where the time
//! goes.

use std::time::{Duration, Instant};

use pulp::Arch;

/// A share of a step's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Drawing latents, gathering images.
    Inputs,
    /// Drawing dropout masks.
    Masks,
    /// Products of forward passes, with activations.
    Forward,
    /// `BatchNorm`, forward and backward.
    Norms,
    /// Losses.
    Losses,
    /// Transpositions.
    Transpositions,
    /// Products that carry gradients from a layer's output to its input.
    Backward,
    /// Products that are weights' gradients, with their updates.
    Updates,
}

impl Phase {
    /// In the order of a step.
    pub const ALL: [Self; 8] = [
        Self::Inputs,
        Self::Masks,
        Self::Forward,
        Self::Norms,
        Self::Losses,
        Self::Transpositions,
        Self::Backward,
        Self::Updates,
    ];
}

/// The processor's vectors and an optional clock.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) arch: Arch,
    clock: Option<Clock>,
}

#[derive(Debug)]
struct Clock {
    last: Instant,
    spent: [Duration; Phase::ALL.len()],
}

impl Engine {
    pub(super) fn new(arch: Arch) -> Self {
        Self { arch, clock: None }
    }

    /// Measures from now on.
    pub(super) fn start_clock(&mut self) {
        self.clock = Some(Clock { last: Instant::now(), spent: Default::default() });
    }

    /// Begins a lap: what was before belongs to no phase.
    pub(super) fn begin(&mut self) {
        if let Some(clock) = &mut self.clock {
            clock.last = Instant::now();
        }
    }

    /// Ends a lap that was spent in `phase`.
    pub(super) fn lap(&mut self, phase: Phase) {
        if let Some(clock) = &mut self.clock {
            let now = Instant::now();
            clock.spent[phase as usize] += now - clock.last;
            clock.last = now;
        }
    }

    /// Time spent in each phase.
    pub(super) fn spent(&self) -> [Duration; Phase::ALL.len()] {
        self.clock.as_ref().map_or_else(Default::default, |clock| clock.spent)
    }
}
