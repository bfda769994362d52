//! Adam (Kingma and Ba 2015, algorithm 1) as PyTorch computes it, one pass over each parameter.

use gansweep_nn::optimizer::{AdamUpdate, AdamVectors};
use pulp::{Arch, Simd, WithSimd};

use super::matrix::{Line, Matrix, fetch};
use super::product::Finish;

/// A trained tensor with both its moments, in one layout.
#[derive(Debug, Clone)]
pub(super) struct Trained {
    pub(super) value: Matrix,
    pub(super) first: Matrix,
    pub(super) second: Matrix,
}

/// One update under way through a network.
#[derive(Debug)]
pub(super) struct Learning<'a> {
    pub(super) update: AdamUpdate,
    /// Grows by the squares of the gradient, if its norm is asked for.
    pub(super) squares: Option<&'a mut f64>,
}

/// Moves a line of parameters along a line of gradients.
#[inline(always)]
fn apply<S: Simd, const V: usize>(
    update: &AdamVectors<S>,
    simd: S,
    gradient: &[S::f32s; V],
    value: &mut Line,
    first: &mut Line,
    second: &mut Line,
) {
    let value = S::as_mut_simd_f32s(&mut value.0).0;
    let (first, second) = (S::as_mut_simd_f32s(&mut first.0).0, S::as_mut_simd_f32s(&mut second.0).0);
    for v in 0..V {
        update.step(simd, gradient[v], &mut value[v], &mut first[v], &mut second[v]);
    }
}

impl Trained {
    /// Zero, with moments of zero.
    pub(super) fn new(rows: usize, cols: usize) -> Self {
        let zero = Matrix::new(rows, cols);
        Self { value: zero.clone(), first: zero.clone(), second: zero }
    }

    /// Takes the lines of a gradient as a product finishes them.
    pub(super) fn descend<'a>(&'a mut self, learning: &'a mut Learning) -> Descend<'a> {
        Descend {
            rows: self.value.rows(),
            value: self.value.lines_mut(),
            first: self.first.lines_mut(),
            second: self.second.lines_mut(),
            update: &learning.update,
            squares: learning.squares.as_deref_mut(),
        }
    }

    /// Takes a gradient from memory.
    pub(super) fn descend_along(&mut self, arch: Arch, gradient: &Matrix, learning: &mut Learning) {
        arch.dispatch(Along { gradient, descend: self.descend(learning) });
    }
}

/// Updates a parameter with the lines of its gradient.
pub(super) struct Descend<'a> {
    rows: usize,
    value: &'a mut [Line],
    first: &'a mut [Line],
    second: &'a mut [Line],
    update: &'a AdamUpdate,
    squares: Option<&'a mut f64>,
}

impl Finish for Descend<'_> {
    #[inline(always)]
    fn finish<S: Simd, const V: usize, const R: usize>(
        &mut self,
        simd: S,
        row: usize,
        panel: usize,
        lines: [[S::f32s; V]; R],
    ) {
        let at = panel * self.rows + row;
        let update = self.update.vectors(simd);
        let value = &mut self.value[at..at + R];
        let (first, second) = (&mut self.first[at..at + R], &mut self.second[at..at + R]);
        for r in 0..R {
            apply(&update, simd, &lines[r], &mut value[r], &mut first[r], &mut second[r]);
        }
        if let Some(squares) = self.squares.as_deref_mut() {
            for line in &lines {
                add_squares::<S, V>(line, squares);
            }
        }
    }

    #[inline(always)]
    fn prepare(&self, row: usize, panel: usize) {
        let at = panel * self.rows + row;
        fetch(self.value, at);
        fetch(self.first, at);
        fetch(self.second, at);
    }
}

#[cold]
fn add_squares<S: Simd, const V: usize>(line: &[S::f32s; V], squares: &mut f64) {
    let mut values = Line::ZERO;
    S::as_mut_simd_f32s(&mut values.0).0[..V].copy_from_slice(line);
    *squares += values.0.iter().map(|&value| f64::from(value) * f64::from(value)).sum::<f64>();
}

struct Along<'a> {
    gradient: &'a Matrix,
    descend: Descend<'a>,
}

impl WithSimd for Along<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        match S::F32_LANES {
            16 => self.run::<S, 1>(simd),
            8 => self.run::<S, 2>(simd),
            4 => self.run::<S, 4>(simd),
            1 => self.run::<S, 16>(simd),
            lanes => unreachable!("vectors of {lanes} floats"),
        }
    }
}

