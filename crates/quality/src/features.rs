//! A matrix of features.

/// Features of images, `[images, dimensions]`, image by image.
#[derive(Debug, Clone, Copy)]
pub struct Features<'a> {
    values: &'a [f32],
    dimensions: usize,
}

impl<'a> Features<'a> {
    /// A matrix with that many columns; `None` if the values do not fill its rows.
    pub fn new(values: &'a [f32], dimensions: usize) -> Option<Self> {
        (dimensions > 0 && values.len().is_multiple_of(dimensions)).then_some(Self { values, dimensions })
    }

    /// Number of images.
    pub fn count(self) -> usize {
        self.values.len() / self.dimensions
    }

    /// Number of features of an image.
    pub fn dimensions(self) -> usize {
        self.dimensions
    }

    /// All values, image by image.
    pub fn values(self) -> &'a [f32] {
        self.values
    }

    /// The features of an image.
    pub fn row(self, image: usize) -> &'a [f32] {
        &self.values[image * self.dimensions..][..self.dimensions]
    }

    /// The features of each image.
    pub fn rows(self) -> impl ExactSizeIterator<Item = &'a [f32]> {
        self.values.chunks_exact(self.dimensions)
    }

    /// Whether no value is NaN or infinite.
    pub fn is_finite(self) -> bool {
        self.values.iter().all(|value| value.is_finite())
    }

    /// Mean of each feature; zeros without an image.
    pub(crate) fn mean(self) -> Vec<f64> {
        let mut mean = vec![0.0; self.dimensions];
        for row in self.rows() {
            for (sum, value) in mean.iter_mut().zip(row) {
                *sum += f64::from(*value);
            }
        }
        let count = self.count().max(1) as f64;
        for sum in &mut mean {
            *sum /= count;
        }
        mean
    }
}

/// Squared Euclidean distance.
pub(crate) fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    // Four sums, so that the processor need not wait for each addition.
    let mut sums = [0.0; 4];
    let (mut of_a, mut of_b) = (a.chunks_exact(4), b.chunks_exact(4));
    for (a, b) in of_a.by_ref().zip(of_b.by_ref()) {
        for lane in 0..4 {
            let difference = f64::from(a[lane]) - f64::from(b[lane]);
            sums[lane] += difference * difference;
        }
    }
    let rest = of_a.remainder().iter().zip(of_b.remainder());
    sums.iter().sum::<f64>() + rest.map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>()
}
