//! Keys of `[record]`: what is recorded of every run.

use super::record;
use crate::schema::{Interval, Key, Kind, MAX_SEED};

/// A time in seconds, up to a day.
const SECONDS: Kind = Kind::Number(Interval::closed(0.0, 86_400.0));

/// In the order of the documentation.
pub(super) static KEYS: &[Key] = &[
    record(
        "record.every_steps",
        Kind::Integer(1, 1_000_000),
        "100",
        "Record the metrics every so many steps, and at the end of each recorded epoch.",
    ),
    record(
        "record.every_epochs",
        Kind::Integer(1, 100_000),
        "1",
        "Record a sample grid and the epoch's means every so many epochs, and after the last.",
    ),
    record(
        "record.grid_rows",
        Kind::Integer(1, 400),
        "6",
        "Rows of a sample grid; a grid has at most 400 images.",
    ),
    record("record.grid_cols", Kind::Integer(1, 400), "10", "Columns of a sample grid."),
    record(
        "record.sample_mode",
        Kind::Choice(&["eval", "batch-statistics"]),
        "\"eval\"",
        "How grids are drawn: with the running statistics of batch normalisation, or with the grid's own. Dropout is off in both.",
    ),
    record(
        "record.latent_seed",
        Kind::Integer(0, MAX_SEED),
        "0",
        "Seed of the latents that all grids of all runs are drawn from.",
    ),
    record(
        "record.palette",
        Kind::Choice(&["gray", "gray-r"]),
        "\"gray\"",
        "How the report shows images: white strokes on black, or black on white.",
    ),
    record(
        "record.checkpoint_seconds",
        SECONDS,
        "30",
        "Write a checkpoint at the first recorded epoch's end after so many seconds, and at the end of a run; `0` stands for every recorded epoch.",
    ),
];
