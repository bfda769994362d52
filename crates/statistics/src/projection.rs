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

    /// Adds a column for each level of a factor; returns how many of them are not combinations of earlier columns. To rows
    /// with the level `absent` the factor does not apply: its columns tell the others from each other, and none of them from
    /// these rows.
    pub(crate) fn add_factor(&mut self, levels: &[usize], absent: Option<usize>) -> usize {
        let count = levels.iter().max().map_or(0, |last| last + 1);
        let is_absent = |level: usize| Some(level) == absent;
        let applies = levels.iter().filter(|level| !is_absent(**level)).count() as f64;
        let column = |level: usize| {
            let here = levels.iter().filter(|of_row| **of_row == level).count() as f64;
            let mean = if absent.is_some() { here / applies } else { 0.0 };
            let value = |of_row: &usize| match *of_row {
                other if is_absent(other) => 0.0,
                other => f64::from(u8::from(other == level)) - mean,
            };
            levels.iter().map(value).collect()
        };
        (0..count).filter(|level| !is_absent(*level)).filter(|level| self.add_column(column(*level))).count()
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
        assert_eq!(model.add_factor(&[0, 0, 1, 1], None), 1);
        assert!((model.residual_squares() - 10.0).abs() < 1e-12);
    }

    #[test]
    fn a_factor_does_not_explain_how_rows_differ_to_which_it_does_not_apply() {
        let mut model = Projection::constant(&[1.0, 3.0, 110.0, 114.0]);
        let before = model.residual_squares();
        assert_eq!(model.add_factor(&[0, 1, 2, 2], Some(2)), 1);
        // (3 - 1)^2 / 2
        assert!((before - model.residual_squares() - 2.0).abs() < 1e-9);
    }

    #[test]
    fn a_factor_that_others_determine_adds_nothing() {
        let mut model = Projection::constant(&[1.0, 3.0, 10.0, 14.0, 2.0, 0.0]);
        assert_eq!(model.add_factor(&[0, 1, 2, 0, 1, 2], None), 2);
        let before = model.residual_squares();
        assert_eq!(model.add_factor(&[1, 0, 0, 1, 0, 0], None), 0);
        assert_eq!(model.residual_squares().to_bits(), before.to_bits());
    }
}
