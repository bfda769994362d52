//! Helpers that several crates share: atomic file writes, digests, facts about the host, and numbers and
//! times as text.
//!
//! A function belongs here if crates that do not depend on each other need it.

pub mod digest;
pub mod file;
pub mod host;
pub mod limits;
pub mod printable;
pub mod text;
pub mod untrusted;
