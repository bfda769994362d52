//! Products whose left operand has many zeros: they multiply its nonzero elements alone.
//!
//! Every multiply-add loads a vector of the right operand from the first-level cache, which a tile of a dense product
//! loads once for all of its rows. So a product with half of the elements takes more than half of the time.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::super::matrix::{Line, Matrix};
use super::super::nonzeros::{List, Nonzeros};
use super::sparse::Lines;
use super::tile::{Epilogue, ResumableEpilogue, Sums, add_product, opaque_copy, vectors};
use super::transposed::AHEAD;

/// Calls a method with constants for the width of the vectors: vectors in a line, panels that are computed at once, and
/// rows that are computed at once. There are enough independent sums to hide the latency of a multiply-add.
macro_rules! with_lists {
    ($object:ident.$run:ident($S:ident, $simd:expr)) => {
        match $S::F32_LANES {
            16 => $object.$run::<$S, 1, 4, 2>($simd),
            8 => $object.$run::<$S, 2, 4, 1>($simd),
            4 => $object.$run::<$S, 4, 2, 1>($simd),
            1 => $object.$run::<$S, 16, 1, 1>($simd),
            lanes => unreachable!("vectors of {lanes} floats"),
        }
    };
}

/// Lines of a block of the right operand.
const DEPTH: usize = Nonzeros::BLOCK;

/// The lines of a block in each of `P` panels. If they are fewer than `DEPTH`, the rest is unspecified.
type Block<'a, const P: usize> = [&'a [Line; DEPTH]; P];

/// The product of a matrix and another; of a transposed matrix, if `a` has its columns as rows.
pub(super) struct NonzeroProduct<'a, F> {
    pub(super) a: &'a Nonzeros,
    pub(super) b: &'a Matrix,
    pub(super) epilogue: F,
}

impl<F: ResumableEpilogue> WithSimd for NonzeroProduct<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        with_lists!(self.run(S, simd));
    }
}

impl<F: ResumableEpilogue> NonzeroProduct<'_, F> {
    #[inline(always)]
    fn run<S: Simd, const V: usize, const P: usize, const T: usize>(mut self, simd: S) {
        let grouped = self.b.panels() / P * P;
        let (mut copies, mut copy) = ([[Line::ZERO; DEPTH]; P], [[Line::ZERO; DEPTH]; 1]);
        for block in 0..self.a.blocks() {
            for panel in (0..grouped).step_by(P) {
                self.column::<S, V, P, T>(simd, block, panel, &mut copies);
            }
            for panel in grouped..self.b.panels() {
                self.column::<S, V, 1, T>(simd, block, panel, &mut copy);
            }
        }
    }

    /// Adds the products over a block to the sums of `P` panels.
    #[inline(always)]
    fn column<S: Simd, const V: usize, const P: usize, const T: usize>(
        &mut self,
        simd: S,
        block: usize,
        panel: usize,
        copy: &mut [[Line; DEPTH]; P],
    ) {
        let right = lines_of(self.b, panel, block * DEPTH, copy);
        let paired = self.a.rows() / T * T;
        for row in (0..paired).step_by(T) {
            self.rows::<S, V, P, T>(simd, block, row, panel, right);
        }
        for row in paired..self.a.rows() {
            self.rows::<S, V, P, 1>(simd, block, row, panel, right);
        }
    }

    #[inline(always)]
    fn rows<S: Simd, const V: usize, const P: usize, const T: usize>(
        &mut self,
        simd: S,
        block: usize,
        row: usize,
        panel: usize,
        right: Block<'_, P>,
    ) {
        let last = block + 1 == self.a.blocks();
        if last {
            for p in 0..P {
                for t in 0..T {
                    self.epilogue.prefetch(row + AHEAD + t, panel + p);
                }
            }
        }
        let mut sums: [Lines<S, V, P>; T] = [[[simd.splat_f32s(0.0); V]; P]; T];
        if block > 0 {
            for p in 0..P {
                let lines = self.epilogue.partial(row..row + T, panel + p);
                for t in 0..T {
                    sums[t][p] = vectors::<S, V>(&lines[t]);
                }
            }
        }
        add_lists(simd, lists(self.a, row..row + T, block), right, &mut sums);
        for (p, sums) in by_panel::<S, V, P, T>(simd, &sums).into_iter().enumerate() {
            if last {
                self.epilogue.apply(simd, row, panel + p, sums);
                continue;
            }
            let lines = self.epilogue.partial(row..row + T, panel + p);
            for (sums, line) in sums.iter().zip(lines) {
                S::as_mut_simd_f32s(&mut line.0).0[..V].copy_from_slice(sums);
            }
        }
    }
}

