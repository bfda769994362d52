//! Products of many rows with many rows, in blocks.

use gemm::Parallelism;

/// Rows of a block: its products with 10,000 rows take 2.5 MB, which stay in a cache.
pub(crate) const BLOCK: usize = 64;

/// The inner product of each row of `a` with each of `b`, both `[rows, dimensions]`: fills `out`,
/// `[rows of a, rows of b]`.
pub(crate) fn inner_products(a: &[f32], b: &[f32], dimensions: usize, out: &mut [f32]) {
    let (rows, columns) = (a.len() / dimensions, b.len() / dimensions);
    assert!(a.len() == rows * dimensions && b.len() == columns * dimensions && out.len() == rows * columns);
    let (stride, width) = (dimensions as isize, columns as isize);
    // SAFETY: the assertion above holds the lengths that the shapes and strides imply, and `out` is borrowed mutably,
    // so it overlaps neither input.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            dimensions,
            out.as_mut_ptr(),
            1,
            width,
            false,
            a.as_ptr(),
            1,
            stride,
            b.as_ptr(),
            stride,
            1,
            0.0,
            1.0,
            false,
            false,
            false,
            // The callers divide the rows among threads.
            Parallelism::None,
        );
    }
}

/// The product of two matrices, `[rows, inner]` and `[inner, columns]`: fills `out`, `[rows, columns]`.
pub(crate) fn product(a: &[f64], b: &[f64], columns: usize, out: &mut [f64]) {
    let (inner, rows) = (b.len() / columns, out.len() / columns);
    assert!(a.len() == rows * inner && b.len() == inner * columns && out.len() == rows * columns);
    let (stride, width) = (inner as isize, columns as isize);
    // SAFETY: as in `inner_products`.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            inner,
            out.as_mut_ptr(),
            1,
            width,
            false,
            a.as_ptr(),
            1,
            stride,
            b.as_ptr(),
            1,
            width,
            0.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;

    #[test]
    fn products_are_those_of_rows_with_rows() {
        let a = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let b = [1.0, 0.0, 1.0, 0.0, 10.0, 0.0, 1.0, 1.0, 1.0, -1.0, 0.0, 2.0];
        let mut out = [f32::NAN; 8];
        inner_products(&a, &b, 3, &mut out);
        assert_eq!(out, [4.0, 20.0, 6.0, 5.0, 10.0, 50.0, 15.0, 8.0]);
    }

    #[test]
    fn a_product_is_that_of_rows_with_columns() {
        let mut out = [f64::NAN; 4];
        product(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[1.0, 0.0, 1.0, 10.0, 0.0, 1.0], 2, &mut out);
        assert_eq!(out, [3.0, 23.0, 9.0, 56.0]);
    }
}
