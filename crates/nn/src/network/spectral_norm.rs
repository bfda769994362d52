//! Spectral normalisation (Miyato et al. 2018, algorithm 1), as PyTorch's `parametrizations.spectral_norm`.
//!
//! A layer multiplies by `W / sigma`, where `sigma = u^T W v` estimates the largest singular value of its weight as a
//! matrix `W`, `[outputs, inputs]`. One power iteration improves the singular vectors: `u = W v` and `v = W^T u`, each
//! divided by its norm. Derivatives take both vectors for constants, so that with the gradient `G` with respect to
//! `W / sigma` that of `W` is `(G - <G, W / sigma> u v^T) / sigma`.

use super::describe::volume;
use super::{Condition, Init, Layer, Node, TensorSpec};

/// The least norm that a singular vector is divided by.
pub const SPECTRAL_EPS: f64 = 1e-12;

/// Power iterations on fresh weights.
const INITIAL_ITERATIONS: usize = 15;

/// Independent sums of a dot product, which hide the latency of an addition.
const SUMS: usize = 8;

/// The weight of a layer as the matrix whose largest singular value spectral normalisation divides it by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeightMatrix {
    /// Rows: features or channels of the layer's output.
    pub outputs: usize,
    /// Columns: features of the input, or its channels times the taps of a kernel.
    pub inputs: usize,
    /// The taps of a kernel whose weight has the inputs before the outputs: that of a transposed convolution.
    transposed_taps: Option<usize>,
}

/// The names within a layer of the tensors that stand for its weight: the trained one, and both singular vectors.
pub const SPECTRAL_TENSORS: [&str; 3] =
    ["parametrizations.weight.original", "parametrizations.weight.0._u", "parametrizations.weight.0._v"];

impl WeightMatrix {
    /// That of a layer; `None` if it has no product.
    pub fn of(node: &Node) -> Option<Self> {
        let channels = node.input.first().copied().unwrap_or(0);
        Some(match node.layer {
            Layer::Linear(layer) => {
                Self { outputs: layer.outputs, inputs: volume(&node.input), transposed_taps: None }
            }
            Layer::Conv2d(layer) => {
                let inputs = channels.saturating_mul(layer.window.taps());
                Self { outputs: layer.outputs, inputs, transposed_taps: None }
            }
            Layer::ConvTranspose2d(layer) => {
                let taps = layer.window.taps();
                let inputs = channels.saturating_mul(taps);
                Self { outputs: layer.outputs, inputs, transposed_taps: Some(taps) }
            }
            _ => return None,
        })
    }

    /// That of an embedding: a row for each class.
    pub(super) fn of_embedding(condition: &Condition) -> Self {
        Self { outputs: condition.classes, inputs: condition.width, transposed_taps: None }
    }

    /// Both singular vectors, named within the layer.
    pub(super) fn vectors(self) -> [TensorSpec; 2] {
        let [_, u, v] = SPECTRAL_TENSORS;
        [(u, self.outputs), (v, self.inputs)]
            .map(|(name, length)| TensorSpec::new(name, &[length], Init::SingularVector))
    }

    /// The weight, in PyTorch's layout, as the matrix row by row.
    fn rows(self, weight: &[f32]) -> Vec<f64> {
        let place = |row: usize, col: usize| match self.transposed_taps {
            None => row * self.inputs + col,
            Some(taps) => (col / taps * self.outputs + row) * taps + col % taps,
        };
        let places = (0..self.outputs).flat_map(|row| (0..self.inputs).map(move |col| place(row, col)));
        places.map(|place| f64::from(weight[place])).collect()
    }

    /// Turns random vectors into estimates of the singular vectors of a fresh weight.
    pub fn warm_up(self, weight: &[f32], u: &mut [f32], v: &mut [f32]) {
        let rows = self.rows(weight);
        let (mut wide_u, mut wide_v) =
            (vec![0.0; u.len()], v.iter().copied().map(f64::from).collect::<Vec<_>>());
        normalise(&mut wide_v);
        for _ in 0..INITIAL_ITERATIONS {
            for (u, row) in wide_u.iter_mut().zip(rows.chunks_exact(self.inputs)) {
                *u = dot(row, &wide_v);
            }
            normalise(&mut wide_u);
            wide_v.fill(0.0);
            for (u, row) in wide_u.iter().zip(rows.chunks_exact(self.inputs)) {
                wide_v.iter_mut().zip(row).for_each(|(v, weight)| *v += u * weight);
            }
            normalise(&mut wide_v);
        }
        for (narrow, wide) in [(u, wide_u), (v, wide_v)] {
            narrow.iter_mut().zip(wide).for_each(|(narrow, wide)| *narrow = wide as f32);
        }
    }
}