/// The epilogue of a product of one block, which has no partial sums.
pub(super) struct OneBlock<F>(pub(super) F);

impl<F: Epilogue> Epilogue for OneBlock<F> {
    #[inline(always)]
    fn apply<S: Simd, const V: usize, const R: usize>(
        &mut self,
        simd: S,
        row: usize,
        panel: usize,
        lines: [[S::f32s; V]; R],
    ) {
        self.0.apply(simd, row, panel, lines);
    }

    #[inline(always)]
    fn prefetch(&self, row: usize, panel: usize) {
        self.0.prefetch(row, panel);
    }
}

impl<F: Epilogue> ResumableEpilogue for OneBlock<F> {
    const PREFETCH_LEFT: bool = false;

    fn partial(&mut self, _: Range<usize>, _: usize) -> &mut [Line] {
        unreachable!("the only block is the last")
    }
}

/// The lines of `b` from row `first` on, in `P` panels. A block that is not whole is copied, so that an index into any
/// block needs no bounds check.
#[inline(always)]
fn lines_of<'a, const P: usize>(
    b: &'a Matrix,
    panel: usize,
    first: usize,
    copy: &'a mut [[Line; DEPTH]; P],
) -> Block<'a, P> {
    if b.rows() - first < DEPTH {
        for p in 0..P {
            let lines = &b.panel(panel + p)[first..];
            copy[p][..lines.len()].copy_from_slice(lines);
        }
    }
    let mut block = copy.each_ref();
    for p in 0..P {
        if let Some(whole) = b.panel(panel + p)[first..].first_chunk() {
            block[p] = whole;
        }
    }
    block
}

/// The lists of some rows within a block.
#[inline(always)]
fn lists<const T: usize>(a: &Nonzeros, rows: Range<usize>, block: usize) -> [List<'_>; T] {
    let mut lists = [List { at: &[], values: &[] }; T];
    for (list, row) in lists.iter_mut().zip(rows) {
        *list = a.list(row, block);
    }
    lists
}

/// Adds the products of the elements of each list with their lines to the sums of each.
#[inline(always)]
fn add_lists<S: Simd, const V: usize, const P: usize, const T: usize>(
    simd: S,
    lists: [List<'_>; T],
    right: Block<'_, P>,
    sums: &mut [Lines<S, V, P>; T],
) {
    let shared = lists.iter().map(|list| list.at.len()).min().unwrap_or(0);
    let (mut heads, mut tails) = (lists, lists);
    for t in 0..T {
        // One length for all slices, so that no access needs a bounds check.
        let (at, more_at) = lists[t].at.split_at(shared);
        let (values, more_values) = lists[t].values.split_at(shared);
        (heads[t], tails[t]) = (List { at, values }, List { at: more_at, values: more_values });
    }
    for i in 0..shared {
        for t in 0..T {
            add_element(simd, heads[t].at[i], heads[t].values[i], right, &mut sums[t]);
        }
    }
    if T > 1 {
        for t in 0..T {
            for (&at, &value) in tails[t].at.iter().zip(tails[t].values) {
                add_element(simd, at, value, right, &mut sums[t]);
            }
        }
    }
}

#[inline(always)]
fn add_element<S: Simd, const V: usize, const P: usize>(
    simd: S,
    at: u8,
    value: f32,
    right: Block<'_, P>,
    sums: &mut Lines<S, V, P>,
) {
    let left = simd.splat_f32s(value);
    for p in 0..P {
        add_product(simd, left, vectors::<S, V>(&right[p][usize::from(at) % DEPTH]), &mut sums[p]);
    }
}

/// The sums of each panel, in a copy that the compiler does not see through.
#[inline(always)]
fn by_panel<S: Simd, const V: usize, const P: usize, const T: usize>(
    simd: S,
    sums: &[Lines<S, V, P>; T],
) -> [Sums<S, V, T>; P] {
    let mut panels: [Sums<S, V, T>; P] = [[[simd.splat_f32s(0.0); V]; T]; P];
    for p in 0..P {
        let mut panel = panels[p];
        for t in 0..T {
            panel[t] = sums[t][p];
        }
        panels[p] = opaque_copy::<S, V, T>(&panel);
    }
    panels
}
