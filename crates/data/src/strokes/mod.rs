//! Digits drawn from vector strokes: the dataset that needs no download.
//!
//! Each image plans a digit in one of several forms (a 7 with or without a bar, a closed or an open
//! 4), varies it as a hand would (slant, width, wobble, strokes that end early or late, corners that
//! are rounded), and draws it with a pen of varying pressure and a soft edge.
//!
//! The bytes are the same on every machine: there is nothing but IEEE addition, subtraction,
//! multiplication, division and square root, each exactly rounded everywhere, in a fixed order; and
//! every image has a random stream of its own, so that the number of threads does not matter.

mod cache;
mod curve;
mod declared;
mod draw;
mod form;
mod frame;
mod hand;
mod pen;
mod random;
mod warp;

pub(crate) use self::{cache::Strokes, declared::STROKES};
pub use self::{declared::spec, draw::generate};
