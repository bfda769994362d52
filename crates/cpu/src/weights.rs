//! Conversion between a lane's state in PyTorch's layout and the layout of the products, without loss.

use std::collections::BTreeMap;

use super::matrix::Matrix;
use super::network::Mlp;
use super::norm::Tensors;
use super::trained::Trained;
use gansweep_nn::average;
use gansweep_nn::state::Array;
use gansweep_train::TrainError;

/// Copies a network's parameters, buffers and running statistics from `arrays`.
pub(super) fn import(
    network: &mut Mlp,
    role: &str,
    arrays: &BTreeMap<String, Array>,
) -> Result<(), TrainError> {
    for Named { name, shape, matrix } in named(network, role) {
        let array =
            arrays.get(&name).ok_or_else(|| TrainError::Group(format!("tensor {name} is missing")))?;
        if array.shape != shape || array.values.len() != shape.iter().product::<usize>() {
            let found = &array.shape;
            return Err(TrainError::Group(format!("tensor {name} has shape {found:?}, expected {shape:?}")));
        }
        let rows = matrix.rows();
        *matrix = Matrix::from_fn(rows, matrix.cols(), |row, col| array.values[col * rows + row]);
    }
    Ok(())
}

/// Copies a network's parameters, buffers and running statistics to `arrays`.
pub(super) fn export(network: &mut Mlp, role: &str, arrays: &mut BTreeMap<String, Array>) {
    for Named { name, shape, matrix } in named(network, role) {
        let mut values = Vec::with_capacity(matrix.rows() * matrix.cols());
        for col in 0..matrix.cols() {
            values.extend((0..matrix.rows()).map(|row| matrix.get(row, col)));
        }
        arrays.insert(name, Array { shape, values });
    }
}

/// A matrix, with the name and shape of its transpose in a lane's state.
struct Named<'a> {
    name: String,
    shape: Vec<usize>,
    matrix: &'a mut Matrix,
}

/// The name of a tensor's average.
fn averaged(name: &str) -> String {
    format!("{}{name}", average::PREFIX)
}

/// Every array of a network.
fn named<'a>(network: &'a mut Mlp, role: &str) -> Vec<Named<'a>> {
    let mut all = Vec::new();
    let Mlp { hidden, last, buffer_averages, algorithm } = network;
    let buffers = algorithm.declaration().buffers;
    let mut push_trained = |tensor: String, trained: &'a mut Trained, shape: &[usize]| {
        let name = format!("{role}.{tensor}");
        for (buffer, matrix) in buffers.iter().zip(&mut trained.buffers) {
            all.push(Named { name: format!("{buffer}.{name}"), shape: shape.to_vec(), matrix });
        }
        if let Some(matrix) = &mut trained.average {
            all.push(Named { name: averaged(&name), shape: shape.to_vec(), matrix });
        }
        all.push(Named { name, shape: shape.to_vec(), matrix: &mut trained.value });
    };
    let mut running = Vec::new();
    let mut averages = buffer_averages.iter_mut();
    for stage in hidden.iter_mut().chain([last]) {
        let (inputs, outputs) = (stage.inputs(), stage.outputs());
        let linear = stage.index;
        push_trained(format!("{linear}.weight"), &mut stage.weight, &[outputs, inputs]);
        push_trained(format!("{linear}.bias"), &mut stage.bias, &[outputs]);
        let Some(norm) = &mut stage.norm else { continue };
        let (index, Tensors { affine, buffers }) = (linear + 1, norm.tensors_mut());
        push_trained(format!("{index}.weight"), &mut affine.weight, &[outputs]);
        push_trained(format!("{index}.bias"), &mut affine.bias, &[outputs]);
        for (suffix, matrix) in buffers {
            let name = format!("{role}.{index}.{suffix}");
            if let Some(matrix) = averages.next() {
                running.push(Named { name: averaged(&name), shape: vec![outputs], matrix });
            }
            running.push(Named { name, shape: vec![outputs], matrix });
        }
    }
    all.append(&mut running);
    all
}
