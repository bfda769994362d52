//! Transposition between what the products read and what they leave.

use pulp::Arch;

use super::matrix::{LINE, Line, Matrix};

/// `to` becomes `from` transposed; columns of padding become zero.
pub(super) fn transpose(arch: Arch, from: &Matrix, to: &mut Matrix) {
    to.reshape(from.cols(), from.rows());
    arch.dispatch(
        #[inline(always)]
        || each_block(from, to, |_, _, line| line),
    );
}

/// `to` becomes `from` transposed times `factor`, element by element.
pub(super) fn transpose_times(arch: Arch, from: &Matrix, factor: &Matrix, to: &mut Matrix) {
    to.reshape(from.cols(), from.rows());
    arch.dispatch(
        #[inline(always)]
        || {
            each_block(from, to, |panel, row, line| {
                let factors = &factor.panel(panel)[row].0;
                Line(std::array::from_fn(|i| line.0[i] * factors[i]))
            })
        },
    );
}

#[inline(always)]
fn each_block(from: &Matrix, to: &mut Matrix, finish: impl Fn(usize, usize, Line) -> Line) {
    for panel in 0..to.panels() {
        let first = panel * LINE;
        let height = LINE.min(from.rows() - first);
        for from_panel in 0..from.panels() {
            let block = &from.panel(from_panel)[first..first + height];
            let width = LINE.min(from.cols() - from_panel * LINE);
            for (i, out) in to.part_mut(panel, from_panel * LINE..from_panel * LINE + width).iter_mut().enumerate() {
                let mut line = Line::ZERO;
                for (value, row) in line.0.iter_mut().zip(block) {
                    *value = row.0[i];
                }
                *out = finish(panel, from_panel * LINE + i, line);
            }
        }
    }
}
