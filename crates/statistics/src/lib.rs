//! Statistics of measured values: intervals, permutation tests, shares of variance, and the comparison of
//! configs by their runs.
//!
//! A value that is NaN or infinite is no number that a mean could hold. Every function here but [`median`] counts such
//! values and leaves them out; none is replaced or averaged. Results do not depend on the order of the input.

mod comparison;
mod distribution;
mod effects;
#[cfg(test)]
mod golden;
mod holm;
mod median;
mod permutation;
mod projection;
mod sample;
mod variance;

pub use comparison::{
    ALPHA, Better, CONFIDENCE, Comparison, Difference, GroupResult, Measurement, Verdict, compare,
};
pub use distribution::student_quantile;
pub use effects::{Effect, level_effects};
pub use median::median;
pub use permutation::{Method, PermutationTest};
pub use sample::{Interval, Sample};
pub use variance::{Design, Factor, Noise, Share, VarianceShares, variance_shares};
