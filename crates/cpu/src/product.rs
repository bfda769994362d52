//! Matrix products in 32-bit floats. An epilogue takes the finished lines of each tile.
//!
//! An element of a product is one chain of multiply-adds in the order of the inner dimension, for vectors
//! of any width and tiles of any shape. Products with sparse images add the part of the background by itself. So a product has the
//! same bits on every processor that has fused multiply-adds, but for those with lists of four rows together, which AVX-512
//! adds in the order of the lists.

/// Calls a method with constants for the width of the vectors: vectors in a line, vectors in a last line
/// that is at most half full, and panels and rows of a tile. A tile has as many sums as fit the vector registers.
///
/// With AVX-512 it may have two panels, which share the elements of the left operand: sixteen multiply-adds take ten
/// loads. Tiles of one panel take nine for eight, and a processor that computes and loads two vectors in a cycle
/// waits for them. AVX2 has no registers for a second panel.
macro_rules! with_tile {
    ($product:ident.$run:ident($S:ident, $panels:literal, $simd:expr)) => {
        match $S::F32_LANES {
            16 => $product.$run::<$S, 1, 1, $panels, 8>($simd),
            8 => $product.$run::<$S, 2, 1, 1, 6>($simd),
            4 => $product.$run::<$S, 4, 2, 1, 6>($simd),
            1 => $product.$run::<$S, 16, 8, 1, 1>($simd),
            lanes => unreachable!("vectors of {lanes} floats"),
        }
    };
}

/// Calls a method with the number of rows of a tile as a constant, so that its loops are unrolled.
macro_rules! with_rows {
    ($rows:expr, $product:ident.$tile:ident::<$S:ident, $($V:ident),+>$arguments:tt) => {
        match $rows {
            1 => $product.$tile::<$S, $($V),+, 1>$arguments,
            2 => $product.$tile::<$S, $($V),+, 2>$arguments,
            3 => $product.$tile::<$S, $($V),+, 3>$arguments,
            4 => $product.$tile::<$S, $($V),+, 4>$arguments,
            5 => $product.$tile::<$S, $($V),+, 5>$arguments,
            6 => $product.$tile::<$S, $($V),+, 6>$arguments,
            7 => $product.$tile::<$S, $($V),+, 7>$arguments,
            _ => $product.$tile::<$S, $($V),+, 8>$arguments,
        }
    };
}

mod dense;
mod nonzero;
mod right;
mod sparse;
#[cfg(test)]
mod tests;
mod tile;
mod transposed;

use pulp::{Arch, NullaryFnOnce, Scalar};

use dense::{DenseProduct, WithTransposed};
use nonzero::{NonzeroProduct, OneBlock};
use right::{Straight, Transposed};
use sparse::SparseProduct;
use transposed::TransposedProduct;

pub(super) use tile::{
    Epilogue, OffsetRows, ResumableEpilogue, Sums, add_product, apply_or_keep, rows_of, store,
};
pub(super) use transposed::AddedPair;

use super::matrix::{LINE, Matrix};
use super::sparse::Input;

/// The fewest columns of a right operand for which a product with the nonzero elements alone is faster: four panels,
/// which share each element.
pub(super) const MIN_COLS: usize = 4 * LINE;

/// The product of `a`, `[m, k]`, and `b`, `[k, n]`.
pub(super) fn product<'a>(
    arch: Arch,
    a: impl Into<Input<'a>>,
    b: &Matrix,
    mut epilogue: impl ResumableEpilogue,
) {
    let a = a.into();
    assert_eq!(a.cols(), b.rows(), "inner dimensions");
    if let Some(a) = a.nonzeros {
        arch.dispatch(NonzeroProduct { a, b, epilogue });
        return;
    }
    if let Some(a) = a.sparse {
        arch.dispatch(SparseProduct { a, b, epilogue: &mut epilogue });
    }
    arch.dispatch(DenseProduct {
        a: a.dense,
        b: Straight(b),
        epilogue: OffsetRows { epilogue, first_row: a.sparse_rows() },
    });
}

/// The product of `a`, `[m, k]`, and the transpose of `b`, `[n, k]`, which is taken for the larger one.
///
/// Where the processor has no vectors for it, the tiles of `b` are transposed, and the product is computed, number by number.
pub(super) fn product_with_transposed(arch: Arch, a: &Matrix, b: &Matrix, epilogue: impl ResumableEpilogue) {
    assert_eq!(a.cols(), b.cols(), "inner dimensions");
    let product = DenseProduct { a, b: Transposed(b), epilogue };
    match arch {
        #[cfg(target_arch = "x86_64")]
        Arch::V4(simd) => simd.vectorize(WithTransposed { simd, product }),
        #[cfg(target_arch = "x86_64")]
        Arch::V3(simd) => simd.vectorize(WithTransposed { simd, product }),
        _ => WithTransposed { simd: Scalar, product }.call(),
    }
}

/// The product of `a`, `[k, m]`, transposed, and `b`, `[k, n]`, for a short inner dimension, plus that of an added pair.
pub(super) fn product_transposed<'a>(
    arch: Arch,
    a: impl Into<Input<'a>>,
    b: &Matrix,
    added: Option<AddedPair<'_>>,
    epilogue: impl Epilogue,
) {
    let a = a.into();
    assert_eq!(a.rows(), b.rows(), "inner dimensions");
    if let Some(AddedPair { left, right }) = added {
        assert_eq!((left.cols(), right.cols()), (a.cols(), b.cols()), "the shape of the product");
        assert_eq!(left.rows(), right.rows(), "inner dimensions of the added pair");
    } else if let Some(a) = a.nonzeros {
        arch.dispatch(NonzeroProduct { a, b, epilogue: OneBlock(epilogue) });
        return;
    }
    arch.dispatch(TransposedProduct { a, b, added, epilogue });
}
