//! One of the two networks, of all lanes: parameters, optimiser, running statistics.

use std::borrow::Cow;
use std::ops::Range;

use burn::tensor::{Device, Tensor, Transaction};

use super::activation::Slopes;
use super::average::Average;
use super::condition::Input;
use super::forward::{Pass, PassOutput, Statistics};
use super::layout::Layout;
use super::norm::Moments;
use super::optimizer::{Optimizer, Trained};
use super::spectral_norm;
use gansweep_nn::average;
use gansweep_nn::network::{BatchNorm, Layer, Network, Role, slope};
use gansweep_nn::optimizer;
use gansweep_nn::state::LaneState;
use gansweep_protocol::SampleSource;
use gansweep_train::Lane;

/// A network of all lanes, fused along the lane axis.
#[derive(Debug)]
pub(super) struct FusedNetwork {
    pub(super) network: Network,
    /// The layout of the parameters.
    pub(super) layout: Layout,
    pub(super) trained: Trained,
    /// Running mean and variance of each `BatchNorm` in turn, then both singular vectors of each weight that is divided by
    /// its norm, `[lanes, 1, features]`.
    pub(super) running: Vec<Tensor<3>>,
    running_layout: Layout,
    /// The averages, if they are kept.
    average: Option<Average>,
    optimizer: Optimizer,
    /// Of each leaky ReLU in turn.
    slopes: Vec<Slopes>,
}

impl FusedNetwork {
    /// Uploads the lanes' states.
    ///
    /// # Errors
    ///
    /// What is wrong with one of the states.
    pub(super) fn new(
        role: Role,
        lanes: &[Lane],
        states: &[LaneState],
        device: &Device,
    ) -> Result<Self, String> {
        let first = lanes.first().ok_or("it has no lanes")?;
        let network =
            Network::of(role, &first.config, &first.spec).map_err(|mismatch| mismatch.to_string())?;
        let configs = || lanes.iter().map(|lane| &lane.config);
        let (layout, running_layout) = (Layout::parameters(&network), Layout::running(&network));
        let upload = |layout: &Layout, prefix: &str| -> Result<Tensor<2>, String> {
            let mut values = Vec::with_capacity(states.len() * layout.count);
            for state in states {
                layout.gather(prefix, &state.arrays, &mut values)?;
            }
            Ok(Tensor::<1>::from_data(values.as_slice(), device).reshape([states.len(), layout.count]))
        };
        let own: Vec<_> = configs().map(|config| optimizer::of(role, config)).collect();
        let optimizer = Optimizer::new(&own, device);
        let buffers = optimizer.buffers().iter().map(|buffer| upload(&layout, &format!("{buffer}.")));
        let trained = Trained { buffers: buffers.collect::<Result<_, _>>()?, values: upload(&layout, "")? };
        let running = |prefix: &str| -> Result<Vec<Tensor<3>>, String> {
            if running_layout.slices.is_empty() {
                return Ok(Vec::new());
            }
            let all = running_layout.split(&upload(&running_layout, prefix)?);
            // Multiplied by one, so that each has memory of its own and is no view of one tensor.
            Ok(all.into_iter().map(|it| it * 1.0).collect())
        };
        let average = match role == Role::Generator && average::is_kept(&first.config.train) {
            true => {
                let (values, running) = (upload(&layout, average::PREFIX)?, running(average::PREFIX)?);
                Some(Average { values, running })
            }
            false => None,
        };
        let running = running("")?;
        let slopes = (0..).zip(&network.nodes).filter(|(_, node)| node.layer == Layer::LeakyRelu);
        let slopes = slopes.map(|(index, _)| {
            let own: Vec<_> = configs().map(|config| slope(role, config, index)).collect();
            Slopes::new(&own, device)
        });
        let slopes = slopes.collect();
        Ok(Self { network, layout, trained, running, running_layout, average, optimizer, slopes })
    }

    /// How many coefficients of an update change from update to update.
    pub(super) fn varying_coefficients(&self) -> usize {
        self.optimizer.varying()
    }

    /// Every parameter, `[lanes, rows, columns]`, without gradients.
    pub(super) fn constants(&self) -> Vec<Tensor<3>> {
        self.layout.split(&self.trained.values)
    }

