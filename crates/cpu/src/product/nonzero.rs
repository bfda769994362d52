//! Products whose left operand has many zeros: they multiply its nonzero elements alone.
//!
//! A line of the right operand is loaded from the first-level cache for each nonzero element of the row, or once for those of
//! four rows that have a nonzero element there, while a tile of a dense product loads it once for all of its rows. So a
//! product with half of the elements takes more than half of the time.

use std::array;
use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::super::matrix::{Line, Matrix, fetch};
use super::super::nonzeros::{GROUP, List, Lists, Nonzeros, SHORT_BATCH};
use super::sparse::Lines;
use super::tile::{Epilogue, ResumableEpilogue, Sums, add_product, apply_or_keep, store_sums, vectors};
use super::transposed::ahead;

/// Calls a method with constants for the width of the vectors and the rows of a list: vectors in a line, panels and rows
/// that are computed at once, and the rows of a list. There are enough independent sums to hide the latency of a multiply-add. The
/// third constant is the number of panels with a single one that is left over, which would take as long as all others by itself.
macro_rules! with_lists {
    ($object:ident.$run:ident($S:ident, $has_groups:expr, $simd:expr)) => {
        match $S::F32_LANES {
            16 if $has_groups => $object.$run::<$S, 1, 4, 5, GROUP, GROUP>($simd),
            16 => $object.$run::<$S, 1, 4, 5, 2, 1>($simd),
            8 => $object.$run::<$S, 2, 4, 5, 1, 1>($simd),
            4 => $object.$run::<$S, 4, 2, 3, 1, 1>($simd),
            1 => $object.$run::<$S, 16, 1, 2, 1, 1>($simd),
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
        let has_groups = self.a.has_groups();
        with_lists!(self.run(S, has_groups, simd));
    }
}

impl<F: ResumableEpilogue> NonzeroProduct<'_, F> {
    #[inline(always)]
    fn run<S: Simd, const V: usize, const P: usize, const MORE: usize, const R: usize, const G: usize>(
        mut self,
        simd: S,
    ) {
        let (all, rest) = (self.b.panels(), self.b.panels() % P);
        let is_single = rest == 1 && all > P;
        let grouped = all - rest - if is_single { P } else { 0 };
        let mut copies = [[Line::ZERO; DEPTH]; MORE];
        for block in 0..self.a.blocks() {
            for panel in (0..grouped).step_by(P) {
                self.column::<S, V, P, R, G>(simd, block, panel, &mut copies);
            }
            if is_single {
                self.column::<S, V, MORE, R, G>(simd, block, grouped, &mut copies);
                continue;
            }
            for panel in grouped..all {
                self.column::<S, V, 1, R, G>(simd, block, panel, &mut copies);
            }
        }
    }

    /// Adds the products over a block to the sums of `P` panels.
    #[inline(always)]
    fn column<S: Simd, const V: usize, const P: usize, const R: usize, const G: usize>(
        &mut self,
        simd: S,
        block: usize,
        panel: usize,
        copies: &mut [[Line; DEPTH]],
    ) {
        let right = lines_of(self.b, panel, block * DEPTH, copies);
        // A short batch is done with a block before the next one arrives, if the right operand is large.
        let waits = S::F32_LANES == 16 && self.a.rows() < SHORT_BATCH && self.a.blocks() > 1;
        let share = DEPTH * R / self.a.rows().max(1);
        for (turn, row) in (0..self.a.rows()).step_by(R).enumerate() {
            if waits {
                self.prefetch_lines::<P>(block, panel + P, turn * share..(turn + 1) * share);
            }
            self.rows::<S, V, P, R, G>(simd, block, row, panel, right);
        }
    }

    /// Prefetches some `lines` of a block in each of the `P` panels from `panel` on.
    #[inline(always)]
    fn prefetch_lines<const P: usize>(&self, block: usize, panel: usize, lines: Range<usize>) {
        for p in 0..P {
            let first = (panel + p) * self.b.rows() + block * DEPTH;
            for line in lines.clone() {
                fetch(self.b.lines(), first + line);
            }
        }
    }

    #[inline(always)]
    fn rows<S: Simd, const V: usize, const P: usize, const R: usize, const G: usize>(
        &mut self,
        simd: S,
        block: usize,
        row: usize,
        panel: usize,
        right: Block<'_, P>,
    ) {
        let last = block + 1 == self.a.blocks();
        // The last ones may be fewer.
        let rows = R.min(self.a.rows() - row);
        if last {
            for p in 0..P {
                for r in 0..R {
                    self.epilogue.prefetch(row + ahead::<S>() + r, panel + p);
                }
            }
        }
        let mut sums: [Lines<S, V, P>; R] = [[[simd.splat_f32s(0.0); V]; P]; R];
        if block > 0 {
            for p in 0..P {
                let lines = self.epilogue.partial(row..row + rows, panel + p);
                for r in 0..R {
                    if let Some(line) = lines.get(r) {
                        sums[r][p] = vectors::<S, V>(line);
                    }
                }
            }
        }
        if G == 1 {
            add_single_rows(simd, self.a, row, block, right, &mut sums);
        } else {
            add_group(simd, self.a.lists::<G>(row, block), right, &mut sums);
        }
        let sums = by_panel::<S, V, P, R>(&sums);
        if rows == R {
            return apply_or_keep(simd, &mut self.epilogue, row, panel, &sums, last);
        }
        let mut finished = [[Line::ZERO; R]; P];
        store_sums::<S, V, P, R>(&sums, &mut finished);
        for (p, lines) in finished.iter().enumerate() {
            if !last {
                self.epilogue.partial(row..row + rows, panel + p).copy_from_slice(&lines[..rows]);
                continue;
            }
            for (r, line) in lines[..rows].iter().enumerate() {
                self.epilogue.apply::<S, V, 1>(simd, row + r, panel + p, array::from_ref(line));
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
        lines: &[Line; R],
    ) {
        self.0.apply::<S, V, R>(simd, row, panel, lines);
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
    copies: &'a mut [[Line; DEPTH]],
) -> Block<'a, P> {
    if b.rows() - first < DEPTH {
        for p in 0..P {
            let lines = &b.panel(panel + p)[first..];
            copies[p][..lines.len()].copy_from_slice(lines);
        }
    }
    let mut block = array::from_fn(|p| &copies[p]);
    for p in 0..P {
        if let Some(whole) = b.panel(panel + p)[first..].first_chunk() {
            block[p] = whole;
        }
    }
    block
}

/// Adds the products of rows with lists of their own, side by side.
#[inline(always)]
fn add_single_rows<S: Simd, const V: usize, const P: usize, const R: usize>(
    simd: S,
    a: &Nonzeros,
    row: usize,
    block: usize,
    right: Block<'_, P>,
    sums: &mut [Lines<S, V, P>; R],
) {
    let mut lists = [List { at: &[], values: &[] }; R];
    for (list, row) in lists.iter_mut().zip(row..a.rows()) {
        *list = a.lists::<1>(row, block).of_pattern(1);
    }
    let shared = lists.iter().map(|list| list.at.len()).min().unwrap_or(0);
    let (mut heads, mut tails) = (lists, lists);
    for r in 0..R {
        // One length for all slices, so that no access needs a bounds check.
        let (at, more_at) = lists[r].at.split_at(shared);
        let (values, more_values) = lists[r].values.split_at(shared);
        (heads[r], tails[r]) = (List { at, values }, List { at: more_at, values: more_values });
    }
    for i in 0..shared {
        for r in 0..R {
            add_element(simd, heads[r].at[i], heads[r].values[i][0], right, &mut sums[r]);
        }
    }
    if R > 1 {
        for r in 0..R {
            for (&at, &[value]) in tails[r].at.iter().zip(tails[r].values) {
                add_element(simd, at, value, right, &mut sums[r]);
            }
        }
    }
}

/// Adds the products of a group of rows, pattern by pattern.
#[inline(always)]
fn add_group<S: Simd, const V: usize, const P: usize, const R: usize, const G: usize>(
    simd: S,
    lists: Lists<'_, G>,
    right: Block<'_, P>,
    sums: &mut [Lines<S, V, P>; R],
) {
    macro_rules! add_each {
        ($($pattern:literal)+) => {
            $(if $pattern < 1 << G {
                add_list::<S, V, P, R, G, $pattern>(simd, lists.of_pattern($pattern), right, sums);
            })+
        };
    }
    add_each!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
}

/// Adds the products of the elements with one pattern.
#[inline(always)]
fn add_list<S: Simd, const V: usize, const P: usize, const R: usize, const G: usize, const PATTERN: usize>(
    simd: S,
    list: List<'_, G>,
    right: Block<'_, P>,
    sums: &mut [Lines<S, V, P>; R],
) {
    for (&at, values) in list.at.iter().zip(list.values) {
        for r in 0..R {
            if PATTERN >> r & 1 == 1 {
                add_element(simd, at, values[r], right, &mut sums[r]);
            }
        }
    }
}

/// Adds the product of one element.
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

/// The sums of each row, panel by panel.
#[inline(always)]
fn by_panel<S: Simd, const V: usize, const P: usize, const R: usize>(
    sums: &[Lines<S, V, P>; R],
) -> [Sums<S, V, R>; P] {
    let mut panels = [[sums[0][0]; R]; P];
    for p in 0..P {
        for r in 0..R {
            panels[p][r] = sums[r][p];
        }
    }
    panels
}
