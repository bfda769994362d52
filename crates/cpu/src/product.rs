//! Matrix products in 32-bit floats, each handing its finished lines on while they are in registers.
//!
//! An element of a product is one chain of multiply-adds in the order of the inner dimension,
//! whatever the width of the processor's vectors and however rows and panels are cut into tiles. So
//! a product has the same bits on every processor that has fused multiply-adds.

/// Calls a method with constants that let the sums of a tile keep the processor busy from its vector
/// registers: vectors in a line, in a last line that is at most half full, rows of a tile.
macro_rules! with_tile {
    ($product:ident.$run:ident($S:ident, $simd:expr)) => {
        match $S::F32_LANES {
            16 => $product.$run::<$S, 1, 1, 8>($simd),
            8 => $product.$run::<$S, 2, 1, 6>($simd),
            4 => $product.$run::<$S, 4, 2, 6>($simd),
            1 => $product.$run::<$S, 16, 8, 1>($simd),
            lanes => unreachable!("vectors of {lanes} floats"),
        }
    };
}

/// Calls a method with the number of rows of a tile as a constant.
macro_rules! with_rows {
    ($rows:expr, $product:ident.$tile:ident::<$S:ident, $V:ident>$arguments:tt) => {
        match $rows {
            1 => $product.$tile::<$S, $V, 1>$arguments,
            2 => $product.$tile::<$S, $V, 2>$arguments,
            3 => $product.$tile::<$S, $V, 3>$arguments,
            4 => $product.$tile::<$S, $V, 4>$arguments,
            5 => $product.$tile::<$S, $V, 5>$arguments,
            6 => $product.$tile::<$S, $V, 6>$arguments,
            7 => $product.$tile::<$S, $V, 7>$arguments,
            _ => $product.$tile::<$S, $V, 8>$arguments,
        }
    };
}

mod ink;
mod plain;
#[cfg(test)]
mod tests;
mod tile;
mod transposed;

use pulp::Arch;

use ink::Inked;
use plain::Plain;
use transposed::Transposed;

pub(super) use tile::{Below, Finish, Gather};

use super::input::Input;
use super::matrix::Matrix;

/// The product of `a` `[m, k]` and `b` `[k, n]`.
pub(super) fn product<'a>(arch: Arch, a: impl Into<Input<'a>>, b: &Matrix, mut finish: impl Gather) {
    let a = a.into();
    assert_eq!(a.cols(), b.rows(), "inner dimensions");
    if let Some(a) = a.sparse {
        arch.dispatch(Inked { a, b, finish: &mut finish });
    }
    arch.dispatch(Plain { a: a.full, b, finish: Below { finish, first_row: a.sparse_rows() } });
}

/// The product of `a` `[k, m]`, transposed, and `b` `[k, n]`, for a short inner dimension.
pub(super) fn product_transposed<'a>(arch: Arch, a: impl Into<Input<'a>>, b: &Matrix, finish: impl Finish) {
    let a = a.into();
    assert_eq!(a.rows(), b.rows(), "inner dimensions");
    arch.dispatch(Transposed { a, b, finish });
}