    /// Every parameter, `[lanes, rows, columns]`, as a leaf of the graph that gets a gradient.
    pub(super) fn leaves(&self) -> Vec<Tensor<3>> {
        self.constants().into_iter().map(|parameter| parameter.autodiff().require_grad()).collect()
    }

    /// Takes a power iteration for each weight that is divided by its norm.
    pub(super) fn iterate(&mut self) {
        if self.network.spectral_norm {
            let constants = self.constants();
            let first = self.running_statistics();
            spectral_norm::iterate(&self.network, &constants, &mut self.running[first..]);
        }
    }

    /// Parameters as forward passes multiply by them. `running` are those of the same lanes.
    fn divided<'p>(&self, parameters: &'p [Tensor<3>], running: &[Tensor<3>]) -> Cow<'p, [Tensor<3>]> {
        if !self.network.spectral_norm {
            return Cow::Borrowed(parameters);
        }
        let vectors = &running[self.running_statistics()..];
        Cow::Owned(spectral_norm::divide(&self.network, parameters, vectors))
    }

    /// How many means and variances there are in front of the singular vectors.
    fn running_statistics(&self) -> usize {
        2 * self.network.nodes.iter().filter(|node| matches!(node.layer, Layer::BatchNorm(_))).count()
    }

    /// A forward pass in training mode, on `batches` batches one after the other that `BatchNorm` normalises apart.
    pub(super) fn train(
        &self,
        parameters: &[Tensor<3>],
        masks: &[Tensor<3>],
        input: &Input,
        batches: usize,
    ) -> PassOutput {
        let pass = Pass {
            network: &self.network,
            parameters: &self.divided(parameters, &self.running),
            slopes: &self.slopes,
            statistics: Statistics::Batches(batches),
            running: &[],
            masks: Some(masks),
        };
        pass.run(input)
    }

    /// See [`Pass::tangents`].
    pub(super) fn tangents(
        &self,
        leaves: &[Tensor<3>],
        masks: &[Tensor<3>],
        input: &Input,
        change: Tensor<3>,
    ) -> Tensor<3> {
        let is_smooth = self.network.nodes.iter().any(|node| node.layer.has_second_derivative());
        let (leaves, constants) = (self.divided(leaves, &self.running), self.constants());
        let pass = Pass {
            network: &self.network,
            parameters: if is_smooth { &leaves } else { &self.divided(&constants, &self.running) },
            slopes: &self.slopes,
            statistics: Statistics::Batches(1),
            running: &[],
            masks: Some(masks),
        };
        pass.tangents(&leaves, input, change)
    }

    /// A forward pass of some lanes with Dropout off that changes no state; `None` if it is asked of averages that are not
    /// kept.
    pub(super) fn sample(
        &self,
        lanes: Range<usize>,
        source: SampleSource,
        statistics: Statistics,
        input: &Input,
    ) -> Option<Tensor<3>> {
        let (values, running) = match source {
            SampleSource::Raw => (&self.trained.values, &self.running),
            SampleSource::Ema => self.average.as_ref().map(|average| (&average.values, &average.running))?,
        };
        let (first, count) = (lanes.start, lanes.len());
        let running: Vec<_> = running.iter().map(|all| all.clone().narrow(0, first, count)).collect();
        let parameters = self.layout.split(&values.clone().narrow(0, first, count));
        let pass = Pass {
            network: &self.network,
            parameters: &self.divided(&parameters, &running),
            slopes: &self.slopes.iter().map(|it| it.of_lanes(lanes.clone())).collect::<Vec<_>>(),
            statistics,
            running: &running,
            masks: None,
        };
        Some(pass.run(input).output)
    }

    /// Whether averages are kept.
    pub(super) fn is_averaged(&self) -> bool {
        self.average.is_some()
    }

    /// Moves the averages towards the present numbers by `share` of the way, `[lanes, 1]`.
    pub(super) fn average(&mut self, share: &Tensor<2>) {
        let statistics = self.running_statistics();
        let Some(average) = &mut self.average else { return };
        average.follow(&self.trained.values, &self.running[..statistics], share);
        if self.network.spectral_norm {
            // An average of singular vectors would be none.
            let weights = self.layout.split(&average.values);
            spectral_norm::iterate(&self.network, &weights, &mut average.running[statistics..]);
        }
    }

    /// Updates the running statistics from a pass's moments, batch by batch: momentum 0.1, unbiased variance.
    pub(super) fn track(&mut self, moments: Vec<Moments>) {
        let (pairs, _) = self.running.as_chunks_mut::<2>();
        for (running, Moments { parts, count }) in pairs.iter_mut().zip(moments) {
            let unbiased = count as f64 / (count.max(2) - 1) as f64;
            for moments in parts {
                for ((running, moment), factor) in running.iter_mut().zip(moments).zip([1.0, unbiased]) {
                    let weight = BatchNorm::MOMENTUM * factor;
                    running.inplace(|running| running * (1.0 - BatchNorm::MOMENTUM) + moment * weight);
                }
            }
        }
    }

    /// The masks of the next pass of this network, from those of a step.
    pub(super) fn take_masks(&self, masks: &mut impl Iterator<Item = Tensor<3>>) -> Vec<Tensor<3>> {
        let layers = self.network.nodes.iter().filter(|node| node.layer == Layer::Dropout).count();
        masks.take(layers).collect()
    }

    /// The gradient of the sum of all lanes' losses, `[lanes, numbers]`. It is a sum, so that no lane's
    /// gradient depends on the number of lanes.
    pub(super) fn gradient(&self, leaves: &[Tensor<3>], loss: &Tensor<3>) -> Tensor<2> {
        let mut gradients = loss.clone().sum().backward();
        let parts = leaves.iter().map(|leaf| match leaf.grad_remove(&mut gradients) {
            Some(gradient) => gradient,
            None => leaf.clone().without_autodiff().zeros_like(),
        });
        self.layout.join(parts.collect())
    }

    /// See [`Optimizer::update`].
    pub(super) fn update(&mut self, gradient: Tensor<2>, varying: Vec<Tensor<2>>) {
        self.optimizer.update(&mut self.trained, gradient, varying);
    }

    /// Clips every parameter to at most `limit` in magnitude, in place.
    pub(super) fn clip_weights(&mut self, limit: f64) {
        self.trained.values.inplace(|values| values.clamp(-limit, limit));
    }

    /// Registers the reading of everything of a lane that [`Self::receive`] takes.
    pub(super) fn request(&self, lane: usize, transaction: Transaction) -> Transaction {
        let row = |flat: &Tensor<2>| flat.clone().slice([lane..lane + 1, 0..self.layout.count]);
        let transaction = transaction.register(row(&self.trained.values));
        let transaction = self.trained.buffers.iter().map(row).fold(transaction, Transaction::register);
        let running = |running: &Tensor<3>| running.clone().slice([lane..lane + 1]);
        let transaction = self.running.iter().map(running).fold(transaction, Transaction::register);
        match &self.average {
            Some(average) => {
                let transaction = transaction.register(row(&average.values));
                average.running.iter().map(running).fold(transaction, Transaction::register)
            }
            None => transaction,
        }
    }

    /// Writes the result of [`Self::request`] to a lane's state; `None` if it is incomplete.
    pub(super) fn receive(
        &self,
        rows: &mut impl Iterator<Item = Vec<f32>>,
        state: &mut LaneState,
    ) -> Option<()> {
        self.layout.scatter("", &rows.next()?, &mut state.arrays);
        for buffer in self.optimizer.buffers() {
            self.layout.scatter(&format!("{buffer}."), &rows.next()?, &mut state.arrays);
        }
        self.receive_running("", rows, state)?;
        if self.average.is_some() {
            self.layout.scatter(average::PREFIX, &rows.next()?, &mut state.arrays);
            self.receive_running(average::PREFIX, rows, state)?;
        }
        Some(())
    }

    fn receive_running(
        &self,
        prefix: &str,
        rows: &mut impl Iterator<Item = Vec<f32>>,
        state: &mut LaneState,
    ) -> Option<()> {
        let running: Vec<f32> = (0..self.running.len()).map_while(|_| rows.next()).flatten().collect();
        self.running_layout.scatter(prefix, running.get(..self.running_layout.count)?, &mut state.arrays);
        Some(())
    }
}
