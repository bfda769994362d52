//! Quality figures of generated images, as pure functions of what a classifier makes of them: features
//! `[images, dimensions]` and class probabilities `[images, classes]`.
//!
//! A figure of images whose features are NaN or infinite is NaN. Figures depend on neither the order of
//! the images (subsets of the kernel distance excepted) nor the number of threads.

mod classes;
mod conditional;
mod eigen;
mod features;
mod frechet;
mod kernel;
mod neighbours;
mod products;

#[cfg(test)]
mod golden;

pub use classes::{ClassCounts, ClassProbabilities};
pub use conditional::{ClassQuality, RealClasses};
pub use features::Features;
pub use frechet::{Moments, frechet_distance};
pub use kernel::{KernelDistance, Subsets, kernel_distance, squared_mmd};
pub use neighbours::{Fidelity, Neighbours, RealSet, fidelity, mean_nearest_distance};
