//! The forward pass of a network.

use gansweep_config::SampleMode;
use gansweep_nn::network::{
    self, Conv2d, ConvTranspose2d, Entry, Layer, Network, Pool, Residual, Role, Shortcut, Upsample,
};
use gansweep_nn::rng::{self, Key};

use super::super::tape::{Batch, Tape, Var, Vars};
use super::attention::attended;
use super::curves::curve;
use super::layers::{
    Map, Normalised, convolution, embedding, image_norm, linear, pooled, sums, transposed_convolution,
    upsampled,
};
use super::{Mode, Oracle};

impl Oracle {
    pub(super) fn evaluate(
        &mut self,
        tape: &mut Tape,
        vars: &Vars,
        role: Role,
        mut rows: Batch,
        classes: &[u16],
        mode: Mode,
    ) -> Batch {
        let network = Network::of(role, &self.lane.config, &self.lane.spec).unwrap();
        let own: Option<Batch> = network
            .condition
            .map(|condition| classes.iter().map(|&class| embedding(vars, role, &condition, class)).collect());
        let entry = network.condition.map(|condition| condition.entry);
        if let (Some(Entry::Concat), Some(own)) = (entry, &own) {
            rows.iter_mut().zip(own).for_each(|(row, own)| row.extend(own));
        }
        let mut inputs: Vec<Batch> = Vec::new();
        for (index, node) in network.nodes.iter().enumerate() {
            inputs.push(rows.clone());
            let slope = network::slope(role, &self.lane.config, index);
            let rate = network::rate(role, &self.lane.config, index);
            let name = |suffix: &str| format!("{}.{index}.{suffix}", role.name());
            let each = |tape: &mut Tape, rows: &Batch, function: &dyn Fn(f64) -> (f64, f64)| {
                let apply = |tape: &mut Tape, var: Var| {
                    let (value, derivative) = function(var.value);
                    tape.var(value, [(var, derivative)])
                };
                rows.iter().map(|row| row.iter().map(|&var| apply(tape, var)).collect()).collect::<Batch>()
            };
            let bias = vars.get(&name("bias")).map(Vec::as_slice);
            rows = match node.layer {
                Layer::Linear(_) => linear(tape, &vars[&name("weight")], bias, node.inputs(), &rows),
                Layer::BatchNorm(norm) => {
                    let own = if norm.classes == 0 { vec![0; rows.len()] } else { classes.to_vec() };
                    self.batch_norm(tape, vars, &name(""), (&rows, &own), node.input[0], mode)
                }
                Layer::LayerNorm | Layer::InstanceNorm => {
                    let affine = [&*vars[&name("weight")], &*vars[&name("bias")]];
                    let [out, ..] = image_norm(tape, Normalised::of(node.layer, &node.input), affine, &rows);
                    out
                }
                Layer::LeakyRelu => {
                    each(tape, &rows, &|x| if x > 0.0 { (x, 1.0) } else { (slope * x, slope) })
                }
                Layer::Dropout => self.dropout(tape, index, rate, rows, mode),
                Layer::Flatten | Layer::Unflatten(_) => rows,
                Layer::Upsample(Upsample { factor }) => upsampled(&node.input, factor, &rows),
                Layer::Pool(Pool { factor, kind }) => {
                    pooled(tape, [&node.input, &node.output], (factor, kind), &rows)
                }
                Layer::Residual(Residual { around }) => sums(tape, &rows, &inputs[index - around]),
                Layer::Shortcut(Shortcut { around }) => inputs[index - around].clone(),
                Layer::Attention(layer) => attended(tape, layer, &node.input, &rows).0,
                Layer::Scale => {
                    let factor = vars[&name("weight")][0];
                    rows.iter().map(|row| row.iter().map(|&x| tape.mul(x, factor)).collect()).collect()
                }
                Layer::Conv2d(Conv2d { window, .. }) => {
                    let map = Map { input: &node.input, output: &node.output, window };
                    convolution(tape, &vars[&name("weight")], bias, &map, &rows)
                }
                Layer::ConvTranspose2d(ConvTranspose2d { window, .. }) => {
                    let map = Map { input: &node.input, output: &node.output, window };
                    transposed_convolution(tape, &vars[&name("weight")], bias, &map, &rows)
                }
                Layer::Smooth(_) | Layer::Tanh | Layer::Sigmoid => each(tape, &rows, &|x| {
                    let [value, derivative, _] = curve(node.layer, x);
                    (value, derivative)
                }),
            };
        }
        if let (Some(Entry::Projection), Some(own), Some(last_hidden)) = (entry, &own, inputs.last()) {
            for ((row, hidden), own) in rows.iter_mut().zip(last_hidden).zip(own) {
                let product = tape.dot(hidden, own);
                row[0] = tape.add(row[0], product);
            }
        }
        rows
    }

    fn dropout(&self, tape: &mut Tape, layer: usize, rate: f64, rows: Batch, mode: Mode) -> Batch {
        let Mode::Training { update, pass } = mode else { return rows };
        let width = rows[0].len();
        let mut mask = vec![0.0; rows.len() * width];
        rng::dropout_mask(Key::mask(self.lane.seed, self.step, update, pass, layer), rate, &mut mask);
        rows.iter()
            .zip(mask.chunks(width))
            .map(|(row, mask)| row.iter().zip(mask).map(|(&var, &m)| tape.scale(var, f64::from(m))).collect())
            .collect()
    }

    fn batch_norm(
        &mut self,
        tape: &mut Tape,
        vars: &Vars,
        prefix: &str,
        (rows, classes): (&Batch, &[u16]),
        features: usize,
        mode: Mode,
    ) -> Batch {
        let (weight, bias) = (&vars[&format!("{prefix}weight")], &vars[&format!("{prefix}bias")]);
        let mut out = rows.clone();
        // The numbers of a feature map's channel follow each other.
        let pixels = rows[0].len() / features;
        for feature in 0..features {
            let own = feature * pixels..(feature + 1) * pixels;
            let column: Vec<Var> = rows.iter().flat_map(|row| row[own.clone()].to_vec()).collect();
            let mut running = |suffix: &str, value: f64| {
                let running = &mut self.arrays.get_mut(&format!("{prefix}{suffix}")).unwrap()[feature];
                if matches!(mode, Mode::Training { .. }) {
                    *running = 0.9 * *running + 0.1 * value;
                }
                *running
            };
            let batch_mean = tape.mean(&column);
            let differences: Vec<Var> = column.iter().map(|&x| tape.sub(x, batch_mean)).collect();
            let squares: Vec<Var> = differences.iter().map(|&d| tape.mul(d, d)).collect();
            let batch_var = tape.mean(&squares);
            let count = column.len() as f64;
            let running_mean = running("running_mean", batch_mean.value);
            let running_var = running("running_var", batch_var.value * count / (count - 1.0));
            let (mean, var) = match mode {
                Mode::Sampling(SampleMode::Eval) => (tape.leaf(running_mean), tape.leaf(running_var)),
                _ => (batch_mean, batch_var),
            };
            let std = (var.value + 1e-5).sqrt();
            let inverse = tape.var(1.0 / std, [(var, -0.5 / std.powi(3))]);
            for (row, &class) in out.iter_mut().zip(classes) {
                let place = usize::from(class) * features + feature;
                for x in &mut row[own.clone()] {
                    let difference = tape.sub(*x, mean);
                    let normalised = tape.mul(difference, inverse);
                    let scaled = tape.mul(normalised, weight[place]);
                    *x = tape.add(scaled, bias[place]);
                }
            }
        }
        out
    }
}
