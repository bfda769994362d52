//! Products of matrices.

use gemm::Parallelism;

/// A matrix that is read, possibly transposed.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> View<'a> {
    /// A matrix `[rows, columns]`, row by row.
    pub(crate) fn new(values: &'a [f32], columns: usize) -> Self {
        let rows = values.len() / columns;
        assert_eq!(values.len(), rows * columns);
        Self { values, rows, columns, row_stride: columns, column_stride: 1 }
    }

    pub(crate) fn transposed(self) -> Self {
        Self {
            values: self.values,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }

    /// Writes `self * other` to `out`, `[rows, columns of other]`, on this thread.
    pub(crate) fn times(self, other: View<'_>, out: &mut [f32]) {
        assert!(self.columns == other.rows && out.len() == self.rows * other.columns);
        // SAFETY: `new` and the assertion hold that shapes and strides stay within the three slices; `out` is borrowed
        // mutably, so it overlaps neither input.
        unsafe {
            gemm::gemm(
                self.rows,
                other.columns,
                self.columns,
                out.as_mut_ptr(),
                1,
                other.columns as isize,
                false,
                self.values.as_ptr(),
                self.column_stride as isize,
                self.row_stride as isize,
                other.values.as_ptr(),
                other.column_stride as isize,
                other.row_stride as isize,
                0.0,
                1.0,
                false,
                false,
                false,
                Parallelism::None,
            );
        }
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;

    #[test]
    fn products_take_either_side_transposed() {
        let a = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let mut out = [0.0; 4];
        View::new(&a, 3).times(View::new(&a, 3).transposed(), &mut out);
        assert_eq!(out, [14.0, 32.0, 32.0, 77.0]);
        let mut out = [0.0; 9];
        View::new(&a, 3).transposed().times(View::new(&a, 3), &mut out);
        assert_eq!(out, [17.0, 22.0, 27.0, 22.0, 29.0, 36.0, 27.0, 36.0, 45.0]);
    }
}
