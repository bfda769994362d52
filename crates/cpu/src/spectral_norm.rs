//! Spectral normalisation of the weight of a product, as [`gansweep_nn::network::WeightMatrix`] defines it.
//!
//! The gradient of such a weight depends on all of the gradient with respect to the normalised one, so it is in memory
//! before the optimiser's update.

use std::ops::Range;

use gansweep_nn::network::SPECTRAL_EPS;
use pulp::{Arch, Simd};

use super::lines::{InVectors, OnLines, vectors, write};
use super::matrix::{Line, Matrix, panels};

/// Lines whose products are added up in single precision, before their sum is added to the others' in double precision.
const BLOCK: usize = 256;
/// Independent sums of the rows of a column. They hide the latency of an addition, and round less than one.
const SUMS: usize = 4;

/// How the matrix `[outputs, inputs]` of a weight lies in the right operand of its product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrangement {
    /// Blocks of rows, one for each pixel that the product writes; a block is `[inputs, channels]`, and the outputs are
    /// the channels of all pixels. With one pixel it is the transpose.
    Blocks(usize),
    /// `[channels, outputs * taps]`; the inputs are the taps of all channels.
    Taps(usize),
    /// `[inputs, outputs + classes]`, with that many outputs: the transposes of a weight and of the embedding of a projection,
    /// each with a norm of its own.
    Projected(usize),
}

/// The norm of a weight, and what divides by it.
#[derive(Debug, Clone)]
pub(super) struct SpectralNorm {
    arrangement: Arrangement,
    /// The weight divided by its norm.
    pub(super) normalised: Matrix,
    /// The left singular vector: a row for each block.
    pub(super) u: Matrix,
    /// The right singular vector, as a column; of [`Arrangement::Projected`] two of them.
    pub(super) v: Matrix,
    /// Both vectors of the average of the weight, if that is kept.
    pub(super) averages: Option<[Matrix; 2]>,
    /// The gradient with respect to the normalised weight; after [`Self::back_propagate`] that of the weight.
    pub(super) gradient: Matrix,
    /// Of the weight, and of the embedding beside it.
    norms: [f32; 2],
    /// `W^T u`, as a column.
    product: Matrix,
    /// Of [`Arrangement::Taps`]: the weight as one block.
    block: Matrix,
}

/// Shapes of `u`, `v` and the block that is made of a weight with that many rows and columns.
fn shapes(rows: usize, cols: usize, arrangement: Arrangement) -> [[usize; 2]; 3] {
    match arrangement {
        Arrangement::Blocks(blocks) => [[blocks, cols], [rows / blocks, 1], [0, 0]],
        Arrangement::Taps(taps) => [[1, cols / taps], [rows * taps, 1], [rows * taps, cols / taps]],
        Arrangement::Projected(_) => [[1, cols], [rows, 2], [0, 0]],
    }
}

/// Lines of the memory beside a weight of that shape.
pub(super) fn lines(rows: usize, cols: usize, arrangement: Arrangement, is_averaged: bool) -> usize {
    let [u, v, block] = shapes(rows, cols, arrangement).map(|[rows, cols]| Matrix::lines_of(rows, cols));
    2 * Matrix::lines_of(rows, cols) + u + 2 * v + block + if is_averaged { u + v } else { 0 }
}

impl SpectralNorm {
    /// Of a weight with that many rows and columns. All zero.
    pub(super) fn new(rows: usize, cols: usize, arrangement: Arrangement) -> Self {
        let [u, v, block] = shapes(rows, cols, arrangement).map(|[rows, cols]| Matrix::new(rows, cols));
        let weight = Matrix::new(rows, cols);
        Self {
            arrangement,
            normalised: weight.clone(),
            u,
            product: v.clone(),
            v,
            averages: None,
            gradient: weight,
            norms: [0.0; 2],
            block,
        }
    }

    /// Divides the weight by its norm, after a power iteration if `iterates`.
    pub(super) fn normalise(&mut self, arch: Arch, weight: &Matrix, iterates: bool) {
        if let Arrangement::Projected(outputs) = self.arrangement {
            return self.normalise_projected(outputs, weight, iterates);
        }
        let norm = self.singular_value(arch, weight, iterates);
        self.norms[0] = norm;
        arch.dispatch(InVectors(Scale { from: Some(weight), to: &mut self.normalised, by: 1.0 / norm }));
    }

