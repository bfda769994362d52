//! Trained tensors. An update of one is the last thing that happens to its gradient: while the lines of
//! it are in registers, and in one pass over the tensor and its optimiser's buffers.

use std::marker::PhantomData;

use gansweep_nn::optimizer::{Optimizer, Update, Vector, Visitor, splat};
use pulp::{Arch, Simd, WithSimd};

use super::input::Input;
use super::matrix::{Line, Matrix, fetch};
use super::product::{Finish, product_transposed};

/// A trained tensor with the buffers that its optimiser keeps, in one layout.
#[derive(Debug, Clone)]
pub(super) struct Trained {
    pub(super) value: Matrix,
    pub(super) buffers: Vec<Matrix>,
}

/// One update under way through a network.
#[derive(Debug)]
pub(super) struct Learning<'a> {
    pub(super) update: Update,
    /// Grows by the squares of the gradient, if its norm is asked for.
    pub(super) squares: Option<&'a mut f64>,
}

impl Trained {
    /// Zero, with so many buffers of zero.
    pub(super) fn new(rows: usize, cols: usize, buffers: usize) -> Self {
        let zero = Matrix::new(rows, cols);
        Self { buffers: vec![zero.clone(); buffers], value: zero }
    }

    /// Updates a parameter whose gradient is the product of `input`, transposed, and `output`.
    pub(super) fn learn_product(
        &mut self,
        arch: Arch,
        input: Input<'_>,
        output: &Matrix,
        learning: &mut Learning,
    ) {
        learning.update.algorithm.visit(LearnProduct { arch, input, output, trained: self, learning });
    }

    /// Updates a parameter whose gradient lies in memory.
    pub(super) fn learn(&mut self, arch: Arch, gradient: &Matrix, learning: &mut Learning) {
        learning.update.algorithm.visit(Learn { arch, gradient, trained: self, learning });
    }

    fn descend<'a, O: Optimizer<STATE, NUMBERS>, const STATE: usize, const NUMBERS: usize>(
        &'a mut self,
        learning: &'a mut Learning,
    ) -> Descend<'a, O, STATE, NUMBERS> {
        let Some(buffers) = self.buffers.first_chunk_mut() else {
            unreachable!("a trained tensor has the buffers of its optimiser")
        };
        Descend {
            optimizer: PhantomData,
            numbers: learning.update.numbers(),
            rows: self.value.rows(),
            value: self.value.lines_mut(),
            buffers: buffers.each_mut().map(Matrix::lines_mut),
            squares: learning.squares.as_deref_mut(),
        }
    }
}

/// [`Trained::learn_product`] for one optimiser.
struct LearnProduct<'a, 'l> {
    arch: Arch,
    input: Input<'a>,
    output: &'a Matrix,
    trained: &'a mut Trained,
    learning: &'a mut Learning<'l>,
}

impl Visitor for LearnProduct<'_, '_> {
    type Output = ();

    fn visit<O: Optimizer<STATE, NUMBERS>, const STATE: usize, const NUMBERS: usize>(self) {
        let descend = self.trained.descend::<O, STATE, NUMBERS>(self.learning);
        product_transposed(self.arch, self.input, self.output, descend);
    }
}

/// [`Trained::learn`] for one optimiser.
struct Learn<'a, 'l> {
    arch: Arch,
    gradient: &'a Matrix,
    trained: &'a mut Trained,
    learning: &'a mut Learning<'l>,
}

impl Visitor for Learn<'_, '_> {
    type Output = ();

    fn visit<O: Optimizer<STATE, NUMBERS>, const STATE: usize, const NUMBERS: usize>(self) {
        let descend = self.trained.descend::<O, STATE, NUMBERS>(self.learning);
        self.arch.dispatch(Along { gradient: self.gradient, descend });
    }
}

/// Updates a parameter with the lines of its gradient.
struct Descend<'a, O, const STATE: usize, const NUMBERS: usize> {
    optimizer: PhantomData<O>,
    numbers: [f32; NUMBERS],
    rows: usize,
    value: &'a mut [Line],
    buffers: [&'a mut [Line]; STATE],
    squares: Option<&'a mut f64>,
}

