//! The kernel distance (KID, Bińkowski et al. 2018).

use std::ops::Range;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;
use serde::Serialize;

use crate::Features;
use crate::products::{BLOCK, inner_products, product};

/// The subsets that a kernel distance is the mean of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subsets {
    /// Number of subsets.
    pub count: usize,
    /// Images of each from either side; all of the smaller side if it has fewer.
    pub size: usize,
    /// Seed of the stream that draws them.
    pub seed: u64,
}

impl Default for Subsets {
    /// As usual for KID: 100 subsets of 1,000 images.
    fn default() -> Self {
        Self { count: 100, size: 1000, seed: 0 }
    }
}

/// A kernel distance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct KernelDistance {
    /// Mean over the subsets; its expectation does not depend on the number of images.
    pub mean: f64,
    /// Standard deviation over the subsets, with their number in the denominator as torch-fidelity has it.
    pub deviation: f64,
}

/// Unbiased squared maximum mean discrepancy under the kernel `(x.y / dimensions + 1)^3`, over random subsets. NaN
/// for fewer than two images on either side, features that are not finite, or different dimensions.
pub fn kernel_distance(real: Features<'_>, fake: Features<'_>, subsets: Subsets) -> KernelDistance {
    let size = subsets.size.min(real.count()).min(fake.count());
    if size < 2 || subsets.count == 0 || !are_usable(real, fake) {
        return KernelDistance { mean: f64::NAN, deviation: f64::NAN };
    }
    let centre = Centre::of(real);
    let sets = [real, fake].map(|set| centre.rows(set));
    let mut random = ChaCha8Rng::seed_from_u64(subsets.seed);
    let drawn: Vec<[Vec<usize>; 2]> =
        (0..subsets.count).map(|_| [real, fake].map(|set| draw(set.count(), size, &mut random))).collect();
    let values = if real.count().max(fake.count()) <= MOST_SHARED * size {
        shared_discrepancies(&centre, &sets, &drawn)
    } else {
        drawn.par_iter().map(|drawn| subset_discrepancy(&centre, &sets, drawn)).collect()
    };
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    KernelDistance { mean, deviation: (squares / values.len() as f64).sqrt() }
}

/// Up to this number of subset sizes, the kernel of all pairs costs less than those of each subset's pairs: 100 subsets of
/// 1,000 out of 2,000 images have each pair 25 times.
const MOST_SHARED: usize = 4;

fn subset_discrepancy(centre: &Centre, sets: &[Rows; 2], [of_real, of_fake]: &[Vec<usize>; 2]) -> f64 {
    discrepancy(centre, &sets[0].subset(of_real), &sets[1].subset(of_fake))
}

/// The discrepancy of each subset, from one kernel matrix of all images.
fn shared_discrepancies(centre: &Centre, sets: &[Rows; 2], drawn: &[[Vec<usize>; 2]]) -> Vec<f64> {
    let masks = [0, 1].map(|side| Masks::new(sets[side].along.len(), drawn.iter().map(|it| &it[side])));
    let within = [0, 1].map(|side| {
        let sums = masked_sums(centre, [&sets[side], &sets[side]], [&masks[side], &masks[side]]);
        let images: Vec<f64> =
            (0..sets[side].along.len()).map(|image| itself(centre, &sets[side], image)).collect();
        let of_subset = |(sum, drawn): (&f64, &[Vec<usize>; 2])| {
            let diagonal: f64 = drawn[side].iter().map(|image| images[*image]).sum();
            let count = drawn[side].len() as f64;
            (sum - diagonal) / (count * (count - 1.0))
        };
        sums.iter().zip(drawn).map(of_subset).collect::<Vec<f64>>()
    });
    let between = masked_sums(centre, [&sets[0], &sets[1]], [&masks[0], &masks[1]]);
    let pairs = drawn.iter().map(|[of_real, of_fake]| (of_real.len() * of_fake.len()) as f64);
    let each = between.iter().zip(pairs).zip(within[0].iter().zip(&within[1]));
    each.map(|((sum, pairs), (real, fake))| real + fake - 2.0 * sum / pairs).collect()
}

/// Which images belong to which subsets, `[images, subsets]` of ones and zeros.
struct Masks {
    subsets: usize,
    values: Vec<f64>,
}

impl Masks {
    fn new<'s>(images: usize, subsets: impl ExactSizeIterator<Item = &'s Vec<usize>>) -> Self {
        let count = subsets.len();
        let mut values = vec![0.0; images * count];
        for (subset, members) in subsets.enumerate() {
            for image in members {
                values[image * count + subset] = 1.0;
            }
        }
        Self { subsets: count, values }
    }
}