    /// The estimate of the largest singular value of a weight without an embedding beside it, after a power iteration if
    /// `iterates`.
    fn singular_value(&mut self, arch: Arch, weight: &Matrix, iterates: bool) -> f32 {
        let Self { arrangement, u, v, product, block, .. } = self;
        let matrix = match *arrangement {
            Arrangement::Blocks(_) | Arrangement::Projected(_) => weight,
            Arrangement::Taps(taps) => {
                to_block(weight, taps, block);
                &*block
            }
        };
        let v_before = iterates.then_some(&*v);
        arch.dispatch(InVectors(Iterate { weight: matrix, v: v_before, u, product }));
        if iterates {
            let inverse = 1.0 / arch.dispatch(InVectors(Dot { a: u, b: u })).sqrt().max(SPECTRAL_EPS) as f32;
            arch.dispatch(InVectors(Scale { from: None, to: u, by: inverse }));
            arch.dispatch(InVectors(Scale { from: None, to: product, by: inverse }));
            let inverse = 1.0
                / arch.dispatch(InVectors(Dot { a: product, b: product })).sqrt().max(SPECTRAL_EPS) as f32;
            arch.dispatch(InVectors(Scale { from: Some(product), to: v, by: inverse }));
        }
        arch.dispatch(InVectors(Dot { a: product, b: v })) as f32
    }

    /// Turns the gradient with respect to the normalised weight into that of the weight.
    pub(super) fn back_propagate(&mut self, arch: Arch) {
        if let Arrangement::Projected(outputs) = self.arrangement {
            return self.back_propagate_projected(outputs);
        }
        let Self { arrangement, normalised, u, v, gradient, norms: [norm, _], .. } = self;
        let along = arch.dispatch(InVectors(Dot { a: gradient, b: normalised })) as f32;
        match *arrangement {
            Arrangement::Blocks(_) | Arrangement::Projected(_) => {
                arch.dispatch(InVectors(WithoutNorm { gradient, u, v, along, norm: *norm }));
            }
            Arrangement::Taps(taps) => {
                for row in 0..gradient.rows() {
                    for col in 0..gradient.cols() {
                        let (output, tap) = (col / taps, col % taps);
                        let change = along * v.get(row * taps + tap, 0) * u.get(0, output);
                        gradient.set(row, col, (gradient.get(row, col) - change) / *norm);
                    }
                }
            }
        }
    }

    /// [`Self::normalise`] of a weight and of the embedding beside it. Such a weight belongs to the last layer of a
    /// discriminator, which has one output.
    fn normalise_projected(&mut self, outputs: usize, weight: &Matrix, iterates: bool) {
        let Self { normalised, u, v, norms, .. } = self;
        let rows = 0..weight.rows();
        for (own, (cols, norm)) in sides(outputs, weight).into_iter().zip(norms).enumerate() {
            let element = |row, col| f64::from(weight.get(row, col));
            if iterates {
                let along =
                    |col| rows.clone().map(|row| element(row, col) * f64::from(v.get(row, own))).sum();
                let left = unit(cols.clone().map(along).collect());
                cols.clone().zip(left).for_each(|(col, value)| u.set(0, col, value));
            }
            let along = |row| cols.clone().map(|col| element(row, col) * f64::from(u.get(0, col))).sum();
            let product: Vec<f64> = rows.clone().map(along).collect();
            if iterates {
                rows.clone().zip(unit(product.clone())).for_each(|(row, value)| v.set(row, own, value));
            }
            *norm =
                product.iter().enumerate().map(|(row, x)| x * f64::from(v.get(row, own))).sum::<f64>() as f32;
            for (row, col) in rows.clone().flat_map(|row| cols.clone().map(move |col| (row, col))) {
                normalised.set(row, col, weight.get(row, col) / *norm);
            }
        }
    }

