//! The evaluator: a small convolutional classifier whose features and probabilities the quality figures of generated
//! images are computed from.
//!
//! There is one for each dataset. It is trained once, from a fixed seed, and cached; the same data gives the
//! same evaluator on the same kind of processor. Figures compare only within one evaluator, so its digest is
//! kept with them. Without labels its weights stay random: their features still tell images apart, only less well.

#![expect(
    clippy::inline_always,
    reason = "what is not inlined into a function for the processor's vectors is compiled without them"
)]

mod cache;
mod convolution;
mod evaluator;
mod images;
mod inference;
mod layout;
mod matrix;
mod passes;
mod patches;
mod training;

pub use cache::{CacheError, VERSION};
pub use evaluator::{Evaluator, Outputs};
pub use images::LabelledImages;
pub use training::TrainingProgress;
