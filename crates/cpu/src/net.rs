//! A network of a lane, of any kind.

use std::ops::Range;

use gansweep_config::Config;
use gansweep_nn::network::{Entry, Network, Role};
use gansweep_train::Unsupported;

use super::added_pairs::AddedPairs;
use super::conv::{self, ConvNet, ConvTrace, ListedNet, ListedTrace};
use super::engine::Engine;
use super::matrix::Matrix;
use super::network::{Mlp, Trace, is_perceptron};
use super::norm::Norm;
use super::parameters::Parameters;
use super::sparse::Input;
use super::stage::{Gradients, Mode, Rows};
use super::together::Together;
use super::trained::Learning;
use super::transpose::Derivative;

/// How a network is computed: the common orders of layers have faster ways than any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A multilayer perceptron with its layers in the common order.
    Perceptron,
    /// A network of convolutions with its layers in the common order.
    Convolutions,
    /// Layers in any order.
    AnyOrder,
}

impl Form {
    pub(super) fn of(network: &Network, config: &Config) -> Self {
        if is_penalised(network, config)
            && network.nodes.iter().any(|node| Together::of(node.layer).is_some())
        {
            // The others have no second derivatives.
            Self::AnyOrder
        } else if has_norm_over_class(network) {
            // A perceptron keeps the weights of the embedding apart from those of the image, and one norm has both.
            Self::AnyOrder
        } else if is_perceptron(network) {
            Self::Perceptron
        } else if conv::is_convolutional(network) && conv::plan(network).is_ok() {
            Self::Convolutions
        } else {
            Self::AnyOrder
        }
    }
}

/// Whether a perceptron divides weights by their norm that the embedding of a class is multiplied by.
fn has_norm_over_class(network: &Network) -> bool {
    let is_behind_input = network.condition.is_some_and(|condition| condition.entry == Entry::Concat);
    is_behind_input && network.spectral_norm && is_perceptron(network)
}

/// Whether a penalty is measured of the network.
pub(super) fn is_penalised(network: &Network, config: &Config) -> bool {
    network.role == Role::Discriminator && config.penalty.exists()
}

/// A network with its parameters and the buffers of its optimiser.
#[derive(Debug)]
pub(super) enum Net {
    Mlp(Mlp),
    Conv(ConvNet),
    Listed(ListedNet),
}

/// Tensors that a forward pass saves for the backward pass.
#[derive(Debug)]
pub(super) enum NetTrace {
    Mlp(Trace),
    Conv(ConvTrace),
    Listed(ListedTrace),
}

impl NetTrace {
    /// Copies what derivatives follow from, of these images of another trace of the network.
    pub(super) fn copy_images(&mut self, from: &Self, images: &[Range<usize>]) {
        match (self, from) {
            (Self::Mlp(own), Self::Mlp(from)) => own.copy_rows(from, images),
            (Self::Conv(own), Self::Conv(from)) => own.copy_images(from, images),
            (Self::Listed(own), Self::Listed(from)) => own.copy_images(from, images),
            _ => unreachable!("traces of one network are of one kind"),
        }
    }
}

impl Net {
    /// A network whose parameters are all zero.
    ///
    /// # Errors
    ///
    /// If this backend does not compute such a network.
    pub(super) fn new(network: &Network, config: &Config) -> Result<Self, Unsupported> {
        Ok(match Form::of(network, config) {
            Form::Perceptron => Self::Mlp(Mlp::new(network, config)),
            Form::Convolutions => Self::Conv(ConvNet::new(network, config)?),
            Form::AnyOrder => Self::Listed(ListedNet::new(network, config)),
        })
    }

    /// Memory for the traces of up to `images` images; for forward passes alone, unless `backward`.
    pub(super) fn trace(&self, images: usize, backward: bool) -> NetTrace {
        match self {
            Self::Mlp(net) => NetTrace::Mlp(net.trace(images)),
            Self::Conv(net) => NetTrace::Conv(net.trace(images, backward)),
            Self::Listed(net) => NetTrace::Listed(net.trace(images, backward)),
        }
    }

    /// The widest row whose gradient a multilayer perceptron needs; nothing for a network of convolutions, which
    /// has such memory in its trace.
    pub(super) fn width(&self) -> usize {
        match self {
            Self::Mlp(net) => net.width(),
            Self::Conv(_) | Self::Listed(_) => 1,
        }
    }

    /// Evaluates the network on `input`, and writes its output to `last`.
    pub(super) fn forward(
        &mut self,
        engine: &mut Engine,
        mode: Mode,
        input: Input<'_>,
        trace: &mut NetTrace,
        last: Rows<'_>,
    ) {
        match (self, trace) {
            (Self::Mlp(net), NetTrace::Mlp(trace)) => net.forward(engine, mode, input, trace, last),
            (Self::Conv(net), NetTrace::Conv(trace)) => net.forward(engine, mode, input, trace, last),
            (Self::Listed(net), NetTrace::Listed(trace)) => net.forward(engine, mode, input, trace, last),
            _ => unreachable!("a network has a trace of its kind"),
        }
    }

