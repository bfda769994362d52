//! Figures by nearest neighbours: precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et
//! al. 2020), and the distance to the nearest image.
//!
//! Distances are first computed in 32 bits, as products of blocks. Where their rounding leaves a comparison open,
//! they are computed again in 64 bits, so that every figure is exact, and the same on every processor.

use rayon::prelude::*;
use serde::Serialize;

use crate::Features;
use crate::features::squared_distance;
use crate::products::{BLOCK, inner_products};

/// Which neighbour the radius of an image reaches to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Neighbours {
    /// For precision and recall.
    pub precision: usize,
    /// For density and coverage.
    pub density: usize,
}

impl Default for Neighbours {
    /// As in the papers.
    fn default() -> Self {
        Self { precision: 3, density: 5 }
    }
}

/// How real the generated images are, and how much of the real ones they reach. All values are NaN if any feature is
/// not finite, or a set has too few images for the neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Fidelity {
    /// Share of generated images within the radius of a real image.
    pub precision: f64,
    /// Share of real images within the radius of a generated image.
    pub recall: f64,
    /// Mean number of real images in whose radius a generated image lies, by the number of neighbours. Not bounded
    /// by 1.
    pub density: f64,
    /// Share of real images with a generated image in their radius.
    pub coverage: f64,
}

impl Fidelity {
    /// All NaN.
    pub const UNKNOWN: Self =
        Self { precision: f64::NAN, recall: f64::NAN, density: f64::NAN, coverage: f64::NAN };
}

/// Real images with the radii of their neighbourhoods, to compare many sets of generated images with.
#[derive(Debug, Clone)]
pub struct RealSet<'a> {
    points: Points<'a>,
    neighbours: Neighbours,
    radii: Radii,
}

impl<'a> RealSet<'a> {
    /// Computes all radii. `None` for features that are not finite, no neighbour, or no more images than neighbours.
    pub fn new(features: Features<'a>, neighbours: Neighbours) -> Option<Self> {
        let centre: Vec<f32> = features.mean().iter().map(|value| *value as f32).collect();
        let points = Points::new(features, &centre)?;
        let radii = Radii::new(&points, neighbours)?;
        Some(Self { points, neighbours, radii })
    }
}

/// Precision, recall, density and coverage. A radius of the first two includes its end, one of the others does not,
/// as their authors have it: images that equal the real ones have a density of 1.
pub fn fidelity(real: &RealSet<'_>, fake: Features<'_>) -> Fidelity {
    let fake =
        Points::new(fake, &real.points.centre).filter(|fake| fake.dimensions() == real.points.dimensions());
    let radii = fake.as_ref().and_then(|fake| Radii::new(fake, real.neighbours));
    let (Some(fake), Some(radii)) = (fake, radii) else { return Fidelity::UNKNOWN };
    let counts = fake.blocks().map(|first| Counts::of_block(real, &fake, &radii, first));
    let counts = counts.reduce(|| Counts::new(real.points.count()), |one, other| one.merge(&other));
    let share = |reached: &[bool]| reached.iter().filter(|it| **it).count() as f64 / reached.len() as f64;
    let images = fake.count() as f64;
    Fidelity {
        precision: counts.precise as f64 / images,
        recall: share(&counts.recalled),
        density: counts.balls as f64 / (images * real.neighbours.density as f64),
        coverage: share(&counts.covered),
    }
}

/// Mean distance of an image of `from` to the nearest one of `to`. Generated images that are nearer to the training images
/// than test images are may be copies of them, or merely vary less: recall tells these apart. NaN without images, for
/// features that are not finite, and for different dimensions.
pub fn mean_nearest_distance(from: Features<'_>, to: Features<'_>) -> f64 {
    let centre: Vec<f32> = to.mean().iter().map(|value| *value as f32).collect();
    let same = from.dimensions() == to.dimensions() && from.count() > 0 && to.count() > 0;
    let (Some(to), true) = (Points::new(to, &centre), same) else { return f64::NAN };
    let Some(from) = Points::new(from, &centre) else { return f64::NAN };
    let of_block = |first| -> Vec<f64> {
        let block = Block::new(&from, &to, first);
        let rows = block.rows().map(|(row, squares)| block.nearest(row, squares, [1], None)[0].sqrt());
        rows.collect()
    };
    let distances: Vec<Vec<f64>> = from.blocks().map(of_block).collect();
    distances.iter().flatten().sum::<f64>() / from.count() as f64
}

