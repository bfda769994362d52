//! The SIMD instruction set that a lane computes with, and a profile of the time in each phase of a step.

use std::time::{Duration, Instant};

use pulp::Arch;

/// A phase of a step, for profiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Drawing latents, gathering images.
    Inputs,
    /// Drawing dropout masks.
    Masks,
    /// Products of forward passes, with activations.
    Forward,
    /// Normalisations, forward and backward.
    Norms,
    /// Unfolding images to patches and folding patches to images, for convolutions.
    Patches,
    /// Losses.
    Losses,
    /// Transpositions.
    Transpositions,
    /// Products that compute the gradient of a layer's input from that of its output.
    Backward,
    /// Products that compute gradients of weights, with the optimiser's updates.
    Updates,
}

impl Phase {
    /// In the order of a step.
    pub const ALL: [Self; 9] = [
        Self::Inputs,
        Self::Masks,
        Self::Forward,
        Self::Norms,
        Self::Patches,
        Self::Losses,
        Self::Transpositions,
        Self::Backward,
        Self::Updates,
    ];
}

/// An instruction set and an optional profile.
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

    /// Starts profiling.
    pub(super) fn start_clock(&mut self) {
        self.clock = Some(Clock { last: Instant::now(), spent: Default::default() });
    }

    /// Starts a lap. The time since the last one belongs to no phase.
    pub(super) fn begin(&mut self) {
        if let Some(clock) = &mut self.clock {
            clock.last = Instant::now();
        }
    }

    /// Adds the time since the last call to `phase`, and starts the next lap.
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
