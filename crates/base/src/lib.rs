//! Helpers that several crates share: alignments of lists, atomic writes of files and folders, digests, variable-length integers, facts about
//! the host, numbers and times as text, and suggestions for misspelt names.
//!
//! A function belongs here if crates that do not depend on each other need it.

pub mod alignment;
pub mod digest;
pub mod file;
pub mod folder;
pub mod host;
pub mod leb128;
pub mod limits;
pub mod printable;
pub mod spelling;
pub mod text;
pub mod untrusted;
