//! Keys of `[model]`: both networks.

use super::{FRACTION, math, shorthand};
use crate::schema::{Field, Key, Kind};

const ACTIVATIONS: &[&str] = &["relu", "leaky-relu"];

/// In the order of the documentation.
pub(super) static KEYS: &[Key] = &[
    math(
        "model.latent_dim",
        Kind::Integer(1, 4096),
        "64",
        Field::Integer(|c| &mut c.model.latent_dim),
        "Length of a latent vector.",
    ),
    math(
        "model.latent",
        Kind::Choice(&["normal", "uniform"]),
        "\"normal\"",
        Field::Latent(|c| &mut c.model.latent),
        "What a latent vector's entries are drawn from: N(0, 1), or U(-1, 1).",
    ),
    math(
        "model.output",
        Kind::Choice(&["tanh", "sigmoid"]),
        "\"tanh\"",
        Field::Output(|c| &mut c.model.output),
        "The last activation of the generator; must fit `data.pixels`.",
    ),
    shorthand(
        "model.hidden",
        Kind::Hidden,
        &["model.generator.hidden", "model.discriminator.hidden"],
        "Hidden layers of both networks: a list of widths replaces the layers of both, one width is given to every layer that they have.",
    ),
    shorthand(
        "model.activation",
        Kind::Choice(ACTIVATIONS),
        &["model.generator.activation", "model.discriminator.activation"],
        "Activation of both networks.",
    ),
    shorthand(
        "model.slope",
        FRACTION,
        &["model.generator.slope", "model.discriminator.slope"],
        "Slope of both networks.",
    ),
    shorthand(
        "model.dropout",
        FRACTION,
        &["model.generator.dropout", "model.discriminator.dropout"],
        "Dropout of both networks.",
    ),
    math(
        "model.generator.hidden",
        Kind::Hidden,
        "[256, 512]",
        Field::Hidden(|c| &mut c.model.generator.hidden),
        "Widths of the generator's hidden layers, from the latent vector on; one width is given to every layer that it has.",
    ),
    math(
        "model.generator.activation",
        Kind::Choice(ACTIVATIONS),
        "\"relu\"",
        Field::Activation(|c| &mut c.model.generator.activation),
        "Activation after each hidden layer of the generator.",
    ),
    math(
        "model.generator.slope",
        FRACTION,
        "0.2",
        Field::Number(|c| &mut c.model.generator.slope),
        "Slope below zero of the generator's leaky ReLU. With `relu` it has no effect and is recorded as 0.",
    ),
    math(
        "model.generator.batch_norm",
        Kind::Bool,
        "true",
        Field::Bool(|c| &mut c.model.generator.batch_norm),
        "Whether batch normalisation (eps 1e-5, momentum 0.1) stands between each hidden Linear layer of the generator and its activation.",
    ),
    math(
        "model.generator.dropout",
        FRACTION,
        "0.0",
        Field::Number(|c| &mut c.model.generator.dropout),
        "Probability of dropping a hidden activation of the generator; `0` stands for no Dropout layers.",
    ),
    math(
        "model.discriminator.hidden",
        Kind::Hidden,
        "[512, 256]",
        Field::Hidden(|c| &mut c.model.discriminator.hidden),
        "Widths of the discriminator's hidden layers, from the image on; one width is given to every layer that it has.",
    ),
    math(
        "model.discriminator.activation",
        Kind::Choice(ACTIVATIONS),
        "\"leaky-relu\"",
        Field::Activation(|c| &mut c.model.discriminator.activation),
        "Activation after each hidden layer of the discriminator.",
    ),
    math(
        "model.discriminator.slope",
        FRACTION,
        "0.2",
        Field::Number(|c| &mut c.model.discriminator.slope),
        "Slope below zero of the discriminator's leaky ReLU. With `relu` it has no effect and is recorded as 0.",
    ),
    math(
        "model.discriminator.dropout",
        FRACTION,
        "0.3",
        Field::Number(|c| &mut c.model.discriminator.dropout),
        "Probability of dropping a hidden activation of the discriminator; `0` stands for no Dropout layers.",
    ),
];