/// Divides a vector by its norm.
fn normalise(vector: &mut [f64]) {
    let norm = dot(vector, vector).sqrt().max(SPECTRAL_EPS);
    for element in vector {
        *element /= norm;
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    let ((a, rest_a), (b, rest_b)) = (a.as_chunks::<SUMS>(), b.as_chunks::<SUMS>());
    let mut sums = [0.0; SUMS];
    for (a, b) in a.iter().zip(b) {
        for i in 0..SUMS {
            sums[i] += a[i] * b[i];
        }
    }
    sums.iter().sum::<f64>() + rest_a.iter().zip(rest_b).map(|(a, b)| a * b).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use gansweep_config::Window;

    use super::super::{BatchNorm, Conv2d, ConvTranspose2d, Entry, Linear, Network, Role};
    use super::*;

    /// `I - 2 n n^T` of a direction `n` of norm one: orthogonal and symmetric.
    fn reflection(size: usize) -> Vec<Vec<f64>> {
        let mut direction: Vec<f64> = (0..size).map(|i| (1.7 * i as f64 + 0.3).sin()).collect();
        normalise(&mut direction);
        let entry = |i: usize, j: usize| f64::from(u8::from(i == j)) - 2.0 * direction[i] * direction[j];
        (0..size).map(|i| (0..size).map(|j| entry(i, j)).collect()).collect()
    }

    #[test]
    fn the_estimate_is_the_largest_singular_value_with_its_vectors() {
        let (outputs, inputs) = (5, 19);
        let (left, right) = (reflection(outputs), reflection(inputs));
        // `W = left diag(values) right`, so that columns of `left` and rows of `right` are its singular vectors.
        let values = [1.0, 0.4, 2.5, 0.7, 0.1];
        let weight =
            |o: usize, i: usize| (0..outputs).map(|k| left[o][k] * values[k] * right[k][i]).sum::<f64>();
        let weight: Vec<f32> =
            (0..outputs * inputs).map(|at| weight(at / inputs, at % inputs) as f32).collect();
        let matrix = WeightMatrix { outputs, inputs, transposed_taps: None };
        let (mut u, mut v) = (vec![1.0f32; outputs], vec![1.0f32; inputs]);
        matrix.warm_up(&weight, &mut u, &mut v);
        let (u, v): (Vec<f64>, Vec<f64>) =
            (u.into_iter().map(f64::from).collect(), v.into_iter().map(f64::from).collect());
        let product: Vec<f64> = matrix.rows(&weight).chunks_exact(inputs).map(|row| dot(row, &v)).collect();
        // What is left of the second value after 15 iterations is (1 / 2.5)^30.
        assert!((dot(&u, &product) - values[2]).abs() < 1e-6, "{}", dot(&u, &product));
        let column: Vec<f64> = left.iter().map(|row| row[2]).collect();
        assert!((dot(&u, &column).abs() - 1.0).abs() < 1e-6);
        assert!((dot(&v, &right[2]).abs() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_weight_of_zero_has_vectors_of_zero() {
        let matrix = WeightMatrix { outputs: 2, inputs: 3, transposed_taps: None };
        let (mut u, mut v) = ([1.0; 2], [1.0; 3]);
        matrix.warm_up(&[0.0; 6], &mut u, &mut v);
        assert_eq!((u, v), ([0.0; 2], [0.0; 3]));
    }

    #[test]
    fn a_row_of_the_matrix_has_all_weights_of_an_output() {
        let matrix = WeightMatrix { outputs: 2, inputs: 6, transposed_taps: None };
        let weight: Vec<f32> = (0..12u8).map(f32::from).collect();
        assert_eq!(matrix.rows(&weight)[6..], [6.0, 7.0, 8.0, 9.0, 10.0, 11.0]);
        // `[3, 2, 2]`: two taps of each of two outputs, for each of three inputs.
        let transposed = WeightMatrix { transposed_taps: Some(2), ..matrix };
        assert_eq!(transposed.rows(&weight), [0.0, 1.0, 4.0, 5.0, 8.0, 9.0, 2.0, 3.0, 6.0, 7.0, 10.0, 11.0]);
    }

    #[test]
    fn the_embedding_of_a_projection_has_a_norm_and_one_behind_the_input_has_none() {
        let layers = [
            Layer::Linear(Linear { outputs: 3, bias: true }),
            Layer::Linear(Linear { outputs: 1, bias: true }),
        ];
        let network = Network::new(Role::Discriminator, &[4], layers, 1).unwrap();
        let of = |entry| {
            let condition = Some(Condition { classes: 5, width: 3, entry });
            Network { spectral_norm: true, condition, ..network.clone() }
        };
        let last = |tensors: Vec<TensorSpec>, count: usize| -> Vec<_> {
            tensors.into_iter().rev().take(count).map(|tensor| (tensor.name, tensor.shape)).collect()
        };
        let named = |name: &str, shape: &[usize]| (format!("embedding.{name}"), shape.to_vec());
        let projection = of(Entry::Projection);
        assert_eq!(last(projection.parameters(), 1), [named("parametrizations.weight.original", &[5, 3])]);
        let vectors =
            [named("parametrizations.weight.0._v", &[3]), named("parametrizations.weight.0._u", &[5])];
        assert_eq!(last(projection.buffers(), 2), vectors);
        assert_eq!(
            projection.spectral_norms().map(|(layer, _)| layer).collect::<Vec<_>>(),
            [Some(0), Some(1), None]
        );
        let concat = of(Entry::Concat);
        assert_eq!(last(concat.parameters(), 1), [named("weight", &[5, 3])]);
        assert_eq!(concat.spectral_norms().count(), 2);
    }

    #[test]
    fn tensors_have_the_names_and_shapes_of_pytorch() {
        let window = Window { kernel: 4, stride: 2, padding: 1 };
        let layers = [
            Layer::Conv2d(Conv2d { outputs: 5, window, bias: true }),
            Layer::BatchNorm(BatchNorm::default()),
            Layer::LeakyRelu,
            Layer::ConvTranspose2d(ConvTranspose2d { outputs: 2, window, output_padding: 0, bias: true }),
            Layer::Flatten,
            Layer::Linear(Linear { outputs: 1, bias: true }),
        ];
        let network = Network::new(Role::Discriminator, &[3, 8, 8], layers, 1).unwrap();
        let network = Network { spectral_norm: true, ..network };
        let shapes = |tensors: Vec<TensorSpec>| -> Vec<_> {
            tensors.into_iter().map(|tensor| (tensor.name, tensor.shape)).collect()
        };
        let expected = |all: &[(&str, &[usize])]| -> Vec<_> {
            all.iter().map(|(name, shape)| ((*name).to_owned(), shape.to_vec())).collect()
        };
        let parameters: [(&str, &[usize]); 8] = [
            ("0.parametrizations.weight.original", &[5, 3, 4, 4]),
            ("0.bias", &[5]),
            ("1.weight", &[5]),
            ("1.bias", &[5]),
            ("3.parametrizations.weight.original", &[5, 2, 4, 4]),
            ("3.bias", &[2]),
            ("5.parametrizations.weight.original", &[1, 128]),
            ("5.bias", &[1]),
        ];
        assert_eq!(shapes(network.parameters()), expected(&parameters));
        let buffers: [(&str, &[usize]); 8] = [
            ("1.running_mean", &[5]),
            ("1.running_var", &[5]),
            ("0.parametrizations.weight.0._u", &[5]),
            ("0.parametrizations.weight.0._v", &[48]),
            ("3.parametrizations.weight.0._u", &[2]),
            ("3.parametrizations.weight.0._v", &[80]),
            ("5.parametrizations.weight.0._u", &[1]),
            ("5.parametrizations.weight.0._v", &[128]),
        ];
        assert_eq!(shapes(network.buffers()), expected(&buffers));
    }
}
