//! The datasets of gansweep: found on this machine, downloaded and checked, or drawn by the program.
//!
//! What the rest of the program knows of a dataset is its spec ([`DataSource::spec`]). A run's identity
//! rests on its data, so images are handed out only after the digests of the uncompressed files were
//! found to be those that the spec's fingerprint stands for.
//!
//! A [`DataSource`] says where to look: in a folder of the user's, then in the cache. [`DataSource::fetch`]
//! fills the cache from the dataset's mirrors. The digits of [`strokes`] need neither; the user's own
//! images (`dataset = "idx"`) are read where they are.
//!
//! Each kind of dataset implements one trait (in `reader.rs`): those that are published as IDX files
//! share an implementation and are a declaration each.

mod datasets;
mod declaration;
mod digest;
mod disk;
mod download;
mod error;
mod grid;
mod idx;
mod idx_folder;
mod images;
mod names;
mod published;
mod reader;
mod sheet;
mod source;
pub mod strokes;

pub use datasets::class_names;
pub use download::Progress;
pub use error::{Attempt, DataError};
pub use grid::{grid, real_grid};
pub use idx::IdxFault;
pub use images::{Images, Split};
pub use sheet::contact_sheet;
pub use source::{DataSource, Found, Location};
