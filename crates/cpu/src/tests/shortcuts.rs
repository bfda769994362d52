//! Lists with shortcuts that have layers of their own.

use gansweep_config::{Config, PenaltyKind};
use gansweep_nn::network::Role;

use super::lists::{listed, penalised};
use super::with;

/// Shortcuts with layers of their own: of maps that become larger and smaller, of rows, one in another, one without layers, and some
/// that start with the network's input; sums of squares.
fn of_maps_and_rows() -> Config {
    with(|c| {
        listed(
            c,
            Role::Generator,
            &[
                "linear 98",
                "leaky-relu 0.2",
                "shortcut 2",
                "linear 98",
                "residual 2",
                "reshape 2x7x7",
                "batch-norm",
                "leaky-relu 0.1",
                "upsample 2",
                "conv 3 kernel 3 padding 1",
                "batch-norm",
                "shortcut 5",
                "upsample 2",
                "conv 3 kernel 1",
                "residual 3",
                "leaky-relu 0.3",
                "conv-transpose 1 kernel 2 stride 2",
            ],
        );
        listed(
            c,
            Role::Discriminator,
            &[
                "conv 2 kernel 3 padding 1",
                "leaky-relu 0.2",
                "conv 3 kernel 3 padding 1",
                "avg-pool 4",
                "shortcut 4",
                "avg-pool 4",
                "conv 3 kernel 1",
                "residual 3",
                "leaky-relu 0.1",
                "conv 3 kernel 1",
                "shortcut 1",
                "residual 1",
                "layer-norm",
                "conv 3 kernel 1",
                "leaky-relu 0.2",
                "shortcut 2",
                "leaky-relu 0.4",
                "shortcut 1",
                "residual 1",
                "residual 4",
                "tanh",
                "sum-pool 7",
                "flatten",
                "linear 1",
            ],
        );
        c.train.ema = 0.9;
    })
}

pub(super) fn shortcuts() -> Vec<(&'static str, Config)> {
    vec![
        ("shortcuts with layers of their own", of_maps_and_rows()),
        (
            "a shortcut that starts with the embedding of the class",
            with(|c| {
                c.model.conditional = true;
                let layers =
                    ["linear 9", "leaky-relu 0.2", "shortcut 2", "linear 9", "residual 2", "linear 784"];
                listed(c, Role::Generator, &layers);
            }),
        ),
    ]
}

/// Critics with shortcuts that have layers of their own and a penalty.
pub(super) fn penalised_shortcuts() -> Vec<(&'static str, Config)> {
    vec![
        (
            "a penalty through shortcuts with layers of their own, with second derivatives in them, behind them and in none",
            penalised(
                PenaltyKind::WganGp,
                &[
                    "conv 2 kernel 3 padding 1",
                    "tanh",
                    "conv 3 kernel 3 padding 1",
                    "avg-pool 4",
                    "shortcut 4",
                    "avg-pool 4",
                    "conv 3 kernel 1",
                    "residual 3",
                    "leaky-relu 0.1",
                    "conv 3 kernel 1",
                    "shortcut 1",
                    "layer-norm",
                    "residual 2",
                    "conv 4 kernel 1",
                    "leaky-relu 0.2",
                    "shortcut 2",
                    "conv 4 kernel 1",
                    "residual 2",
                    "avg-pool 3",
                    "sum-pool 2",
                    "flatten",
                    "linear 1",
                ],
            ),
        ),
        (
            "a penalty at the images of the batch, through a shortcut of rows",
            penalised(
                PenaltyKind::R1,
                &[
                    "flatten",
                    "linear 6",
                    "leaky-relu 0.2",
                    "shortcut 2",
                    "linear 6",
                    "residual 2",
                    "linear 1",
                ],
            ),
        ),
    ]
}