/// Features relative to a centre, whose squared norms are small where products cancel.
#[derive(Debug, Clone)]
struct Points<'a> {
    features: Features<'a>,
    centre: Vec<f32>,
    centred: Vec<f32>,
    /// Squared norm of each centred row.
    norms: Vec<f32>,
    largest_norm: f32,
}

impl<'a> Points<'a> {
    /// `None` if a feature is not finite, or too large to be squared.
    fn new(features: Features<'a>, centre: &[f32]) -> Option<Self> {
        let centred: Vec<f32> = features
            .rows()
            .flat_map(|row| row.iter().zip(centre).map(|(value, mean)| value - mean))
            .collect();
        let norm = |row: &[f32]| row.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>() as f32;
        let norms: Vec<f32> = centred.chunks_exact(features.dimensions()).map(norm).collect();
        let largest_norm = norms.iter().copied().fold(0.0, f32::max);
        let is_usable = features.is_finite() && norms.iter().all(|norm| *norm < f32::MAX / 8.0);
        is_usable.then(|| Self { features, centre: centre.to_vec(), centred, norms, largest_norm })
    }

    fn count(&self) -> usize {
        self.features.count()
    }

    fn dimensions(&self) -> usize {
        self.features.dimensions()
    }

    /// The first row of each block.
    fn blocks(&self) -> impl IndexedParallelIterator<Item = usize> {
        (0..self.count().div_ceil(BLOCK)).into_par_iter().map(|block| block * BLOCK)
    }
}

/// The squared radii of the neighbourhoods of a set.
#[derive(Debug, Clone)]
struct Radii {
    precision: Vec<f64>,
    density: Vec<f64>,
}

impl Radii {
    fn new(points: &Points<'_>, neighbours: Neighbours) -> Option<Self> {
        let wanted = [neighbours.precision, neighbours.density];
        if wanted.contains(&0) || wanted.iter().any(|k| *k >= points.count()) {
            return None;
        }
        let of_block = |first| -> Vec<[f64; 2]> {
            let block = Block::new(points, points, first);
            block.rows().map(|(row, squares)| block.nearest(row, squares, wanted, Some(row))).collect()
        };
        let found: Vec<Vec<[f64; 2]>> = points.blocks().map(of_block).collect();
        let (precision, density) = found.into_iter().flatten().map(|[a, b]| (a, b)).unzip();
        Some(Self { precision, density })
    }
}

/// Squared distances of a block of rows to all columns, rounded.
struct Block<'a> {
    from: &'a Points<'a>,
    to: &'a Points<'a>,
    first: usize,
    squares: Vec<f32>,
}

impl<'a> Block<'a> {
    fn new(from: &'a Points<'a>, to: &'a Points<'a>, first: usize) -> Self {
        let last = (first + BLOCK).min(from.count());
        let (dimensions, columns) = (from.dimensions(), to.count());
        let mut squares = vec![0.0; (last - first) * columns];
        let rows = &from.centred[first * dimensions..last * dimensions];
        inner_products(rows, &to.centred, dimensions, &mut squares);
        for (row, norm) in squares.chunks_exact_mut(columns).zip(&from.norms[first..last]) {
            for (square, other) in row.iter_mut().zip(&to.norms) {
                *square = norm + other - 2.0 * *square;
            }
        }
        Self { from, to, first, squares }
    }

    /// Each row with its rounded squared distances.
    fn rows(&self) -> impl Iterator<Item = (usize, &[f32])> {
        self.squares
            .chunks_exact(self.to.count())
            .enumerate()
            .map(|(row, squares)| (self.first + row, squares))
    }

    fn exact(&self, row: usize, column: usize) -> f64 {
        squared_distance(self.from.features.row(row), self.to.features.row(column))
    }

