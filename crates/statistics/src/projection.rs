//! Least squares with the columns of factors, which may depend on each other.

/// An orthonormal basis of the columns added so far, the constant included, and what of `y` it does not explain.
#[derive(Clone)]
pub(crate) struct Projection {
    basis: Vec<Vec<f64>>,
    residual: Vec<f64>,
}

impl Projection {
    /// The model with a mean alone.
    pub(crate) fn constant(y: &[f64]) -> Self {
        let mut model = Self { basis: Vec::new(), residual: y.to_vec() };
        model.add_column(vec![1.0; y.len()]);
        model
    }

    /// Adds a column for each level of a factor; returns how many of them are not combinations of earlier columns.
    pub(crate) fn add_factor(&mut self, levels: &[usize]) -> usize {
        let count = levels.iter().max().map_or(0, |last| last + 1);
        let indicator =
            |level: usize| levels.iter().map(|of_row| f64::from(u8::from(*of_row == level))).collect();
        (0..count).filter(|level| self.add_column(indicator(*level))).count()
    }

    /// Sum of squares that the model leaves.
    pub(crate) fn residual_squares(&self) -> f64 {
        dot(&self.residual, &self.residual)
    }

    /// Whether the column added a dimension.
    fn add_column(&mut self, mut column: Vec<f64>) -> bool {
        // Relative to the length of the column: what remains of one that depends on others is rounding.
        const INDEPENDENT: f64 = 1e-9;
        let length = dot(&column, &column).sqrt();
        // A second pass removes what rounding left in the first (Giraud, Langou and Rozložník 2005).
        for _ in 0..2 {
            for direction in &self.basis {
                subtract(&mut column, direction);
            }
        }
        let rest = dot(&column, &column).sqrt();
        if rest <= INDEPENDENT * length {
            return false;
        }
        for value in &mut column {
            *value /= rest;
        }
        subtract(&mut self.residual, &column);
        self.basis.push(column);
        true
    }
}

/// Subtracts from a vector its projection on a direction of length 1.
fn subtract(vector: &mut [f64], direction: &[f64]) {
    let length = dot(vector, direction);
    for (value, part) in vector.iter_mut().zip(direction) {
        *value -= length * part;
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_leaves_the_squares_within_its_levels() {
        let mut model = Projection::constant(&[1.0, 3.0, 10.0, 14.0]);
        assert!((model.residual_squares() - 110.0).abs() < 1e-12);
        assert_eq!(model.add_factor(&[0, 0, 1, 1]), 1);
        assert!((model.residual_squares() - 10.0).abs() < 1e-12);
    }

    #[test]
    fn a_factor_that_others_determine_adds_nothing() {
        let mut model = Projection::constant(&[1.0, 3.0, 10.0, 14.0, 2.0, 0.0]);
        assert_eq!(model.add_factor(&[0, 1, 2, 0, 1, 2]), 2);
        let before = model.residual_squares();
        assert_eq!(model.add_factor(&[1, 0, 0, 1, 0, 0]), 0);
        assert_eq!(model.residual_squares().to_bits(), before.to_bits());
    }
}