impl Along<'_> {
    #[inline(always)]
    fn run<S: Simd, const V: usize>(&mut self, simd: S) {
        for panel in 0..self.gradient.panels() {
            for (row, line) in self.gradient.panel(panel).iter().enumerate() {
                let vectors = S::as_simd_f32s(&line.0).0;
                self.descend.finish::<S, V, 1>(simd, row, panel, [std::array::from_fn(|v| vectors[v])]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use gansweep_config::AdamConfig;

    use super::*;

    fn update_all(adam: &AdamConfig, trained: &mut Trained, t: u64, gradients: &[f32]) {
        let gradient = Matrix::from_fn(1, gradients.len(), |_, col| gradients[col]);
        let mut learning = Learning { update: AdamUpdate::new(adam, t), squares: None };
        trained.descend_along(Arch::new(), &gradient, &mut learning);
    }

    #[test]
    fn updates_follow_the_published_formula_over_twelve_orders_of_magnitude() {
        let adam = AdamConfig { lr: 2e-4, beta1: 0.5, beta2: 0.999, eps: 1e-8 };
        let scales: Vec<f64> = (-10..=2).map(|power| 10f64.powi(power)).collect();
        let mut trained = Trained::new(1, scales.len());
        let mut exact = vec![[0.0f64; 3]; scales.len()];
        for t in 1..=200u64 {
            let gradients: Vec<f64> = scales.iter().map(|scale| scale * (t as f64 * 0.7).sin()).collect();
            let narrow: Vec<f32> = gradients.iter().map(|&g| g as f32).collect();
            update_all(&adam, &mut trained, t, &narrow);
            for ([w, m, v], &g) in exact.iter_mut().zip(&narrow) {
                let g = f64::from(g);
                *m = adam.beta1 * *m + (1.0 - adam.beta1) * g;
                *v = adam.beta2 * *v + (1.0 - adam.beta2) * g * g;
                let (m, v) = (*m / (1.0 - adam.beta1.powf(t as f64)), *v / (1.0 - adam.beta2.powf(t as f64)));
                *w -= adam.lr * m / (v.sqrt() + adam.eps);
            }
            for (col, [w, ..]) in exact.iter().enumerate() {
                let error = (f64::from(trained.value.get(0, col)) - w).abs();
                assert!(error < 1e-5 * adam.lr * t as f64, "step {t}, gradients of {}", scales[col]);
            }
        }
    }

    #[test]
    fn plain_slices_of_any_length_get_the_same_bits() {
        let adam = AdamConfig { lr: 2e-4, beta1: 0.5, beta2: 0.999, eps: 1e-8 };
        for count in [1, 7, 16, 37] {
            let mut trained = Trained::new(1, count);
            let mut plain = [vec![0.0f32; count], vec![0.0; count], vec![0.0; count]];
            for t in 1..=5 {
                let gradient: Vec<f32> = (0..count).map(|i| ((i as f32 + 1.3) * t as f32).sin()).collect();
                update_all(&adam, &mut trained, t, &gradient);
                let [value, first, second] = &mut plain;
                AdamUpdate::new(&adam, t).descend(&gradient, value, first, second);
            }
            let [value, first, second] = plain;
            for i in 0..count {
                let expected = [&trained.value, &trained.first, &trained.second].map(|it| it.get(0, i));
                assert_eq!([value[i], first[i], second[i]], expected, "{i} of {count}");
            }
        }
    }

    #[test]
    fn moments_of_a_gradient_that_has_died_become_zero_and_never_subnormal() {
        let adam = AdamConfig { lr: 1e-3, beta1: 0.9, beta2: 0.9, eps: 1e-8 };
        let mut trained = Trained::new(1, 1);
        update_all(&adam, &mut trained, 1, &[0.25]);
        for t in 2..2000 {
            update_all(&adam, &mut trained, t, &[0.0]);
            for moment in [trained.first.get(0, 0), trained.second.get(0, 0)] {
                assert!(moment == 0.0 || moment.is_normal(), "{moment} at {t}");
            }
        }
        assert_eq!((trained.first.get(0, 0), trained.second.get(0, 0)), (0.0, 0.0));
        assert!(trained.value.get(0, 0) < 0.0);
    }

    #[test]
    fn a_gradient_that_is_no_number_is_not_hidden() {
        let adam = AdamConfig { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8 };
        let mut trained = Trained::new(1, 2);
        update_all(&adam, &mut trained, 1, &[f32::NAN, 1.0]);
        assert!(trained.value.get(0, 0).is_nan() && trained.first.get(0, 0).is_nan());
        assert!((trained.value.get(0, 1) + 1e-3).abs() < 1e-8);
    }
}
