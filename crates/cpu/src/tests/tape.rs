//! Reverse-mode differentiation of scalars in 64-bit floats.

use std::collections::BTreeMap;

/// Numbers by name.
pub(super) type Vars = BTreeMap<String, Vec<Var>>;
/// Rows of numbers.
pub(super) type Batch = Vec<Vec<Var>>;

/// A number that remembers what it was computed from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Var {
    index: usize,
    pub(super) value: f64,
}

/// Every number computed so far, each with the numbers it depends on and its partial derivatives.
#[derive(Debug, Default)]
pub(super) struct Tape(Vec<Vec<(usize, f64)>>);

impl Tape {
    /// A number computed from others, each with the partial derivative.
    pub(super) fn var(&mut self, value: f64, from: impl IntoIterator<Item = (Var, f64)>) -> Var {
        self.0.push(from.into_iter().map(|(var, partial)| (var.index, partial)).collect());
        Var { index: self.0.len() - 1, value }
    }

    /// A number that depends on nothing.
    pub(super) fn leaf(&mut self, value: f64) -> Var {
        self.var(value, [])
    }

    pub(super) fn leaves(&mut self, values: &[f64]) -> Vec<Var> {
        values.iter().map(|&value| self.leaf(value)).collect()
    }

    pub(super) fn add(&mut self, a: Var, b: Var) -> Var {
        self.var(a.value + b.value, [(a, 1.0), (b, 1.0)])
    }

    pub(super) fn sub(&mut self, a: Var, b: Var) -> Var {
        self.var(a.value - b.value, [(a, 1.0), (b, -1.0)])
    }

    pub(super) fn mul(&mut self, a: Var, b: Var) -> Var {
        self.var(a.value * b.value, [(a, b.value), (b, a.value)])
    }

    pub(super) fn scale(&mut self, a: Var, factor: f64) -> Var {
        self.var(a.value * factor, [(a, factor)])
    }

    pub(super) fn mean(&mut self, all: &[Var]) -> Var {
        let count = all.len() as f64;
        let sum: f64 = all.iter().map(|var| var.value).sum();
        self.var(sum / count, all.iter().map(|&var| (var, 1.0 / count)))
    }

    pub(super) fn dot(&mut self, a: &[Var], b: &[Var]) -> Var {
        let sum = a.iter().zip(b).map(|(a, b)| a.value * b.value).sum();
        let partials = a.iter().zip(b).flat_map(|(&a, &b)| [(a, b.value), (b, a.value)]);
        self.var(sum, partials)
    }

    /// The derivatives of `root` with respect to everything.
    pub(super) fn gradient(&self, root: Var) -> Gradient {
        let mut all = vec![0.0; self.0.len()];
        all[root.index] = 1.0;
        for index in (0..=root.index).rev() {
            for &(from, partial) in &self.0[index] {
                all[from] += partial * all[index];
            }
        }
        Gradient(all)
    }
}

/// Derivatives of one number with respect to all on a tape.
#[derive(Debug)]
pub(super) struct Gradient(Vec<f64>);

impl Gradient {
    pub(super) fn of(&self, vars: &[Var]) -> Vec<f64> {
        vars.iter().map(|var| self.0[var.index]).collect()
    }
}
