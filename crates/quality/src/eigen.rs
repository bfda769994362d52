//! Eigenvalues of symmetric matrices.

/// A symmetric matrix, row by row.
#[derive(Debug, Clone)]
pub(crate) struct Symmetric {
    pub(crate) size: usize,
    pub(crate) values: Vec<f64>,
}

impl Symmetric {
    /// Eigenvalues and eigenvectors (row `i` of the second is that of value `i`), in no order, by Jacobi's rotations
    /// (Golub and Van Loan 2013, section 8.5).
    ///
    /// It takes about `30 size^3` operations, more than a reduction to tridiagonal form would, and finds small
    /// eigenvalues with the smallest errors; feature vectors have a few hundred entries.
    pub(crate) fn eigen(self) -> (Vec<f64>, Vec<f64>) {
        let n = self.size;
        let mut vectors: Vec<f64> =
            (0..n * n).map(|place| f64::from(u8::from(place % (n + 1) == 0))).collect();
        let values = self.diagonalise(Some(&mut vectors));
        (values, vectors)
    }

    /// The eigenvalues alone, without the work that vectors take.
    pub(crate) fn eigenvalues(self) -> Vec<f64> {
        self.diagonalise(None)
    }

    fn diagonalise(mut self, mut vectors: Option<&mut [f64]>) -> Vec<f64> {
        // Convergence is quadratic: ten sweeps are usual.
        const MOST_SWEEPS: usize = 60;
        let n = self.size;
        let whole: f64 = self.values.iter().map(|value| value * value).sum();
        for _ in 0..MOST_SWEEPS {
            let off_diagonal: f64 = self.upper().map(|value| value * value).sum();
            if off_diagonal <= 1e-32 * whole {
                break;
            }
            for p in 0..n {
                for q in p + 1..n {
                    self.rotate(p, q, vectors.as_deref_mut());
                }
            }
        }
        (0..n).map(|i| self.values[i * n + i]).collect()
    }

    fn upper(&self) -> impl Iterator<Item = f64> + '_ {
        (0..self.size)
            .flat_map(move |p| self.values[p * self.size + p + 1..(p + 1) * self.size].iter().copied())
    }

    /// Makes entry `(p, q)` zero.
    fn rotate(&mut self, p: usize, q: usize, vectors: Option<&mut [f64]>) {
        let n = self.size;
        let (of_p, of_q, between) = (self.values[p * n + p], self.values[q * n + q], self.values[p * n + q]);
        // Without an effect on either diagonal entry.
        if between.abs() <= 1e-18 * (of_p.abs() * of_q.abs()).sqrt() || between == 0.0 {
            return;
        }
        let tau = (of_q - of_p) / (2.0 * between);
        let tangent = tau.signum() / (tau.abs() + tau.hypot(1.0));
        let cosine = 1.0 / tangent.hypot(1.0);
        let sine = tangent * cosine;
        // Rows p and q, and what symmetry makes of the columns.
        for k in 0..n {
            let (a, b) = (self.values[p * n + k], self.values[q * n + k]);
            self.values[p * n + k] = cosine * a - sine * b;
            self.values[q * n + k] = sine * a + cosine * b;
        }
        for k in 0..n {
            if k != p && k != q {
                self.values[k * n + p] = self.values[p * n + k];
                self.values[k * n + q] = self.values[q * n + k];
            }
        }
        self.values[p * n + p] = of_p - tangent * between;
        self.values[q * n + q] = of_q + tangent * between;
        self.values[p * n + q] = 0.0;
        self.values[q * n + p] = 0.0;
        let Some(vectors) = vectors else { return };
        let (before, from_q) = vectors.split_at_mut(q * n);
        for (a, b) in before[p * n..(p + 1) * n].iter_mut().zip(&mut from_q[..n]) {
            (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
        }
    }

    /// The positive semidefinite square root; negative eigenvalues, which rounding makes, count as 0.
    pub(crate) fn square_root(self) -> Self {
        let n = self.size;
        let (values, vectors) = self.eigen();
        let mut root = vec![0.0; n * n];
        for (value, vector) in values.iter().zip(vectors.chunks_exact(n)) {
            let weight = value.max(0.0).sqrt();
            for (entry, row) in vector.iter().zip(root.chunks_exact_mut(n)) {
                for (sum, other) in row.iter_mut().zip(vector) {
                    *sum += weight * entry * other;
                }
            }
        }
        Self { size: n, values: root }
    }

    /// `self * other * self`.
    pub(crate) fn sandwich(&self, other: &Self) -> Self {
        let product = multiply(&multiply(&self.values, &other.values, self.size), &self.values, self.size);
        // Rounding differs between the halves.
        let n = self.size;
        let half = |place: usize| f64::midpoint(product[place], product[place % n * n + place / n]);
        Self { size: n, values: (0..n * n).map(half).collect() }
    }

    /// Sum of the diagonal.
    pub(crate) fn trace(&self) -> f64 {
        (0..self.size).map(|i| self.values[i * self.size + i]).sum()
    }
}

fn multiply(a: &[f64], b: &[f64], n: usize) -> Vec<f64> {
    let mut product = vec![0.0; n * n];
    for (row, of_a) in product.chunks_exact_mut(n).zip(a.chunks_exact(n)) {
        for (factor, of_b) in of_a.iter().zip(b.chunks_exact(n)) {
            for (sum, value) in row.iter_mut().zip(of_b) {
                *sum += factor * value;
            }
        }
    }
    product
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn symmetric(size: usize, values: &[f64]) -> Symmetric {
        let value =
            |place: usize| values[(place / size).min(place % size) * size + (place / size).max(place % size)];
        Symmetric { size, values: (0..size * size).map(value).collect() }
    }

    #[test]
    fn eigenvalues_of_a_known_matrix_come_out() {
        let (mut values, _) = symmetric(3, &[2.0, -1.0, 0.0, 0.0, 2.0, -1.0, 0.0, 0.0, 2.0]).eigen();
        values.sort_by(f64::total_cmp);
        for (found, expected) in values.iter().zip([2.0 - 2_f64.sqrt(), 2.0, 2.0 + 2_f64.sqrt()]) {
            assert!((found - expected).abs() < 1e-14, "{values:?}");
        }
        assert_eq!(symmetric(2, &[0.0; 4]).eigen().0, [0.0, 0.0]);
    }

    proptest! {
        #[test]
        fn values_and_vectors_make_up_the_matrix(values in proptest::collection::vec(-10.0..10.0, 25)) {
            let matrix = symmetric(5, &values);
            let (eigenvalues, vectors) = matrix.clone().eigen();
            for row in 0..5 {
                for column in 0..5 {
                    let sum: f64 = (0..5).map(|i| eigenvalues[i] * vectors[i * 5 + row] * vectors[i * 5 + column]).sum();
                    prop_assert!((sum - matrix.values[row * 5 + column]).abs() < 1e-12);
                }
            }
        }

        #[test]
        fn a_root_times_itself_is_the_matrix(values in proptest::collection::vec(-3.0..3.0, 16)) {
            let factor = symmetric(4, &values);
            let square = Symmetric { size: 4, values: multiply(&factor.values, &factor.values, 4) };
            let root = square.clone().square_root();
            for (found, expected) in multiply(&root.values, &root.values, 4).iter().zip(&square.values) {
                prop_assert!((found - expected).abs() < 1e-10);
            }
        }
    }
}
