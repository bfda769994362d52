//! The program as its users run it: the real binary, real files, real signals.

mod bad_input;
mod commands;
mod interruption;
mod mixed_builds;
mod mnist;
mod sandbox;
mod sweeping;