    fn back_propagate_projected(&mut self, outputs: usize) {
        let Self { normalised, u, v, gradient, norms, .. } = self;
        for (own, (cols, norm)) in sides(outputs, normalised).into_iter().zip(norms).enumerate() {
            let rows = 0..gradient.rows();
            let elements = || rows.clone().flat_map(|row| cols.clone().map(move |col| (row, col)));
            let product =
                |(row, col)| f64::from(gradient.get(row, col)) * f64::from(normalised.get(row, col));
            let along = elements().map(product).sum::<f64>() as f32;
            for (row, col) in elements() {
                let change = along * v.get(row, own) * u.get(0, col);
                gradient.set(row, col, (gradient.get(row, col) - change) / *norm);
            }
        }
    }

    /// Keeps the singular vectors of the average of the weight, which are all zero.
    pub(super) fn keep_averages(&mut self) {
        self.averages = Some([self.u.clone(), self.v.clone()]);
    }

    /// Improves the singular vectors of the average of the weight by a power iteration. They are not averages of the vectors of
    /// the weight: those turn while it is trained, and the mean of vectors that turn is short.
    pub(super) fn follow_average(&mut self, arch: Arch, average: &Matrix) {
        self.swap_averages();
        self.singular_value(arch, average, true);
        self.swap_averages();
    }

    /// Exchanges the singular vectors of the weight with those of its average.
    pub(super) fn swap_averages(&mut self) {
        if let Some([u, v]) = &mut self.averages {
            std::mem::swap(&mut self.u, u);
            std::mem::swap(&mut self.v, v);
        }
    }
}

/// The columns of a weight, and of the embedding beside it.
fn sides(outputs: usize, both: &Matrix) -> [Range<usize>; 2] {
    [0..outputs, outputs..both.cols()]
}

/// A vector divided by its norm.
fn unit(vector: Vec<f64>) -> impl Iterator<Item = f32> {
    let norm = libm::sqrt(vector.iter().map(|x| x * x).sum()).max(SPECTRAL_EPS);
    vector.into_iter().map(move |x| (x / norm) as f32)
}

/// Arranges the taps of all outputs as [`Arrangement::Blocks`] has them. Such a weight belongs to the last layer before an
/// image of few channels, and is small.
fn to_block(weight: &Matrix, taps: usize, block: &mut Matrix) {
    for row in 0..weight.rows() {
        for col in 0..weight.cols() {
            block.set(row * taps + col % taps, col / taps, weight.get(row, col));
        }
    }
}

/// `sum + a * b`.
#[inline(always)]
fn add_product<S: Simd, const V: usize>(simd: S, sum: &mut [S::f32s; V], a: [S::f32s; V], b: [S::f32s; V]) {
    for v in 0..V {
        sum[v] = simd.mul_add_f32s(a[v], b[v], sum[v]);
    }
}

/// `W^T u`, as a column, after `u = W v` if there is a `v`. A part of a panel is in the cache for its second use, so that the
/// weight is read from memory once.
struct Iterate<'a> {
    weight: &'a Matrix,
    v: Option<&'a Matrix>,
    u: &'a mut Matrix,
    product: &'a mut Matrix,
}

impl OnLines for Iterate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) {
        let Self { weight, v, u, product } = self;
        product.lines_mut().fill(Line::ZERO);
        let count = product.rows();
        for panel in 0..weight.panels() {
            for (rows, u) in weight.panel(panel).chunks_exact(count).zip(u.panel_mut(panel)) {
                if let Some(v) = v {
                    write::<S, V>(u, times_column(simd, rows, v.lines()));
                }
                let u = vectors::<S, V>(u);
                for (sum, row) in product.lines_mut().iter_mut().zip(rows) {
                    let mut own = vectors::<S, V>(sum);
                    add_product(simd, &mut own, vectors::<S, V>(row), u);
                    write::<S, V>(sum, own);
                }
            }
        }
        for sum in product.lines_mut() {
            let halves: [f32; 8] = std::array::from_fn(|i| sum.0[i] + sum.0[i + 8]);
            let quarters: [f32; 4] = std::array::from_fn(|i| halves[i] + halves[i + 4]);
            let mut total = Line::ZERO;
            total.0[0] = (quarters[0] + quarters[2]) + (quarters[1] + quarters[3]);
            *sum = total;
        }
    }
}

