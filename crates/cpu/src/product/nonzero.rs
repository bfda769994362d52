//! Products whose left operand has many zeros: they multiply its nonzero elements alone.
//!
//! A line of the right operand is loaded from the first-level cache once for those of four rows that have a nonzero element
//! there, while a tile of a dense product loads it once for all of its rows. So a product with half of the elements takes more
//! than half of the time.

use std::array;
use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::super::matrix::{Line, Matrix};
use super::super::nonzeros::{GROUP, List, Lists, Nonzeros};
use super::sparse::Lines;
use super::tile::{Epilogue, ResumableEpilogue, Sums, add_product, opaque_copy, vectors};
use super::transposed::AHEAD;

/// Calls a method with constants for the width of the vectors: vectors in a line, panels that are computed at once, and
/// rows that are. There are enough independent sums to hide the latency of a multiply-add. A single panel that is left over
/// joins the last others, since it would take as long as all of them.
macro_rules! with_lists {
    ($object:ident.$run:ident($S:ident, $simd:expr)) => {
        match $S::F32_LANES {
            16 => $object.$run::<$S, 1, 4, 5, GROUP>($simd),
            8 => $object.$run::<$S, 2, 4, 5, 1>($simd),
            4 => $object.$run::<$S, 4, 2, 3, 1>($simd),
            1 => $object.$run::<$S, 16, 1, 2, 1>($simd),
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
    fn run<S: Simd, const V: usize, const P: usize, const MORE: usize, const G: usize>(mut self, simd: S) {
        let (all, rest) = (self.b.panels(), self.b.panels() % P);
        let is_single = rest == 1 && all > P;
        let grouped = all - rest - if is_single { P } else { 0 };
        let mut copies = [[Line::ZERO; DEPTH]; MORE];
        for block in 0..self.a.blocks() {
            for panel in (0..grouped).step_by(P) {
                self.column::<S, V, P, G>(simd, block, panel, &mut copies);
            }
            if is_single {
                self.column::<S, V, MORE, G>(simd, block, grouped, &mut copies);
                continue;
            }
            for panel in grouped..all {
                self.column::<S, V, 1, G>(simd, block, panel, &mut copies);
            }
        }
    }

    /// Adds the products over a block to the sums of `P` panels.
    #[inline(always)]
    fn column<S: Simd, const V: usize, const P: usize, const G: usize>(
        &mut self,
        simd: S,
        block: usize,
        panel: usize,
        copies: &mut [[Line; DEPTH]],
    ) {
        let right = lines_of(self.b, panel, block * DEPTH, copies);
        for index in 0..self.a.rows().div_ceil(G) {
            self.group::<S, V, P, G>(simd, block, index, panel, right);
        }
    }

    #[inline(always)]
    fn group<S: Simd, const V: usize, const P: usize, const G: usize>(
        &mut self,
        simd: S,
        block: usize,
        index: usize,
        panel: usize,
        right: Block<'_, P>,
    ) {
        let last = block + 1 == self.a.blocks();
        let row = index * G;
        // The last group may have fewer.
        let rows = G.min(self.a.rows() - row);
        if last {
            for p in 0..P {
                for g in 0..G {
                    self.epilogue.prefetch(row + AHEAD + g, panel + p);
                }
            }
        }
        let mut sums: [Lines<S, V, P>; G] = [[[simd.splat_f32s(0.0); V]; P]; G];
        if block > 0 {
            for p in 0..P {
                let lines = self.epilogue.partial(row..row + rows, panel + p);
                for g in 0..G {
                    if let Some(line) = lines.get(g) {
                        sums[g][p] = vectors::<S, V>(line);
                    }
                }
            }
        }
        add_lists(simd, self.a.lists(index, block), right, &mut sums);
        for (p, sums) in by_panel::<S, V, P, G>(simd, &sums).into_iter().enumerate() {
            if last && rows == G {
                self.epilogue.apply(simd, row, panel + p, sums);
                continue;
            }
            if last {
                for g in 0..rows {
                    self.epilogue.apply(simd, row + g, panel + p, [sums[g]]);
                }
                continue;
            }
            let lines = self.epilogue.partial(row..row + rows, panel + p);
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

/// Adds the products of the elements of each list with their lines to the sums of the rows that have such elements.
#[inline(always)]
fn add_lists<S: Simd, const V: usize, const P: usize, const G: usize>(
    simd: S,
    lists: Lists<'_, G>,
    right: Block<'_, P>,
    sums: &mut [Lines<S, V, P>; G],
) {
    macro_rules! add_each {
        ($($pattern:literal)+) => {
            $(if $pattern < 1 << G {
                add_list::<S, V, P, G, $pattern>(simd, lists.of_pattern($pattern), right, sums);
            })+
        };
    }
    add_each!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
}

/// Adds the products of one list.
#[inline(always)]
fn add_list<S: Simd, const V: usize, const P: usize, const G: usize, const PATTERN: usize>(
    simd: S,
    list: List<'_, G>,
    right: Block<'_, P>,
    sums: &mut [Lines<S, V, P>; G],
) {
    for (&at, values) in list.at.iter().zip(list.values) {
        let at = usize::from(at) % DEPTH;
        for g in 0..G {
            if PATTERN >> g & 1 == 1 {
                let left = simd.splat_f32s(values[g]);
                for p in 0..P {
                    add_product(simd, left, vectors::<S, V>(&right[p][at]), &mut sums[g][p]);
                }
            }
        }
    }
}

/// The sums of each panel, in a copy that the compiler does not see through.
#[inline(always)]
fn by_panel<S: Simd, const V: usize, const P: usize, const G: usize>(
    simd: S,
    sums: &[Lines<S, V, P>; G],
) -> [Sums<S, V, G>; P] {
    let mut panels: [Sums<S, V, G>; P] = [[[simd.splat_f32s(0.0); V]; G]; P];
    for p in 0..P {
        let mut panel = panels[p];
        for g in 0..G {
            panel[g] = sums[g][p];
        }
        panels[p] = opaque_copy::<S, V, G>(&panel);
    }
    panels
}
