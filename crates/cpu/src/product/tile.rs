//! Tiles: the block of a product whose sums are held in registers, and the epilogues that take its lines.

use std::array;
use std::hint::black_box;
use std::ops::Range;

use pulp::Simd;

use crate::matrix::{LINE, Line, panels};

/// What is done with the lines of a product while they are in the first-level cache.
pub(crate) trait Epilogue {
    /// Takes lines of the product: the columns of `panel` that are in the first `V` vectors, of `R` rows from `row` on.
    fn apply<S: Simd, const V: usize, const R: usize>(
        &mut self,
        simd: S,
        row: usize,
        panel: usize,
        lines: &[Line; R],
    );

    /// Prefetches the memory that [`apply`](Self::apply) will need for a line soon.
    #[inline(always)]
    fn prefetch(&self, _row: usize, _panel: usize) {}
}

/// An [`Epilogue`] with memory for partial sums, for products that are computed in several passes over the
/// inner dimension.
pub(crate) trait ResumableEpilogue: Epilogue {
    /// Whether to prefetch the left operand. It should be the larger one, which is not in the caches.
    const PREFETCH_LEFT: bool;

    /// Whether to apply the epilogue is to store the sums where the partial ones are.
    const STORES: bool = false;

    /// Memory for the partial sums of some rows of `panel`.
    fn partial(&mut self, rows: Range<usize>, panel: usize) -> &mut [Line];
}

/// An [`Epilogue`] that writes row 0 of the product to row `first_row`.
pub(crate) struct OffsetRows<F> {
    pub(crate) epilogue: F,
    pub(crate) first_row: usize,
}

impl<F: Epilogue> Epilogue for OffsetRows<F> {
    #[inline(always)]
    fn apply<S: Simd, const V: usize, const R: usize>(
        &mut self,
        simd: S,
        row: usize,
        panel: usize,
        lines: &[Line; R],
    ) {
        self.epilogue.apply::<S, V, R>(simd, self.first_row + row, panel, lines);
    }

    #[inline(always)]
    fn prefetch(&self, row: usize, panel: usize) {
        self.epilogue.prefetch(self.first_row + row, panel);
    }
}

impl<F: ResumableEpilogue> ResumableEpilogue for OffsetRows<F> {
    const PREFETCH_LEFT: bool = F::PREFETCH_LEFT;
    const STORES: bool = F::STORES;

    #[inline(always)]
    fn partial(&mut self, rows: Range<usize>, panel: usize) -> &mut [Line] {
        self.epilogue.partial(self.first_row + rows.start..self.first_row + rows.end, panel)
    }
}

/// The sums of a tile: `R` rows of a panel, a line being `V` vectors.
pub(crate) type Sums<S, const V: usize, const R: usize> = [[<S as Simd>::f32s; V]; R];

#[inline(always)]
pub(crate) fn add_product<S: Simd, const V: usize>(
    simd: S,
    left: S::f32s,
    right: [S::f32s; V],
    sums: &mut [S::f32s; V],
) {
    for v in 0..V {
        sums[v] = simd.mul_add_e_f32s(left, right[v], sums[v]);
    }
}

#[inline(always)]
pub(crate) fn vectors<S: Simd, const V: usize>(line: &Line) -> [S::f32s; V] {
    let vectors = S::as_simd_f32s(&line.0).0;
    array::from_fn(|v| vectors[v])
}

/// The vectors of some lines.
#[inline(always)]
pub(crate) fn rows_of<S: Simd, const V: usize, const R: usize>(simd: S, lines: &[Line; R]) -> Sums<S, V, R> {
    let mut rows: Sums<S, V, R> = [[simd.splat_f32s(0.0); V]; R];
    for r in 0..R {
        rows[r] = vectors::<S, V>(&lines[r]);
    }
    rows
}

/// Stores vectors as lines, and zeros in the rest of each line.
///
/// `copy_from_slice` may become a call of `memcpy`, after which the next tile takes up to a tenth longer with AVX2.
#[expect(clippy::manual_memcpy, reason = "each vector straight from its register")]
#[inline(always)]
pub(crate) fn store<S: Simd, const V: usize, const R: usize>(
    simd: S,
    lines: &mut [Line],
    vectors: &[[S::f32s; V]; R],
) {
    let lines: &mut [Line; R] = lines.first_chunk_mut().expect("a line for each row");
    for r in 0..R {
        let line = S::as_mut_simd_f32s(&mut lines[r].0).0;
        for v in 0..V {
            line[v] = vectors[r][v];
        }
        line[V..].fill(simd.splat_f32s(0.0));
    }
}

/// Applies the epilogue to the sums of a tile of `P` panels.
#[inline(always)]
pub(super) fn apply<S: Simd, F: Epilogue, const V: usize, const P: usize, const R: usize>(
    simd: S,
    epilogue: &mut F,
    row: usize,
    panel: usize,
    sums: &[Sums<S, V, R>; P],
) {
    let mut finished = [[Line::ZERO; R]; P];
    store_sums::<S, V, P, R>(sums, &mut finished);
    for (p, lines) in finished.iter().enumerate() {
        epilogue.apply::<S, V, R>(simd, row, panel + p, lines);
    }
}

/// The same where a pass over a part of the inner dimension ends. Its sums are kept if it was not the last one, or if to apply the
/// epilogue is to store them.
#[inline(always)]
pub(crate) fn apply_or_keep<S: Simd, F: ResumableEpilogue, const V: usize, const P: usize, const R: usize>(
    simd: S,
    epilogue: &mut F,
    row: usize,
    panel: usize,
    sums: &[Sums<S, V, R>; P],
    is_last: bool,
) {
    if is_last && !F::STORES {
        return apply(simd, epilogue, row, panel, sums);
    }
    for p in 0..P {
        store(simd, epilogue.partial(row..row + R, panel + p), &sums[p]);
    }
}

/// Writes the sums of a tile to memory for the epilogue.
///
/// An epilogue indexes the lines by run-time values. Where the compiler sees that they are the sums, it may place the sums
/// themselves in memory and store them after every multiply-add, which takes twice the time. So it does not see it.
#[inline(always)]
pub(super) fn store_sums<S: Simd, const V: usize, const P: usize, const R: usize>(
    sums: &[Sums<S, V, R>; P],
    lines: &mut [[Line; R]; P],
) {
    for p in 0..P {
        for r in 0..R {
            for v in 0..V {
                S::as_mut_simd_f32s(&mut lines[p][r].0).0[v] = sums[p][r][v];
            }
        }
    }
    black_box(lines);
}

/// Panels that are computed with full lines. A last panel that is at most half full is computed with half
/// the vectors, where there is more than one to a line (`halves`).
pub(super) fn full_panels(cols: usize, halves: bool) -> usize {
    let half = halves && (1..=LINE / 2).contains(&(cols % LINE));
    panels(cols) - usize::from(half)
}

/// Rows of the next tile when `left` rows remain and `most` fit. The last two tiles share their rows, since
/// a tile of fewer than four rows has too few independent sums to hide the latency of a multiply-add.
pub(super) const fn tile_rows(left: usize, most: usize) -> usize {
    if left > most && left < most + 4 && left.div_ceil(2) <= most {
        left.div_ceil(2)
    } else if left < most {
        left
    } else {
        most
    }
}