/// For each subset, the sum of the kernel over the pairs of its images of either side.
fn masked_sums(centre: &Centre, [a, b]: [&Rows; 2], [of_a, of_b]: [&Masks; 2]) -> Vec<f64> {
    let subsets = of_a.subsets;
    let of_block = |first: usize| -> Vec<f64> {
        let rows = first..(first + BLOCK).min(a.along.len());
        let kernels: Vec<f64> = kernel_block(centre, a, b, rows.clone());
        let mut sums = vec![0.0; rows.len() * subsets];
        product(&kernels, &of_b.values, subsets, &mut sums);
        let mut of_subsets = vec![0.0; subsets];
        let masks = &of_a.values[rows.start * subsets..rows.end * subsets];
        for (row, mask) in sums.chunks_exact(subsets).zip(masks.chunks_exact(subsets)) {
            for ((total, sum), member) in of_subsets.iter_mut().zip(row).zip(mask) {
                *total += sum * member;
            }
        }
        of_subsets
    };
    let blocks = (0..a.along.len().div_ceil(BLOCK)).into_par_iter().map(|block| of_block(block * BLOCK));
    // Added in the order of the blocks, however many threads there are.
    let mut totals = vec![0.0; subsets];
    for of_block in blocks.collect::<Vec<_>>() {
        for (total, sum) in totals.iter_mut().zip(of_block) {
            *total += sum;
        }
    }
    totals
}

/// The kernel of some rows of `a` with all of `b`.
fn kernel_block(centre: &Centre, a: &Rows, b: &Rows, rows: Range<usize>) -> Vec<f64> {
    let mut products = vec![0.0; rows.len() * b.along.len()];
    inner_products(
        &a.centred[rows.start * a.dimensions..rows.end * a.dimensions],
        &b.centred,
        a.dimensions,
        &mut products,
    );
    let mut kernels = vec![0.0; products.len()];
    let columns = b.along.len();
    let each = kernels.chunks_exact_mut(columns).zip(products.chunks_exact(columns)).zip(&a.along[rows]);
    for ((kernels, products), of_a) in each {
        let rest = of_a + centre.square;
        for ((value, product), of_b) in kernels.iter_mut().zip(products).zip(&b.along) {
            *value = kernel(f64::from(*product) + of_b + rest, a.dimensions);
        }
    }
    kernels
}

/// The squared maximum mean discrepancy of two sets of features over all images at once, without subsets.
pub fn squared_mmd(real: Features<'_>, fake: Features<'_>) -> f64 {
    if real.count() < 2 || fake.count() < 2 || !are_usable(real, fake) {
        return f64::NAN;
    }
    let centre = Centre::of(real);
    discrepancy(&centre, &centre.rows(real), &centre.rows(fake))
}

fn are_usable(real: Features<'_>, fake: Features<'_>) -> bool {
    real.dimensions() == fake.dimensions() && real.is_finite() && fake.is_finite()
}

/// The images of a random subset, without repetition.
fn draw(count: usize, size: usize, random: &mut ChaCha8Rng) -> Vec<usize> {
    let mut images: Vec<usize> = (0..count).collect();
    for index in 0..size {
        let remaining = (count - index) as u64;
        // The bias of this product is below 2^-32 for any number of images that fits in memory.
        let pick = ((random.next_u64() >> 32) * remaining) >> 32;
        images.swap(index, index + pick as usize);
    }
    images.truncate(size);
    images
}

/// What the features are relative to. The discrepancy is a small difference of large sums if the features are far
/// from 0: 32 bits are enough for products of what is left of them only.
struct Centre {
    values: Vec<f32>,
    /// Its squared norm.
    square: f64,
}

/// Features relative to a centre.
struct Rows {
    dimensions: usize,
    /// `x - centre`, `[images, dimensions]`.
    centred: Vec<f32>,
    /// `(x - centre).centre` of each image.
    along: Vec<f64>,
}

impl Centre {
    fn of(set: Features<'_>) -> Self {
        let values: Vec<f32> = set.mean().iter().map(|value| *value as f32).collect();
        Self { square: dot(&values, &values), values }
    }

    fn rows(&self, set: Features<'_>) -> Rows {
        let relative =
            |row: &[f32]| row.iter().zip(&self.values).map(|(value, mean)| value - mean).collect::<Vec<_>>();
        let centred: Vec<f32> = set.rows().flat_map(relative).collect();
        let along = centred.chunks_exact(set.dimensions()).map(|row| dot(row, &self.values)).collect();
        Rows { dimensions: set.dimensions(), centred, along }
    }
}

impl Rows {
    fn count(&self) -> f64 {
        self.along.len() as f64
    }

    fn row(&self, image: usize) -> &[f32] {
        &self.centred[image * self.dimensions..][..self.dimensions]
    }