    /// How far a rounded squared distance of the row may be from the exact one: rounding in the centring, in the sums
    /// of products and norms (Higham 2002, section 3.1).
    fn tolerance(&self, row: usize) -> f32 {
        let roundings = self.from.dimensions() as f32 + 16.0;
        roundings * f32::EPSILON / 2.0 * (self.from.norms[row] + self.to.largest_norm)
    }

    /// The exact squared distances to the neighbours of these numbers, one column left out if given.
    fn nearest<const N: usize>(
        &self,
        row: usize,
        squares: &[f32],
        wanted: [usize; N],
        left_out: Option<usize>,
    ) -> [f64; N] {
        let most = wanted.iter().copied().max().unwrap_or(0);
        let mut smallest: Vec<f32> = vec![f32::INFINITY; most];
        for (column, square) in squares.iter().enumerate() {
            if *square < smallest[most - 1] && Some(column) != left_out {
                let place = smallest.partition_point(|other| other <= square);
                smallest[place..].rotate_right(1);
                smallest[place] = *square;
            }
        }
        // The exact distance of the last neighbour is at most a tolerance above, and those of nearer ones at most
        // another one below.
        let bound = smallest[most - 1] + 2.0 * self.tolerance(row);
        let near = squares.iter().enumerate().filter(|(_, square)| **square <= bound);
        let near = near.filter(|(column, _)| Some(*column) != left_out);
        let mut exact: Vec<f64> = near.map(|(column, _)| self.exact(row, column)).collect();
        exact.sort_by(f64::total_cmp);
        wanted.map(|k| exact[k - 1])
    }
}

/// What the generated images of a block reach.
struct Counts {
    precise: usize,
    balls: usize,
    recalled: Vec<bool>,
    covered: Vec<bool>,
}

impl Counts {
    fn new(real: usize) -> Self {
        Self { precise: 0, balls: 0, recalled: vec![false; real], covered: vec![false; real] }
    }

    fn of_block(real: &RealSet<'_>, fake: &Points<'_>, radii: &Radii, first: usize) -> Self {
        let block = Block::new(fake, &real.points, first);
        let mut counts = Self::new(real.points.count());
        for (row, squares) in block.rows() {
            let tolerance = f64::from(block.tolerance(row));
            let mut is_precise = false;
            let radius = radii.precision[row];
            for (column, square) in squares.iter().enumerate() {
                let [of_precision, of_density] = [real.radii.precision[column], real.radii.density[column]];
                let square = f64::from(*square);
                let largest = radius.max(of_precision).max(of_density);
                if square > largest + tolerance {
                    continue;
                }
                let is_near = |other: f64| (square - other).abs() <= tolerance;
                let is_open = is_near(radius) || is_near(of_precision) || is_near(of_density);
                let square = if is_open { block.exact(row, column) } else { square };
                is_precise |= square <= of_precision;
                counts.recalled[column] |= square <= radius;
                let is_covered = square < of_density;
                counts.covered[column] |= is_covered;
                counts.balls += usize::from(is_covered);
            }
            counts.precise += usize::from(is_precise);
        }
        counts
    }

    fn merge(mut self, other: &Self) -> Self {
        for (all, more) in [(&mut self.recalled, &other.recalled), (&mut self.covered, &other.covered)] {
            for (reached, also) in all.iter_mut().zip(more) {
                *reached |= also;
            }
        }
        self.precise += other.precise;
        self.balls += other.balls;
        self
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;

    fn set(values: &[f32], dimensions: usize) -> Features<'_> {
        Features::new(values, dimensions).unwrap()
    }

    fn compare(real: &[f32], fake: &[f32], dimensions: usize) -> Fidelity {
        fidelity(&RealSet::new(set(real, dimensions), Neighbours::default()).unwrap(), set(fake, dimensions))
    }

    /// Random points of a square at that corner: regular ones would have equal distances.
    fn square(corner: f32, count: usize) -> Vec<f32> {
        let mut random = ChaCha8Rng::seed_from_u64(corner.to_bits().into());
        let mut coordinate = || corner + (random.next_u32() >> 8) as f32 / 2_f32.powi(24);
        (0..2 * count).map(|_| coordinate()).collect()
    }

