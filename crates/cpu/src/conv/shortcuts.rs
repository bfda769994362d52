//! Shortcuts around layers: those that a residual adds, and those that have layers of their own.

use pulp::Arch;

use crate::matrix::{Line, Matrix};

/// What goes around layers: gradients from their end to their start, tangents from their start to their end.
#[derive(Debug, Clone, Default)]
pub(super) struct Shortcuts(Vec<Shortcut>);

#[derive(Debug, Clone)]
struct Shortcut {
    /// The step whose output goes around; `None` for the input of the network.
    start: Option<usize>,
    /// The step that adds it to its input, or takes it in place of its input.
    end: usize,
    kept: Matrix,
}

impl Shortcuts {
    /// Adds one from the output of a step, or the network's input, to the step where it ends. `kept` has room for that output.
    pub(super) fn push(&mut self, start: Option<usize>, end: usize, kept: Matrix) {
        self.0.push(Shortcut { start, end, kept });
    }

    /// Completes the gradient of a step's output, and keeps it for the start of a block that ends there.
    pub(super) fn complete_gradient(&mut self, arch: Arch, step: usize, gradient: &mut Matrix) {
        self.add_to_start(arch, Some(step), gradient);
        for shortcut in self.0.iter_mut().filter(|shortcut| shortcut.end == step) {
            shortcut.kept.copy_from(gradient);
        }
    }

    /// Adds the gradients of the blocks that start with the output of that step, or with the network's input.
    pub(super) fn add_to_start(&self, arch: Arch, start: Option<usize>, gradient: &mut Matrix) {
        for shortcut in self.0.iter().filter(|shortcut| shortcut.start == start) {
            gradient.add(arch, &shortcut.kept);
        }
    }

    /// Completes the tangents of a step's output, and keeps them for the ends of blocks that start there.
    pub(super) fn complete_tangents(&mut self, arch: Arch, step: usize, tangents: &mut Matrix) {
        for shortcut in self.0.iter().filter(|shortcut| shortcut.end == step) {
            tangents.add(arch, &shortcut.kept);
        }
        self.keep_tangents(Some(step), tangents);
    }

    /// Keeps the tangents of that step's output, or of the network's input, for the ends of blocks that start there.
    pub(super) fn keep_tangents(&mut self, start: Option<usize>, tangents: &Matrix) {
        for shortcut in self.0.iter_mut().filter(|shortcut| shortcut.start == start) {
            shortcut.kept.copy_from(tangents);
        }
    }

    /// Lets no gradient arrive at the start of a block unless its end is passed first.
    pub(super) fn clear(&mut self) {
        for shortcut in &mut self.0 {
            shortcut.kept.lines_mut().fill(Line::ZERO);
        }
    }
}
