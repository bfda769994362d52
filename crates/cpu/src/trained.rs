//! Trained tensors. The optimiser's update is the epilogue of the product that computes the gradient: it
//! happens while a tile of the gradient is in the first-level cache, in one pass over the tensor and its buffers.

use std::marker::PhantomData;

use gansweep_nn::optimizer::{Elements, Optimizer, Update, Vector, Visitor, splat};
use pulp::{Arch, Simd, WithSimd};

use super::activation::StoreProduct;
use super::lines::{InVectors, OnLines};
use super::matrix::{Line, Matrix, fetch};
use super::product::{AddedPair, Epilogue, product_transposed};
use super::sparse::Input;
use super::spectral_norm::{Arrangement, SpectralNorm};

/// A trained tensor and the buffers of its optimiser, all in one layout.
#[derive(Debug, Clone)]
pub(super) struct Trained {
    pub(super) value: Matrix,
    pub(super) buffers: Vec<Matrix>,
    /// The moving average of the value, if one is kept.
    pub(super) average: Option<Matrix>,
    /// The gradient, if gradients are clipped: an update then has to wait for the norm of all of them.
    pub(super) gradient: Option<Matrix>,
    /// The norm that the value is divided by before products, if it is.
    pub(super) spectral_norm: Option<Box<SpectralNorm>>,
    /// Whether it is a parameter of the network, and no [bias](Self::bias) that stays zero.
    pub(super) is_parameter: bool,
}

/// The optimiser's update of a network during back-propagation.
#[derive(Debug)]
pub(super) struct Learning<'a> {
    pub(super) update: Update,
    /// The share of the new values in their averages, where these are kept.
    pub(super) average_share: Option<f32>,
    /// The sum of the squares of the gradient is added to it, if its norm is wanted.
    pub(super) squares: Option<&'a mut f64>,
}

impl Trained {
    /// All zero, with `buffers` buffers of zero.
    pub(super) fn new(rows: usize, cols: usize, buffers: usize) -> Self {
        let zero = Matrix::new(rows, cols);
        let buffers = vec![zero.clone(); buffers];
        Self { buffers, value: zero, average: None, gradient: None, spectral_norm: None, is_parameter: true }
    }

    /// The bias of a product. A layer that has none adds zeros, which are no parameter and are not updated.
    pub(super) fn bias(rows: usize, cols: usize, buffers: usize, exists: bool) -> Self {
        Self { is_parameter: exists, ..Self::new(rows, cols, if exists { buffers } else { 0 }) }
    }

    /// Divides the value by its spectral norm before products.
    pub(super) fn divide_by_spectral_norm(&mut self, arrangement: Arrangement) {
        let norm = SpectralNorm::new(self.value.rows(), self.value.cols(), arrangement);
        self.spectral_norm = Some(Box::new(norm));
    }

    /// What products multiply by.
    pub(super) fn factor(&self) -> &Matrix {
        self.spectral_norm.as_ref().map_or(&self.value, |norm| &norm.normalised)
    }

    /// Divides the value by its spectral norm, if it has one, after a power iteration if `iterates`.
    pub(super) fn normalise(&mut self, arch: Arch, iterates: bool) {
        if let Some(norm) = &mut self.spectral_norm {
            norm.normalise(arch, &self.value, iterates);
        }
    }

    /// Keeps an average, which is all zero.
    pub(super) fn keep_average(&mut self) {
        self.average = Some(Matrix::new(self.value.rows(), self.value.cols()));
        if let Some(norm) = &mut self.spectral_norm {
            norm.keep_averages();
        }
    }

    /// Exchanges the value with its average.
    pub(super) fn swap_average(&mut self) {
        if let Some(average) = &mut self.average {
            std::mem::swap(&mut self.value, average);
        }
        if let Some(norm) = &mut self.spectral_norm {
            norm.swap_averages();
        }
    }

    /// Improves the estimate of the norm of the average, if both are kept.
    pub(super) fn follow_average(&mut self, arch: Arch) {
        if let (Some(norm), Some(average)) = (&mut self.spectral_norm, &self.average) {
            norm.follow_average(arch, average);
        }
    }

    /// Makes room for the gradient, so that updates wait for [`learn_scaled`](Self::learn_scaled).
    pub(super) fn keep_gradient(&mut self) {
        self.gradient = Some(Matrix::new(self.value.rows(), self.value.cols()));
    }

    /// The sum of the squares of the gradient that waits.
    pub(super) fn gradient_squares(&self) -> f64 {
        let elements = self.gradient.iter().flat_map(Matrix::lines).flat_map(|line| line.0);
        elements.map(|element| f64::from(element) * f64::from(element)).sum()
    }

