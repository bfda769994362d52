//! Matrices stored as panels of sixteen columns.

use std::ops::Range;

use pulp::{Arch, NullaryFnOnce};

/// Floats in one cache line: the width of a panel.
pub(super) const LINE: usize = 16;

/// One row of one panel, on a cache line of its own.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub(super) struct Line(pub(super) [f32; LINE]);

impl Line {
    /// All zero.
    pub(super) const ZERO: Self = Self([0.0; LINE]);

    /// Adds a line number by number.
    #[inline(always)]
    pub(super) fn add(&mut self, other: &Self) {
        for i in 0..LINE {
            self.0[i] += other.0[i];
        }
    }
}

/// Prefetches the item at `index` into the first-level cache, where the processor has such an instruction.
/// `index` may be out of bounds.
#[inline(always)]
pub(super) fn fetch<T>(items: &[T], index: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch neither reads nor writes, and is ignored for addresses without memory.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(items.as_ptr().wrapping_add(index).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (items, index);
}

/// Panels of a matrix with `cols` columns.
pub(super) const fn panels(cols: usize) -> usize {
    cols.div_ceil(LINE)
}

/// A `[rows, cols]` matrix as panels of sixteen columns, each panel with its rows one after the
/// other.
///
/// A line holds whole vectors of any width. The rows of a panel are contiguous, and so are sixteen columns
/// of a few neighbouring rows. So a product reads the same matrix as either operand, transposed or not,
/// without packing it first. Columns beyond `cols` in the last panel are padding. It is zero in what a step computes, since sums
/// of rows go over whole lines: whoever writes a line writes all of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Matrix {
    rows: usize,
    cols: usize,
    lines: Vec<Line>,
}

impl Matrix {
    /// All zero.
    pub(super) fn new(rows: usize, cols: usize) -> Self {
        Self { rows, cols, lines: vec![Line::ZERO; rows * panels(cols)] }
    }

    /// The lines of a matrix of that shape.
    pub(super) const fn lines_of(rows: usize, cols: usize) -> usize {
        rows * panels(cols)
    }

    /// Memory of that many lines, to be [reshaped](Self::reshape).
    pub(super) fn of_lines(lines: usize) -> Self {
        Self::new(lines, LINE)
    }

    /// Lines of the allocated memory.
    pub(super) fn capacity(&self) -> usize {
        self.lines.len()
    }

    /// Becomes a copy of another matrix, within the allocated memory.
    pub(super) fn copy_from(&mut self, other: &Self) {
        self.reshape(other.rows, other.cols);
        self.lines_mut().copy_from_slice(other.lines());
    }

    /// A matrix whose elements are `value(row, col)`.
    #[cfg(test)]
    pub(super) fn from_fn(rows: usize, cols: usize, value: impl Fn(usize, usize) -> f32) -> Self {
        let mut matrix = Self::new(rows, cols);
        for row in 0..rows {
            for col in 0..cols {
                matrix.lines[col / LINE * rows + row].0[col % LINE] = value(row, col);
            }
        }
        matrix
    }

    /// Changes the shape within the allocated memory. The elements are then unspecified.
    pub(super) fn reshape(&mut self, rows: usize, cols: usize) {
        assert!(rows * panels(cols) <= self.lines.len(), "[{rows}, {cols}] does not fit the workspace");
        self.rows = rows;
        self.cols = cols;
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn cols(&self) -> usize {
        self.cols
    }

    pub(super) fn panels(&self) -> usize {
        panels(self.cols)
    }

    /// The element at `row` and `col`.
    pub(super) fn get(&self, row: usize, col: usize) -> f32 {
        self.lines[col / LINE * self.rows + row].0[col % LINE]
    }

    /// Sets the element at `row` and `col`.
    pub(super) fn set(&mut self, row: usize, col: usize, value: f32) {
        self.lines[col / LINE * self.rows + row].0[col % LINE] = value;
    }

    /// All lines, panel by panel.
    pub(super) fn lines(&self) -> &[Line] {
        &self.lines[..self.rows * panels(self.cols)]
    }

    /// All lines, panel by panel.
    pub(super) fn lines_mut(&mut self) -> &mut [Line] {
        &mut self.lines[..self.rows * panels(self.cols)]
    }

    /// The rows of one panel.
    pub(super) fn panel(&self, panel: usize) -> &[Line] {
        &self.lines[panel * self.rows..(panel + 1) * self.rows]
    }

    /// The rows of one panel.
    pub(super) fn panel_mut(&mut self, panel: usize) -> &mut [Line] {
        &mut self.lines[panel * self.rows..(panel + 1) * self.rows]
    }

    /// Becomes these rows of another matrix, `count` altogether.
    pub(super) fn copy_rows(&mut self, from: &Self, rows: &[Range<usize>], count: usize) {
        self.reshape(count, from.cols);
        for panel in 0..self.panels() {
            let mut rest = self.panel_mut(panel);
            for rows in rows {
                let (own, after) = rest.split_at_mut(rows.len());
                own.copy_from_slice(&from.panel(panel)[rows.clone()]);
                rest = after;
            }
        }
    }

    /// Becomes these images of another map, `[pixels * count, channels]`, whose rows lie pixel by pixel.
    pub(super) fn copy_images(&mut self, from: &Self, count: usize, images: &[Range<usize>]) {
        let of_pixel = |pixel: usize| {
            images.iter().map(move |part| pixel * count + part.start..pixel * count + part.end)
        };
        let rows: Vec<_> = (0..from.rows() / count).flat_map(of_pixel).collect();
        self.copy_rows(from, &rows, rows.iter().map(Range::len).sum());
    }

    /// Adds the elements of another matrix of its shape.
    pub(super) fn add(&mut self, arch: Arch, other: &Self) {
        arch.dispatch(AddLines { to: self.lines_mut(), other: other.lines() });
    }

    /// Some rows of one panel.
    pub(super) fn part_mut(&mut self, panel: usize, rows: Range<usize>) -> &mut [Line] {
        &mut self.panel_mut(panel)[rows]
    }
}

struct AddLines<'a> {
    to: &'a mut [Line],
    other: &'a [Line],
}

impl NullaryFnOnce for AddLines<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (to, other) in self.to.iter_mut().zip(self.other) {
            to.add(other);
        }
    }
}
