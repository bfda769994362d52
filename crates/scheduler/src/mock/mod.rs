//! Workers that simulate training and fail by script: the tests of everything around workers run in
//! milliseconds with them.
//!
//! The simulated training is a pure function of run and step, as real training is, and its checkpoints
//! are real files. So a sweep that was disturbed in any way must end with exactly the records of one
//! that was not.

mod experiment;
mod launcher;
mod script;
mod training;
mod worker;

pub use experiment::{data, experiment, plan, sweep_record};
pub use launcher::MockLauncher;
pub use script::{Fault, Pause, Script};
pub use training::simulate;
