//! Conversion between a lane's state in PyTorch's layout and the layout of the products, without loss.

use std::collections::BTreeMap;
use std::ops::Range;

use super::affine::Affine;
use super::conv::{ConvNet, ListedNet, MapStage, Op, WeightLayout};
use super::matrix::Matrix;
use super::net::Net;
use super::network::Mlp;
use super::norm::{Norm, Tensors};
use super::spectral_norm::SpectralNorm;
use super::trained::Trained;
use gansweep_nn::average;
use gansweep_nn::network::{Condition, SPECTRAL_TENSORS};
use gansweep_nn::state::Array;
use gansweep_train::TrainError;

/// Copies a network's parameters, buffers and running statistics from `arrays`.
pub(super) fn import(
    network: &mut Net,
    role: &str,
    arrays: &BTreeMap<String, Array>,
) -> Result<(), TrainError> {
    for Named { parts, matrix } in named(network, role) {
        for Part { name, count, order, cols } in parts {
            let array =
                arrays.get(&name).ok_or_else(|| TrainError::Group(format!("tensor {name} is missing")))?;
            if array.values.len() != count {
                let found = &array.shape;
                return Err(TrainError::Group(format!(
                    "tensor {name} has shape {found:?}, expected {count} numbers"
                )));
            }
            for row in 0..matrix.rows() {
                for col in cols.clone() {
                    matrix.set(row, col, array.values[order.place(row, col - cols.start)]);
                }
            }
        }
    }
    Ok(())
}

/// Copies a network's parameters, buffers and running statistics to `arrays`, which has the shape of each.
pub(super) fn export(network: &mut Net, role: &str, arrays: &mut BTreeMap<String, Array>) {
    for Named { parts, matrix } in named(network, role) {
        for Part { name, count, order, cols } in parts {
            let Some(array) = arrays.get_mut(&name) else { continue };
            array.values.resize(count, 0.0);
            for row in 0..matrix.rows() {
                for col in cols.clone() {
                    array.values[order.place(row, col - cols.start)] = matrix.get(row, col);
                }
            }
        }
    }
}

/// A matrix, with the arrays of a lane's state that its columns are in.
struct Named<'a> {
    parts: Vec<Part>,
    matrix: &'a mut Matrix,
}

/// Columns of a matrix that are in one array of a lane's state.
#[derive(Debug, Clone)]
struct Part {
    /// The array's name.
    name: String,
    /// Numbers of the array.
    count: usize,
    order: Order,
    cols: Range<usize>,
}

/// The name of a tensor's average.
fn averaged(name: &str) -> String {
    format!("{}{name}", average::PREFIX)
}

/// Where in an array the element of a part is: the row is `outer * inner_rows + inner`, and columns are counted from
/// the part's first.
#[derive(Debug, Clone, Copy)]
struct Order {
    /// The place of the first element.
    first: usize,
    inner_rows: usize,
    outer: usize,
    inner: usize,
    col: usize,
}

impl Order {
    /// An array of `rows` numbers for each column of the matrix: its transpose.
    const fn transposed(rows: usize) -> Self {
        Self { first: 0, inner_rows: rows, outer: 0, inner: 1, col: rows }
    }

    /// An array of `width` numbers for each class, as a row of the matrix is.
    const fn of_classes(width: usize) -> Self {
        Self { inner: width, col: 1, ..Self::transposed(usize::MAX) }
    }

    /// The weight of a stage of convolutions.
    fn of_weight(stage: &MapStage) -> Self {
        let (rows, outputs, taps) = (stage.weight.value.rows(), stage.weight.value.cols(), stage.taps());
        let inner_rows = rows / taps;
        match stage.weight_layout {
            WeightLayout::OutputsFirst => Self::transposed(rows),
            WeightLayout::InputsFirst => {
                Self { first: 0, inner_rows: rows, outer: 0, inner: outputs, col: 1 }
            }
            WeightLayout::Conv | WeightLayout::FromMap => {
                Self { first: 0, inner_rows, outer: 1, inner: taps, col: rows }
            }
            WeightLayout::ConvTranspose => {
                Self { first: 0, inner_rows, outer: 1, inner: outputs * taps, col: taps }
            }
            WeightLayout::ToMap => Self { first: 0, inner_rows, outer: inner_rows, inner: 1, col: rows },
        }
    }

    /// The right singular vector of the weight of a stage of convolutions.
    fn of_inputs(stage: &MapStage) -> Self {
        let (rows, taps) = (stage.weight.value.rows(), stage.taps());
        match stage.weight_layout {
            WeightLayout::Conv | WeightLayout::FromMap | WeightLayout::ConvTranspose => {
                Self { first: 0, inner_rows: rows / taps, outer: 1, inner: taps, col: 0 }
            }
            WeightLayout::OutputsFirst | WeightLayout::InputsFirst | WeightLayout::ToMap => {
                Self::transposed(usize::MAX)
            }
        }
    }

    const fn place(self, row: usize, col: usize) -> usize {
        self.first + row / self.inner_rows * self.outer + row % self.inner_rows * self.inner + col * self.col
    }
}