    /// Back-propagates `gradients.output`, the gradient of the loss with respect to what the network computes
    /// before its output activation. Updates the parameters, if `learning`; otherwise
    /// [`input_gradient`](Self::input_gradient) goes on from here.
    pub(super) fn backward(
        &mut self,
        engine: &mut Engine,
        input: Input<'_>,
        trace: &mut NetTrace,
        gradients: &mut Gradients,
        penalty: Option<&AddedPairs>,
        learning: Option<Learning>,
    ) {
        match (self, trace) {
            (Self::Mlp(net), NetTrace::Mlp(trace)) => {
                net.backward(engine, input, trace, gradients, penalty, learning);
            }
            (Self::Conv(net), NetTrace::Conv(trace)) => {
                net.backward(engine, input, trace, gradients, penalty, learning);
            }
            (Self::Listed(net), NetTrace::Listed(trace)) => {
                net.backward(engine, input, trace, gradients, penalty, learning);
            }
            _ => unreachable!("a network has a trace of its kind"),
        }
    }

    /// From a backward pass without learning to the gradient of what its input, `images`, was before the
    /// activation that drew it, in `gradients.output`.
    pub(super) fn input_gradient(
        &self,
        engine: &mut Engine,
        trace: &mut NetTrace,
        derivative: Derivative,
        images: &Matrix,
        gradients: &mut Gradients,
    ) {
        match (self, trace) {
            (Self::Conv(net), NetTrace::Conv(trace)) => {
                net.input_gradient(engine, trace, derivative, images, gradients);
            }
            (Self::Listed(_), NetTrace::Listed(trace)) => {
                trace.input_gradient(engine, derivative, images, gradients);
            }
            _ => gradients.apply_derivative(engine, derivative, images),
        }
    }

    /// Memory for a penalty's tangents and signals of up to `images` images. What they need beside that is made room for in the
    /// trace of the images.
    pub(super) fn pairs(&self, images: usize, trace: &mut NetTrace) -> AddedPairs {
        match (self, trace) {
            (Self::Mlp(net), _) => net.pairs(images),
            (Self::Conv(net), _) => net.pairs(images),
            (Self::Listed(net), NetTrace::Listed(trace)) => net.pairs(images, trace),
            (Self::Listed(_), _) => unreachable!("a network has a trace of its kind"),
        }
    }

    /// Makes room for the tangents and signals of `images` images.
    pub(super) fn reshape_pairs(&self, images: usize, pairs: &mut AddedPairs) {
        match self {
            Self::Mlp(net) => net.reshape_pairs(images, pairs),
            Self::Conv(net) => net.reshape_pairs(images, pairs),
            Self::Listed(net) => net.reshape_pairs(images, pairs),
        }
    }

    /// Back-propagates a one from every output: the signals of each product, and the gradient of the images, in `images`
    /// or, without, in the first tangents. `classes` are those of the images, if the network knows classes.
    pub(super) fn signals(
        &mut self,
        engine: &mut Engine,
        classes: &[u16],
        trace: &mut NetTrace,
        gradients: &mut Gradients,
        pairs: &mut AddedPairs,
        images: Option<&mut Matrix>,
    ) {
        match (self, trace, images) {
            (Self::Mlp(net), NetTrace::Mlp(trace), None) => {
                net.signals(engine, classes, trace, gradients, pairs);
            }
            (Self::Conv(net), NetTrace::Conv(trace), Some(images)) => {
                net.signals(engine, classes, trace, pairs, images);
            }
            (Self::Listed(net), NetTrace::Listed(trace), Some(images)) => {
                net.signals(engine, classes, trace, pairs, images);
            }
            _ => unreachable!("a network has a trace of its kind, and a perceptron alone takes no images"),
        }
    }

    /// Computes the tangents of every product's input from those of the images, which lie where
    /// [`signals`](Self::signals) wrote the gradient.
    pub(super) fn tangents(
        &mut self,
        engine: &mut Engine,
        classes: &[u16],
        trace: &mut NetTrace,
        pairs: &mut AddedPairs,
        images: Option<&Matrix>,
    ) {
        match (self, trace, images) {
            (Self::Mlp(net), NetTrace::Mlp(trace), None) => net.tangents(engine, trace, pairs),
            (Self::Conv(net), NetTrace::Conv(trace), Some(images)) => {
                net.tangents(engine, trace, pairs, images);
            }
            (Self::Listed(net), NetTrace::Listed(trace), Some(images)) => {
                net.tangents(engine, classes, trace, pairs, images);
            }
            _ => unreachable!("a network has a trace of its kind, and a perceptron alone takes no images"),
        }
    }

    /// Does for the running statistics what another forward pass of the last batch would do.
    pub(super) fn track_again(&mut self) {
        self.parameters().each_norm(&mut Norm::track_again);
    }

    /// Exchanges parameters and buffers with their averages.
    pub(super) fn swap_averages(&mut self) {
        self.parameters().swap_averages();
    }

    fn parameters(&mut self) -> &mut dyn Parameters {
        match self {
            Self::Mlp(net) => net,
            Self::Conv(net) => net,
            Self::Listed(net) => net,
        }
    }

    /// Divides the weights that have a spectral norm by it, after a power iteration if `iterates`. Forward passes
    /// multiply by what this has computed last.
    pub(super) fn normalise_weights(&mut self, engine: &mut Engine, iterates: bool) {
        self.parameters().normalise_weights(engine, iterates);
    }

    /// Clips every parameter to at most `limit` in magnitude.
    pub(super) fn clip_weights(&mut self, engine: &mut Engine, limit: f32) {
        self.parameters().clip_weights(engine, limit);
    }
}
