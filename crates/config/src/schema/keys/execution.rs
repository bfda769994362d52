//! Keys of `[execution]`: where and how densely runs train.

use super::execution;
use crate::schema::{Interval, Key, Kind};

/// In the order of the documentation.
pub(super) static KEYS: &[Key] = &[
    execution(
        "execution.devices",
        Kind::Devices,
        "[\"auto\"]",
        "Devices that take groups of runs from one queue; `auto` is the best one here. Also `--device`.",
    ),
    execution(
        "execution.jobs",
        Kind::Integer(0, 1024),
        "0",
        "Workers at the same time on each device; `0` lets the program choose. Also `--jobs`.",
    ),
    execution(
        "execution.fuse",
        Kind::Integer(0, 4096),
        "0",
        "The most runs of equal shapes trained as one batch; `0` lets the program choose, `1` trains every run alone. Also `--fuse`.",
    ),
    execution(
        "execution.hang_seconds",
        Kind::Number(Interval::closed(1.0, 86_400.0)),
        "300",
        "A worker that gives no sign of life for so many seconds, or neither finishes a step nor uses the processor, is taken for hung and replaced.",
    ),
];
