//! Keys of `[sweep]` but for its axes.

use super::sweep;
use crate::schema::{Key, Kind, MAX_SEED};

/// In the order of the documentation.
pub(super) static KEYS: &[Key] = &[
    sweep(
        "sweep.seeds",
        Kind::Seeds,
        Some("1"),
        "The seeds that every config is trained with: a count `n`, which stands for 0 to n - 1, or a list.",
    ),
    sweep(
        "sweep.random.n",
        Kind::Integer(1, 100_000),
        None,
        "How many combinations of `[sweep.random.keys]` to draw. A larger `n` keeps the earlier draws and adds to them.",
    ),
    sweep(
        "sweep.random.seed",
        Kind::Integer(0, MAX_SEED),
        Some("0"),
        "Seed of the draws; each key has a generator of its own, so that adding a key changes no other's values.",
    ),
];