    #[test]
    fn equal_sets_have_all_four_figures_at_one() {
        let points = square(0.0, 500);
        let found = compare(&points, &points, 2);
        assert_eq!(found, Fidelity { precision: 1.0, recall: 1.0, density: 1.0, coverage: 1.0 });
    }

    #[test]
    fn a_generator_of_one_half_of_the_data_recalls_a_half_with_full_precision() {
        let (one, other) = (square(0.0, 400), square(100.0, 400));
        let both = [one.clone(), other.clone()].concat();
        let half = compare(&both, &one, 2);
        assert_eq!((half.precision, half.recall, half.coverage), (1.0, 0.5, 0.5));
        // The other way round, one half of what it makes is real.
        let found = compare(&one, &both, 2);
        assert_eq!((found.precision, found.recall, found.coverage), (0.5, 1.0, 1.0));
        let apart = compare(&one, &other, 2);
        assert_eq!(apart, Fidelity { precision: 0.0, recall: 0.0, density: 0.0, coverage: 0.0 });
    }

    #[test]
    fn a_generator_of_one_image_is_precise_and_recalls_nothing() {
        let real = square(0.0, 400);
        let collapsed = real[..2].repeat(400);
        let found = compare(&real, &collapsed, 2);
        assert_eq!(found.precision, 1.0);
        assert!(found.recall <= 1.0 / 400.0 && found.coverage < 0.05, "{found:?}");
    }

    #[test]
    fn a_large_offset_of_all_features_changes_nothing() {
        let shift = |values: &[f32]| values.iter().map(|value| value + 4096.0).collect::<Vec<_>>();
        // Multiples of 1/256, which the sum holds exactly.
        let round =
            |values: Vec<f32>| values.iter().map(|value| (value * 256.0).round() / 256.0).collect::<Vec<_>>();
        let (real, fake) = (round(square(0.0, 300)), round(square(0.25, 300)));
        assert_eq!(compare(&real, &fake, 2), compare(&shift(&real), &shift(&fake), 2));
    }

    #[test]
    fn a_copy_of_a_training_image_is_at_distance_zero() {
        let training = square(1000.0, 300);
        assert_eq!(mean_nearest_distance(set(&training[20..40], 2), set(&training, 2)), 0.0);
        let away = [1000.5, 1000.5, 900.0, 1000.0];
        let nearest = |x: f32, y: f32| {
            let distance = |point: &[f32]| f64::from(point[0] - x).hypot(f64::from(point[1] - y));
            training.chunks_exact(2).map(distance).fold(f64::INFINITY, f64::min)
        };
        let expected = f64::midpoint(nearest(1000.5, 1000.5), nearest(900.0, 1000.0));
        assert!((mean_nearest_distance(set(&away, 2), set(&training, 2)) - expected).abs() < 1e-9);
    }

    #[test]
    fn what_has_no_neighbours_is_nan() {
        let real = square(0.0, 50);
        let set_of_real = RealSet::new(set(&real, 2), Neighbours::default()).unwrap();
        for bad in [&[f32::NAN; 40][..], &[f32::INFINITY; 40], &[1.0; 10], &[]] {
            let found = fidelity(&set_of_real, set(bad, 2));
            assert!(found.precision.is_nan() && found.recall.is_nan(), "{bad:?}");
            assert!(found.density.is_nan() && found.coverage.is_nan(), "{bad:?}");
            assert!(RealSet::new(set(bad, 2), Neighbours::default()).is_none());
        }
        assert!(fidelity(&set_of_real, set(&real, 1)).precision.is_nan());
        assert!(RealSet::new(set(&real, 2), Neighbours { precision: 0, density: 5 }).is_none());
        assert!(mean_nearest_distance(set(&[], 2), set(&real, 2)).is_nan());
        assert!(mean_nearest_distance(set(&real, 2), set(&[], 2)).is_nan());
        assert!(mean_nearest_distance(set(&[f32::NAN, 1.0], 2), set(&real, 2)).is_nan());
    }
}