/// The sum of rows, each times the number of a column.
#[inline(always)]
fn times_column<S: Simd, const V: usize>(simd: S, rows: &[Line], column: &[Line]) -> [S::f32s; V] {
    let mut sums = [[simd.splat_f32s(0.0); V]; SUMS];
    let ((rows, rest), (column, rest_of_column)) = (rows.as_chunks::<SUMS>(), column.as_chunks::<SUMS>());
    for (rows, numbers) in rows.iter().zip(column) {
        for i in 0..SUMS {
            let number = [simd.splat_f32s(numbers[i].0[0]); V];
            add_product(simd, &mut sums[i], vectors::<S, V>(&rows[i]), number);
        }
    }
    for (row, number) in rest.iter().zip(rest_of_column) {
        add_product(simd, &mut sums[0], vectors::<S, V>(row), [simd.splat_f32s(number.0[0]); V]);
    }
    total(simd, sums)
}

#[inline(always)]
fn total<S: Simd, const V: usize>(simd: S, sums: [[S::f32s; V]; SUMS]) -> [S::f32s; V] {
    let [first, second, third, fourth] = sums;
    std::array::from_fn(|v| {
        simd.add_f32s(simd.add_f32s(first[v], second[v]), simd.add_f32s(third[v], fourth[v]))
    })
}

/// The sum of the products of all elements.
struct Dot<'a> {
    a: &'a Matrix,
    b: &'a Matrix,
}

impl OnLines for Dot<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) -> f64 {
        let mut all = 0.0;
        for (a, b) in self.a.lines().chunks(BLOCK).zip(self.b.lines().chunks(BLOCK)) {
            let mut sums = [[simd.splat_f32s(0.0); V]; SUMS];
            let ((a, rest_a), (b, rest_b)) = (a.as_chunks::<SUMS>(), b.as_chunks::<SUMS>());
            for (a, b) in a.iter().zip(b) {
                for i in 0..SUMS {
                    add_product(simd, &mut sums[i], vectors::<S, V>(&a[i]), vectors::<S, V>(&b[i]));
                }
            }
            for (a, b) in rest_a.iter().zip(rest_b) {
                add_product(simd, &mut sums[0], vectors::<S, V>(a), vectors::<S, V>(b));
            }
            let mut line = Line::ZERO;
            write::<S, V>(&mut line, total(simd, sums));
            all += line.0.into_iter().map(f64::from).sum::<f64>();
        }
        all
    }
}

/// Multiplies a matrix by a number, in place unless it is `from` another.
struct Scale<'a> {
    from: Option<&'a Matrix>,
    to: &'a mut Matrix,
    by: f32,
}

impl OnLines for Scale<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) {
        let Self { from, to, by } = self;
        let by = simd.splat_f32s(by);
        let scaled = |line: &Line| vectors::<S, V>(line).map(|vector| simd.mul_f32s(vector, by));
        match from {
            Some(from) => {
                for (to, from) in to.lines_mut().iter_mut().zip(from.lines()) {
                    write::<S, V>(to, scaled(from));
                }
            }
            None => {
                for line in to.lines_mut() {
                    write::<S, V>(line, scaled(line));
                }
            }
        }
    }
}

/// `(G - along * u v^T) / norm`, in place.
struct WithoutNorm<'a> {
    gradient: &'a mut Matrix,
    u: &'a Matrix,
    v: &'a Matrix,
    along: f32,
    norm: f32,
}

impl OnLines for WithoutNorm<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) {
        let Self { gradient, u, v, along, norm } = self;
        let inverse = simd.splat_f32s(1.0 / norm);
        let along = simd.splat_f32s(-along / norm);
        for panel in 0..panels(gradient.cols()) {
            for (rows, u) in gradient.panel_mut(panel).chunks_exact_mut(v.rows()).zip(u.panel(panel)) {
                let u = vectors::<S, V>(u).map(|vector| simd.mul_f32s(vector, along));
                for (row, v) in rows.iter_mut().zip(v.lines()) {
                    let mut own = vectors::<S, V>(row).map(|vector| simd.mul_f32s(vector, inverse));
                    add_product(simd, &mut own, u, [simd.splat_f32s(v.0[0]); V]);
                    write::<S, V>(row, own);
                }
            }
        }
    }
}
