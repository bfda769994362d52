//! The datasets of gansweep: found on this machine, downloaded and checked, or drawn by the program.
//!
//! Every dataset has 60,000 + 10,000 labelled grey images of 28 x 28 pixels. A run's identity rests
//! on its data, so images are handed out only after the digests of the uncompressed files were found
//! to be those that the dataset's [`fingerprint`] stands for.
//!
//! A [`DataSource`] says where to look: in a folder of the user's, then in the cache. [`DataSource::fetch`]
//! fills the cache from the dataset's mirrors. The digits of [`strokes`] need neither.

mod catalog;
mod digest;
mod disk;
mod download;
mod error;
mod grid;
mod idx;
mod images;
mod sheet;
mod source;
pub mod strokes;

pub use catalog::fingerprint;
pub use download::Progress;
pub use error::{Attempt, DataError};
pub use grid::real_grid;
pub use idx::IdxFault;
pub use images::{Images, Split, class_names};
pub use sheet::contact_sheet;
pub use source::{DataSource, Found, Location};