/// Every array of a network.
fn named<'a>(network: &'a mut Net, role: &'a str) -> Vec<Named<'a>> {
    match network {
        Net::Mlp(network) => of_perceptron(network, role),
        Net::Conv(network) => of_convolutions(network, role),
        Net::Listed(network) => of_listed(network, role),
    }
}

/// Collects the arrays of a network.
struct Arrays<'a> {
    role: &'a str,
    buffers: &'static [&'static str],
    all: Vec<Named<'a>>,
}

impl<'a> Arrays<'a> {
    fn trained(&mut self, tensor: &str, trained: &'a mut Trained, order: Order) {
        let (count, cols) = (trained.value.rows() * trained.value.cols(), 0..trained.value.cols());
        self.parts(&[Part { name: tensor.to_owned(), count, order, cols }], trained);
    }

    /// The weight of a layer, whose columns are in these arrays, and its singular vectors if it is divided by its norm. `inputs`
    /// is the order of the right ones.
    fn weight(&mut self, parts: &[Part], trained: &'a mut Trained, inputs: Order) {
        if trained.spectral_norm.is_none() {
            self.parts(parts, trained);
            return;
        }
        let module = |part: &Part| part.name.trim_end_matches("weight").to_owned();
        let [original, suffix_u, suffix_v] = SPECTRAL_TENSORS;
        let renamed = |part: &Part| Part { name: module(part) + original, ..part.clone() };
        let originals: Vec<_> = parts.iter().map(renamed).collect();
        let norm = self.parts(&originals, trained);
        let Some(SpectralNorm { u, v, averages, .. }) = norm else { return };
        let role = self.role;
        let mut vectors = |prefix: &str, u: &'a mut Matrix, v: &'a mut Matrix| {
            let (mut of_u, mut of_v) = (Vec::new(), Vec::new());
            for (own, part) in parts.iter().enumerate() {
                let named = |suffix: &str| format!("{prefix}{role}.{}{suffix}", module(part));
                let cols = if parts.len() > 1 { part.cols.clone() } else { 0..u.cols() };
                let (count, order) = (u.rows() * cols.len(), Order::transposed(u.rows()));
                of_u.push(Part { name: named(suffix_u), count, order, cols });
                of_v.push(Part { name: named(suffix_v), count: v.rows(), order: inputs, cols: own..own + 1 });
            }
            self.all.push(Named { parts: of_u, matrix: u });
            self.all.push(Named { parts: of_v, matrix: v });
        };
        if let Some([u, v]) = averages {
            vectors(average::PREFIX, u, v);
        }
        vectors("", u, v);
    }