    /// Updates a parameter whose gradient is the product of `input`, transposed, and `output`, plus that of an added
    /// pair.
    pub(super) fn learn_product(
        &mut self,
        arch: Arch,
        input: Input<'_>,
        output: &Matrix,
        added: Option<AddedPair<'_>>,
        learning: &mut Learning,
    ) {
        if let Some(norm) = &mut self.spectral_norm {
            product_transposed(arch, input, output, added, StoreProduct(&mut norm.gradient));
            return self.learn_through_norm(arch, learning);
        }
        if let Some(gradient) = &mut self.gradient {
            return product_transposed(arch, input, output, added, StoreProduct(gradient));
        }
        learning.update.algorithm.visit(LearnProduct { arch, input, output, added, trained: self, learning });
    }

    /// Updates a parameter whose gradient is in memory.
    pub(super) fn learn(&mut self, arch: Arch, gradient: &Matrix, learning: &mut Learning) {
        if let Some(own) = &mut self.gradient {
            return own.lines_mut().copy_from_slice(gradient.lines());
        }
        learning.update.algorithm.visit(Learn {
            arch,
            gradient,
            first_row: 0,
            scale: 1.0,
            trained: self,
            learning,
        });
    }

    /// Updates a parameter by the gradient with respect to its normalised value.
    fn learn_through_norm(&mut self, arch: Arch, learning: &mut Learning) {
        let Some(mut norm) = self.spectral_norm.take() else { return };
        norm.back_propagate(arch);
        self.learn(arch, &norm.gradient, learning);
        self.spectral_norm = Some(norm);
    }

    /// Updates the rows of a parameter from `first_row` on, whose gradient is in memory. The last rows come last.
    pub(super) fn learn_rows(
        &mut self,
        arch: Arch,
        first_row: usize,
        gradient: &Matrix,
        learning: &mut Learning,
    ) {
        let rows = first_row..first_row + gradient.rows();
        let of_norm = self.spectral_norm.as_mut().map(|norm| &mut norm.gradient);
        if let Some(own) = of_norm.or(self.gradient.as_mut()) {
            for panel in 0..gradient.panels() {
                own.part_mut(panel, rows.clone()).copy_from_slice(gradient.panel(panel));
            }
            if rows.end == self.value.rows() {
                self.learn_through_norm(arch, learning);
            }
            return;
        }
        let learn = Learn { arch, gradient, first_row, scale: 1.0, trained: self, learning };
        learn.learning.update.algorithm.visit(learn);
    }

    /// Updates a parameter by the gradient that waits, times `scale`.
    pub(super) fn learn_scaled(&mut self, arch: Arch, scale: f32, learning: &mut Learning) {
        let Some(gradient) = self.gradient.take() else { return };
        let learn = Learn { arch, gradient: &gradient, first_row: 0, scale, trained: self, learning };
        learn.learning.update.algorithm.visit(learn);
        self.gradient = Some(gradient);
    }

    fn epilogue<'a, O: Optimizer<STATE, COEFFICIENTS>, const STATE: usize, const COEFFICIENTS: usize>(
        &'a mut self,
        learning: &'a mut Learning,
    ) -> UpdateEpilogue<'a, O, STATE, COEFFICIENTS> {
        let Some(buffers) = self.buffers.first_chunk_mut() else {
            unreachable!("a trained tensor has the buffers of its optimiser")
        };
        UpdateEpilogue {
            optimizer: PhantomData,
            coefficients: learning.update.coefficients(),
            rows: self.value.rows(),
            value: self.value.lines_mut(),
            buffers: buffers.each_mut().map(Matrix::lines_mut),
            average: self.average.as_mut().map(Matrix::lines_mut).zip(learning.average_share),
            squares: learning.squares.as_deref_mut(),
        }
    }
}

/// [`Trained::learn_product`] for one optimiser.
struct LearnProduct<'a, 'l> {
    arch: Arch,
    input: Input<'a>,
    output: &'a Matrix,
    added: Option<AddedPair<'a>>,
    trained: &'a mut Trained,
    learning: &'a mut Learning<'l>,
}

impl Visitor for LearnProduct<'_, '_> {
    type Output = ();

    fn visit<O: Optimizer<STATE, COEFFICIENTS>, const STATE: usize, const COEFFICIENTS: usize>(self) {
        let epilogue = self.trained.epilogue::<O, STATE, COEFFICIENTS>(self.learning);
        product_transposed(self.arch, self.input, self.output, self.added, epilogue);
    }
}

/// [`Trained::learn`] for one optimiser.
struct Learn<'a, 'l> {
    arch: Arch,
    gradient: &'a Matrix,
    /// The row of the parameter that the gradient's first row belongs to.
    first_row: usize,
    scale: f32,
    trained: &'a mut Trained,
    learning: &'a mut Learning<'l>,
}

