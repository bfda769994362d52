//! The datasets: found on this machine, downloaded and checked, or drawn from vector strokes.

mod error;
mod grid;
mod idx;
mod images;
mod source;
pub mod strokes;

pub use error::DataError;
pub use grid::real_grid;
pub use idx::IdxFault;
pub use images::{Images, Split};
pub use source::{DataSource, Found, Location, Progress, fingerprint};
