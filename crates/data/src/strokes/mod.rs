//! Digits drawn from vector strokes: the dataset that needs no download.
//!
//! Each image takes one of several forms of a digit (a 7 with or without a bar, a closed or an open 4),
//! varies it as handwriting does (slant, width, wobble, strokes that end early or late, rounded corners),
//! and draws it with a pen of varying pressure and a soft edge. Images have 28, 32 or 64 pixels a side and
//! are grey or in colour; those of one index show the same digit in every shape.
//!
//! The bytes are the same on every machine: the only operations are IEEE addition, subtraction,
//! multiplication, division and square root, which are exactly rounded everywhere, in a fixed order. Every
//! image has its own random stream, so that the number of threads does not matter.

mod cache;
mod colour;
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