    /// A trained tensor whose columns are in these arrays, named within the network; returns its norm, if it has one.
    fn parts(&mut self, parts: &[Part], trained: &'a mut Trained) -> Option<&'a mut SpectralNorm> {
        let role = self.role;
        let named = |prefix: &str, suffix: &str| -> Vec<Part> {
            let named =
                |part: &Part| Part { name: format!("{prefix}{suffix}{role}.{}", part.name), ..part.clone() };
            parts.iter().map(named).collect()
        };
        for (buffer, matrix) in self.buffers.iter().zip(&mut trained.buffers) {
            self.all.push(Named { parts: named(buffer, "."), matrix });
        }
        if let Some(matrix) = &mut trained.average {
            self.all.push(Named { parts: named(average::PREFIX, ""), matrix });
        }
        self.all.push(Named { parts: named("", ""), matrix: &mut trained.value });
        trained.spectral_norm.as_deref_mut()
    }

    /// A tensor that is not trained.
    fn buffer(&mut self, name: String, matrix: &'a mut Matrix) {
        let (count, order, cols) = (matrix.cols(), Order::transposed(1), 0..matrix.cols());
        self.all.push(Named { parts: vec![Part { name, count, order, cols }], matrix });
    }

    fn stage(&mut self, stage: &'a mut MapStage) {
        let (index, order, projected) = (stage.index, Order::of_weight(stage), stage.projected);
        let inputs = Order::of_inputs(stage);
        let part = |name: String, rows: usize, order, cols: Range<usize>| Part {
            name,
            count: rows * cols.len(),
            order,
            cols,
        };
        let (rows, cols) = (stage.weight.value.rows(), stage.weight.value.cols());
        let mut parts = vec![part(format!("{index}.weight"), rows, order, 0..cols - projected)];
        if projected > 0 {
            parts.push(part(Condition::EMBEDDING.to_owned(), rows, order, cols - projected..cols));
        }
        self.weight(&parts, &mut stage.weight, inputs);
        let (rows, cols) = (stage.bias.value.rows(), stage.bias.value.cols());
        let order = Order::transposed(rows);
        let bias = part(format!("{index}.bias"), rows, order, 0..cols - projected);
        if stage.bias.is_parameter {
            self.parts(&[bias], &mut stage.bias);
        }
        if let Some((index, norm)) = &mut stage.norm {
            self.norm(*index, norm);
        }
    }

    /// The embedding of a network whose first product takes it behind the input.
    fn embedding(&mut self, embedding: &'a mut Trained) {
        let order = Order::of_classes(embedding.value.cols());
        self.trained(Condition::EMBEDDING, embedding, order);
    }

    fn norm(&mut self, index: usize, norm: &'a mut Norm) {
        let is_of_classes = norm.is_of_classes();
        let Tensors { affine: Affine { weight, bias }, buffers, averages } = norm.tensors_mut();
        let order = match is_of_classes {
            true => Order::of_classes(weight.value.cols()),
            // Of a feature map that is normalised by image, a row for each pixel.
            false => Order::transposed(weight.value.rows()),
        };
        self.trained(&format!("{index}.weight"), weight, order);
        self.trained(&format!("{index}.bias"), bias, order);
        let role = self.role;
        for (suffix, matrix) in averages {
            self.buffer(averaged(&format!("{role}.{index}.{suffix}")), matrix);
        }
        for (suffix, matrix) in buffers {
            self.buffer(format!("{role}.{index}.{suffix}"), matrix);
        }
    }
}

fn of_perceptron<'a>(network: &'a mut Mlp, role: &'a str) -> Vec<Named<'a>> {
    let buffers = network.algorithm.declaration().buffers;
    let mut arrays = Arrays { role, buffers, all: Vec::new() };
    for stage in network.stages_mut() {
        let (index, inputs, biased) = (stage.index, stage.inputs(), stage.biased);
        // The rows of the embedding's weights stand behind those of the other inputs in one array.
        let width = stage.embedded.as_ref().map_or(0, |embedded| embedded.weight.value.rows());
        let (all, outputs) = (inputs + width, stage.outputs());
        let order = Order { col: all, ..Order::transposed(inputs) };
        let weight = |order, cols: Range<usize>| Part {
            name: format!("{index}.weight"),
            count: all * cols.len(),
            order,
            cols,
        };
        let mut parts = vec![weight(order, 0..biased)];
        if biased < outputs {
            let (order, cols) = (Order::transposed(inputs), biased..outputs);
            let name = Condition::EMBEDDING.to_owned();
            parts.push(Part { name, count: inputs * cols.len(), order, cols });
        }
        arrays.weight(&parts, &mut stage.weight, Order::transposed(usize::MAX));
        let bias = Part {
            name: format!("{index}.bias"),
            count: biased,
            order: Order::transposed(1),
            cols: 0..biased,
        };
        if stage.bias.is_parameter {
            arrays.parts(&[bias], &mut stage.bias);
        }
        if let Some(embedded) = &mut stage.embedded {
            let order = Order { first: inputs, col: all, ..Order::transposed(width) };
            arrays.parts(&[weight(order, 0..outputs)], &mut embedded.weight);
            arrays.embedding(&mut embedded.embedding);
        }
        if let Some(norm) = &mut stage.norm {
            arrays.norm(index + 1, norm);
        }
    }
    arrays.all
}

fn of_convolutions<'a>(network: &'a mut ConvNet, role: &'a str) -> Vec<Named<'a>> {
    let buffers = network.algorithm.declaration().buffers;
    let mut arrays = Arrays { role, buffers, all: Vec::new() };
    for stage in &mut network.stages {
        arrays.stage(stage);
    }
    if let Some(embedded) = &mut network.embedded {
        arrays.embedding(&mut embedded.embedding);
    }
    arrays.all
}

fn of_listed<'a>(network: &'a mut ListedNet, role: &'a str) -> Vec<Named<'a>> {
    let buffers = network.algorithm.declaration().buffers;
    let mut arrays = Arrays { role, buffers, all: Vec::new() };
    for step in &mut network.steps {
        match &mut step.op {
            Op::Product(stage) => arrays.stage(stage),
            Op::Norm(index, norm) => arrays.norm(*index, norm),
            Op::Scale(scale) => {
                arrays.trained(&format!("{}.weight", scale.index), &mut scale.factor, Order::transposed(1));
            }
            _ => {}
        }
    }
    if let Some(embedded) = &mut network.embedded {
        arrays.embedding(&mut embedded.embedding);
    }
    arrays.all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_names_every_place_once() {
        let (inputs, outputs, taps) = (3, 5, 4);
        for order in [
            Order::transposed(taps * inputs),
            Order { first: 0, inner_rows: taps * inputs, outer: 0, inner: outputs, col: 1 },
            Order { first: 0, inner_rows: inputs, outer: 1, inner: taps, col: taps * inputs },
            Order { first: 0, inner_rows: inputs, outer: 1, inner: outputs * taps, col: taps },
            Order { first: 0, inner_rows: inputs, outer: inputs, inner: 1, col: taps * inputs },
        ] {
            let rows = 0..taps * inputs;
            let mut places: Vec<_> =
                rows.flat_map(|row| (0..outputs).map(move |col| order.place(row, col))).collect();
            places.sort_unstable();
            assert_eq!(places, (0..taps * inputs * outputs).collect::<Vec<_>>(), "{order:?}");
        }
    }
}
