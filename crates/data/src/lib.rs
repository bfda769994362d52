//! The datasets of gansweep: found on this machine, downloaded and checked, or drawn by the program.
//!
//! The rest of the program knows the spec of a dataset ([`DataSource::spec`]). A run's id depends on the
//! fingerprint in the spec, so images are returned only after the digests of the uncompressed files were
//! checked against it.
//!
//! A [`DataSource`] looks in the user's folder, then in the cache. [`DataSource::fetch`] downloads a dataset
//! from its mirrors into the cache. [`strokes`] are drawn and need neither; the user's own images
//! (`dataset = "idx"`, `dataset = "folder"`) are read from their folder.
//!
//! Each kind of dataset implements the trait in `reader.rs`. Datasets that are published as IDX files share
//! one implementation, and each has a declaration.

mod cifar;
mod datasets;
mod declaration;
mod digest;
mod disk;
mod download;
mod error;
mod folder;
mod grid;
mod gzip;
mod handwriting;
mod idx;
mod idx_folder;
mod image_files;
mod images;
mod names;
mod naming;
mod published;
mod reader;
mod sheet;
mod source;
pub mod strokes;
mod survey;
mod zip;

pub use download::{Download, Progress};
pub use error::{Attempt, DamagedFile, DataError, IoAction, LeftOut, Origin};
pub use folder::FolderFault;
pub use folder::picture::fitted;
pub use grid::{grid, real_grid};
pub use handwriting::{PictureError, character};
pub use idx::IdxFault;
pub use image_files::{ImageFiles, ImageFormat, ImagesToCome};
pub use images::{Images, Split};
pub use naming::Naming;
pub use sheet::contact_sheet;
pub use source::{DataSource, Found, Location, OFFLINE};
pub use survey::OtherFile;