impl<O: Optimizer<STATE, NUMBERS>, const STATE: usize, const NUMBERS: usize> Finish
    for Descend<'_, O, STATE, NUMBERS>
{
    #[inline(always)]
    fn finish<S: Simd, const V: usize, const R: usize>(
        &mut self,
        simd: S,
        row: usize,
        panel: usize,
        lines: [[S::f32s; V]; R],
    ) {
        let at = panel * self.rows + row;
        let numbers = splat(simd, &self.numbers);
        let values = &mut self.value[at..at + R];
        let buffers = self.buffers.each_mut().map(|buffer| &mut buffer[at..at + R]);
        for r in 0..R {
            for v in 0..V {
                let value = &mut S::as_mut_simd_f32s(&mut values[r].0).0[v];
                let mut own = [Vector::new(simd, simd.splat_f32s(0.0)); STATE];
                for buffer in 0..STATE {
                    own[buffer].value = S::as_simd_f32s(&buffers[buffer][r].0).0[v];
                }
                let (gradient, old) = (Vector::new(simd, lines[r][v]), Vector::new(simd, *value));
                let (new, own) = O::step(&numbers, gradient, old, own);
                *value = new.value;
                for buffer in 0..STATE {
                    S::as_mut_simd_f32s(&mut buffers[buffer][r].0).0[v] = own[buffer].value;
                }
            }
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
        for buffer in &self.buffers {
            fetch(buffer, at);
        }
    }
}

#[cold]
fn add_squares<S: Simd, const V: usize>(line: &[S::f32s; V], squares: &mut f64) {
    let mut values = Line::ZERO;
    S::as_mut_simd_f32s(&mut values.0).0[..V].copy_from_slice(line);
    *squares += values.0.iter().map(|&value| f64::from(value) * f64::from(value)).sum::<f64>();
}

struct Along<'a, O, const STATE: usize, const NUMBERS: usize> {
    gradient: &'a Matrix,
    descend: Descend<'a, O, STATE, NUMBERS>,
}

impl<O: Optimizer<STATE, NUMBERS>, const STATE: usize, const NUMBERS: usize> WithSimd
    for Along<'_, O, STATE, NUMBERS>
{
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

impl<O: Optimizer<STATE, NUMBERS>, const STATE: usize, const NUMBERS: usize> Along<'_, O, STATE, NUMBERS> {
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
    use gansweep_config::NetworkOptimizer;
    use gansweep_nn::optimizer::{Algorithm, step_slices};

    use super::super::activation::Keep;
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

        fn visit<O: Optimizer<STATE, NUMBERS>, const STATE: usize, const NUMBERS: usize>(self) {
            let buffers = self.buffers.first_chunk_mut().unwrap().each_mut().map(Vec::as_mut_slice);
            step_slices::<O, STATE, NUMBERS>(&self.update.numbers(), self.gradient, self.value, buffers);
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
                trained.learn(Arch::new(), &matrix, &mut Learning { update, squares: None });
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
        product_transposed(Arch::new(), &x, &dy, Keep(&mut gradient));
        for config in NetworkOptimizer::examples() {
            let update = Update::new(&config, 1);
            let zero = Trained::new(21, 35, update.algorithm.declaration().buffers.len());
            let (mut fused, mut apart) = (zero.clone(), zero);
            let (mut squares, mut squares_apart) = (0.0, 0.0);
            let mut learning = Learning { update, squares: Some(&mut squares) };
            fused.learn_product(Arch::new(), (&x).into(), &dy, &mut learning);
            let mut learning = Learning { update, squares: Some(&mut squares_apart) };
            apart.learn(Arch::new(), &gradient, &mut learning);
            assert_eq!(fused.value.lines(), apart.value.lines(), "{config:?}");
            for (fused, apart) in fused.buffers.iter().zip(&apart.buffers) {
                assert_eq!(fused.lines(), apart.lines(), "{config:?}");
            }
            assert!(squares > 1.0 && (squares / squares_apart - 1.0).abs() < 1e-12);
        }
    }
}