impl Visitor for Learn<'_, '_> {
    type Output = ();

    fn visit<O: Optimizer<STATE, COEFFICIENTS>, const STATE: usize, const COEFFICIENTS: usize>(self) {
        let epilogue = self.trained.epilogue::<O, STATE, COEFFICIENTS>(self.learning);
        self.arch.dispatch(InVectors(FromMemory {
            gradient: self.gradient,
            first_row: self.first_row,
            scale: self.scale,
            epilogue,
        }));
    }
}

/// Updates a parameter by the lines of its gradient.
struct UpdateEpilogue<'a, O, const STATE: usize, const COEFFICIENTS: usize> {
    optimizer: PhantomData<O>,
    coefficients: [f32; COEFFICIENTS],
    rows: usize,
    value: &'a mut [Line],
    buffers: [&'a mut [Line]; STATE],
    /// The average of the value, and the share of the new value in it.
    average: Option<(&'a mut [Line], f32)>,
    squares: Option<&'a mut f64>,
}

impl<O: Optimizer<STATE, COEFFICIENTS>, const STATE: usize, const COEFFICIENTS: usize> Epilogue
    for UpdateEpilogue<'_, O, STATE, COEFFICIENTS>
{
    #[inline(always)]
    fn apply<S: Simd, const V: usize, const R: usize>(
        &mut self,
        simd: S,
        row: usize,
        panel: usize,
        lines: &[Line; R],
    ) {
        let at = panel * self.rows + row;
        let coefficients = splat(simd, &self.coefficients);
        let values = &mut self.value[at..at + R];
        let buffers = self.buffers.each_mut().map(|buffer| &mut buffer[at..at + R]);
        for r in 0..R {
            for v in 0..V {
                let value = &mut S::as_mut_simd_f32s(&mut values[r].0).0[v];
                let mut own = [Vector::new(simd, simd.splat_f32s(0.0)); STATE];
                for buffer in 0..STATE {
                    own[buffer].value = S::as_simd_f32s(&buffers[buffer][r].0).0[v];
                }
                let gradient = Vector::new(simd, S::as_simd_f32s(&lines[r].0).0[v]);
                let old = Vector::new(simd, *value);
                let (new, own) = O::step(&coefficients, gradient, old, own);
                *value = new.value;
                for buffer in 0..STATE {
                    S::as_mut_simd_f32s(&mut buffers[buffer][r].0).0[v] = own[buffer].value;
                }
            }
        }
        if let Some((average, share)) = &mut self.average {
            let average = &mut average[at..at + R];
            for r in 0..R {
                for v in 0..V {
                    let average = &mut S::as_mut_simd_f32s(&mut average[r].0).0[v];
                    *average = mixed(simd, *average, S::as_simd_f32s(&values[r].0).0[v], *share);
                }
            }
        }
        if let Some(squares) = self.squares.as_deref_mut() {
            add_squares(lines, squares);
        }
    }

    #[inline(always)]
    fn prefetch(&self, row: usize, panel: usize) {
        let at = panel * self.rows + row;
        fetch(self.value, at);
        for buffer in &self.buffers {
            fetch(buffer, at);
        }
        if let Some((average, _)) = &self.average {
            fetch(average, at);
        }
    }
}

/// Moves averages towards the values by `share` of the way.
pub(super) fn average(arch: Arch, averages: &mut [Line], values: &[Line], share: f32) {
    struct Average<'a>(&'a mut [Line], &'a [Line], f32);

    impl WithSimd for Average<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            for (average, value) in self.0.iter_mut().zip(self.1) {
                let (average, value) = (S::as_mut_simd_f32s(&mut average.0).0, S::as_simd_f32s(&value.0).0);
                for v in 0..average.len() {
                    average[v] = mixed(simd, average[v], value[v], self.2);
                }
            }
        }
    }

    arch.dispatch(Average(averages, values, share));
}

/// An average moved towards `value` by `share` of the way.
#[inline(always)]
fn mixed<S: Simd>(simd: S, average: S::f32s, value: S::f32s, share: f32) -> S::f32s {
    let [keep, take] = splat(simd, &[1.0 - share, share]);
    Vector::new(simd, average).mean_with(Vector::new(simd, value), &keep, &take).value
}

#[cold]
fn add_squares(lines: &[Line], squares: &mut f64) {
    for line in lines {
        *squares += line.0.iter().map(|&value| f64::from(value) * f64::from(value)).sum::<f64>();
    }
}

struct FromMemory<'a, O, const STATE: usize, const COEFFICIENTS: usize> {
    gradient: &'a Matrix,
    first_row: usize,
    scale: f32,
    epilogue: UpdateEpilogue<'a, O, STATE, COEFFICIENTS>,
}

