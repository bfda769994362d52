//! What any crate may need and none should write again: files that are written whole or not at all,
//! digests, facts of the host, numbers and times as text.
//!
//! A function belongs here when crates that do not know each other need it. What only one crate needs
//! stays there.

pub mod digest;
pub mod file;
pub mod host;
pub mod limits;
pub mod text;
pub mod untrusted;