    fn subset(&self, images: &[usize]) -> Self {
        Self {
            dimensions: self.dimensions,
            centred: images.iter().flat_map(|image| self.row(*image)).copied().collect(),
            along: images.iter().map(|image| self.along[*image]).collect(),
        }
    }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

fn discrepancy(centre: &Centre, real: &Rows, fake: &Rows) -> f64 {
    let within = |set: &Rows| {
        (kernel_sum(centre, set, set) - diagonal_sum(centre, set)) / (set.count() * (set.count() - 1.0))
    };
    within(real) + within(fake) - 2.0 * kernel_sum(centre, real, fake) / (real.count() * fake.count())
}

/// Sum of the kernel over all pairs.
fn kernel_sum(centre: &Centre, a: &Rows, b: &Rows) -> f64 {
    let of_block = |block: usize| -> f64 {
        let rows = block * BLOCK..((block + 1) * BLOCK).min(a.along.len());
        let of_row = |row: &[f64]| row.iter().sum::<f64>();
        kernel_block(centre, a, b, rows).chunks_exact(b.along.len()).map(of_row).sum()
    };
    let blocks = (0..a.along.len().div_ceil(BLOCK)).into_par_iter().map(of_block);
    // Added in the order of the blocks, however many threads there are.
    blocks.collect::<Vec<f64>>().iter().sum()
}

/// Sum of the kernel of each image with itself.
fn diagonal_sum(centre: &Centre, set: &Rows) -> f64 {
    (0..set.along.len()).map(|image| itself(centre, set, image)).sum()
}

/// The kernel of an image with itself.
fn itself(centre: &Centre, set: &Rows, image: usize) -> f64 {
    let row = set.row(image);
    kernel(dot(row, row) + 2.0 * set.along[image] + centre.square, set.dimensions)
}

fn kernel(product: f64, dimensions: usize) -> f64 {
    let base = product / dimensions as f64 + 1.0;
    base * base * base
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(values: &[f32], dimensions: usize) -> Features<'_> {
        Features::new(values, dimensions).unwrap()
    }

    /// Numbers of one distribution, from a formula.
    fn numbers(first: usize, count: usize, shift: f32) -> Vec<f32> {
        (first..first + count).map(|i| ((i * 7919 + i * i * 31) % 1009) as f32 / 1009.0 + shift).collect()
    }

    #[test]
    fn sets_of_two_have_the_value_of_the_formula() {
        // One dimension: the kernel is (xy + 1)^3.
        let found = squared_mmd(set(&[0.0, 1.0], 1), set(&[1.0, 2.0], 1));
        assert!((found - (1.0 + 27.0 - 2.0 * (1.0 + 1.0 + 8.0 + 27.0) / 4.0)).abs() < 1e-12, "{found}");
    }

    #[test]
    fn one_distribution_is_at_about_zero_and_another_is_not() {
        let subsets = Subsets { count: 50, size: 100, seed: 0 };
        let (real, same, other) = (numbers(0, 4000, 0.0), numbers(4000, 4000, 0.0), numbers(8000, 4000, 0.2));
        let near = kernel_distance(set(&real, 4), set(&same, 4), subsets);
        let far = kernel_distance(set(&real, 4), set(&other, 4), subsets);
        assert!(near.mean.abs() < near.deviation && far.mean > 5.0 * far.deviation, "{near:?} {far:?}");
        assert_eq!(kernel_distance(set(&real, 4), set(&same, 4), subsets), near);
        assert_ne!(kernel_distance(set(&real, 4), set(&same, 4), Subsets { seed: 1, ..subsets }), near);
    }

    #[test]
    fn subsets_of_one_kernel_matrix_have_the_discrepancies_of_each_for_itself() {
        let (real, fake) = (numbers(0, 330, 0.0), numbers(400, 250, 0.1));
        let (real, fake) = (set(&real, 5), set(&fake, 5));
        let centre = Centre::of(real);
        let sets = [real, fake].map(|set| centre.rows(set));
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let drawn: Vec<[Vec<usize>; 2]> =
            (0..7).map(|_| [real, fake].map(|set| draw(set.count(), 40, &mut random))).collect();
        for (shared, drawn) in shared_discrepancies(&centre, &sets, &drawn).iter().zip(&drawn) {
            let alone = subset_discrepancy(&centre, &sets, drawn);
            assert!((shared - alone).abs() < 1e-6, "{shared} {alone}");
        }
    }

    #[test]
    fn subsets_that_are_the_whole_sets_do_not_differ() {
        let (real, fake) = (numbers(0, 400, 0.0), numbers(400, 400, 0.1));
        let (real, fake) = (set(&real, 4), set(&fake, 4));
        let found = kernel_distance(real, fake, Subsets { count: 3, size: 5000, seed: 2 });
        assert!((found.mean - squared_mmd(real, fake)).abs() < 1e-6 && found.deviation < 1e-6, "{found:?}");
    }

    #[test]
    fn what_has_no_distance_is_nan() {
        let good = [1.0, 2.0, 3.0, 4.0];
        let good = set(&good, 2);
        for bad in [&[1.0, f32::NAN, 3.0, 4.0][..], &[1.0, 2.0], &[]] {
            assert!(kernel_distance(good, set(bad, 2), Subsets::default()).mean.is_nan());
            assert!(squared_mmd(set(bad, 2), good).is_nan());
        }
        assert!(kernel_distance(good, set(&[1.0, 2.0, 3.0], 1), Subsets::default()).deviation.is_nan());
    }
}