impl<O: Optimizer<STATE, COEFFICIENTS>, const STATE: usize, const COEFFICIENTS: usize> OnLines
    for FromMemory<'_, O, STATE, COEFFICIENTS>
{
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const V: usize>(mut self, simd: S) {
        let scale = simd.splat_f32s(self.scale);
        for panel in 0..self.gradient.panels() {
            for (row, line) in self.gradient.panel(panel).iter().enumerate() {
                let mut scaled = *line;
                for value in S::as_mut_simd_f32s(&mut scaled.0).0 {
                    // A scale of one changes no bit.
                    *value = simd.mul_f32s(*value, scale);
                }
                self.epilogue.apply::<S, V, 1>(simd, self.first_row + row, panel, &[scaled]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use gansweep_config::NetworkOptimizer;
    use gansweep_nn::optimizer::{Algorithm, step_slices};

    use super::*;

    /// Parameters in plain memory, and their buffers.
    struct Slices<'a> {
        update: &'a Update,
        gradient: &'a [f32],
        value: &'a mut [f32],
        buffers: &'a mut [Vec<f32>],
    }

    impl Visitor for Slices<'_> {
        type Output = ();

        fn visit<O: Optimizer<STATE, COEFFICIENTS>, const STATE: usize, const COEFFICIENTS: usize>(self) {
            let buffers = self.buffers.first_chunk_mut().unwrap().each_mut().map(Vec::as_mut_slice);
            step_slices::<O, STATE, COEFFICIENTS>(
                &self.update.coefficients(),
                self.gradient,
                self.value,
                buffers,
            );
        }
    }

    #[test]
    fn plain_slices_of_any_length_get_the_same_bits() {
        for (config, count) in
            NetworkOptimizer::examples().iter().flat_map(|it| [1, 7, 16, 37].map(|count| (it, count)))
        {
            let buffers = Algorithm::of(config).declaration().buffers.len();
            let mut trained = Trained::new(1, count, buffers);
            let (mut value, mut plain) = (vec![0.0f32; count], vec![vec![0.0f32; count]; buffers]);
            for t in 1..=5 {
                let update = Update::new(config, t);
                let gradient: Vec<f32> = (0..count).map(|i| ((i as f32 + 1.3) * t as f32).sin()).collect();
                let matrix = Matrix::from_fn(1, count, |_, col| gradient[col]);
                trained.learn(
                    Arch::new(),
                    &matrix,
                    &mut Learning { update, average_share: None, squares: None },
                );
                let (value, buffers) = (&mut value, &mut plain);
                let slices = Slices { update: &update, gradient: &gradient, value, buffers };
                update.algorithm.visit(slices);
            }
            for i in 0..count {
                assert_eq!(value[i], trained.value.get(0, i), "{config:?}: {i} of {count}");
                for (plain, buffer) in plain.iter().zip(&trained.buffers) {
                    assert_eq!(plain[i], buffer.get(0, i), "{config:?}: {i} of {count}");
                }
            }
        }
    }

    #[test]
    fn an_update_fused_with_its_gradient_is_the_update_after_it() {
        let random = |seed: u32, rows, cols| {
            Matrix::from_fn(rows, cols, |row, col| {
                let bits = gansweep_nn::rng::hash32(seed, 1, (row * cols + col) as u32);
                bits as f32 / u32::MAX as f32 - 0.5
            })
        };
        let (x, dy) = (random(1, 9, 21), random(2, 9, 35));
        let mut gradient = Matrix::new(21, 35);
        product_transposed(Arch::new(), &x, &dy, None, StoreProduct(&mut gradient));
        for config in NetworkOptimizer::examples() {
            let update = Update::new(&config, 1);
            let zero = Trained::new(21, 35, update.algorithm.declaration().buffers.len());
            let (mut fused, mut apart) = (zero.clone(), zero);
            let (mut squares, mut squares_apart) = (0.0, 0.0);
            let mut learning = Learning { update, average_share: None, squares: Some(&mut squares) };
            fused.learn_product(Arch::new(), (&x).into(), &dy, None, &mut learning);
            let mut learning = Learning { update, average_share: None, squares: Some(&mut squares_apart) };
            apart.learn(Arch::new(), &gradient, &mut learning);
            assert_eq!(fused.value.lines(), apart.value.lines(), "{config:?}");
            for (fused, apart) in fused.buffers.iter().zip(&apart.buffers) {
                assert_eq!(fused.lines(), apart.lines(), "{config:?}");
            }
            assert!(squares > 1.0 && (squares / squares_apart - 1.0).abs() < 1e-12);
        }
    }
}
