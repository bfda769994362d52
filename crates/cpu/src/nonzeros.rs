//! The nonzero elements of a matrix, sorted for products with these alone.
//!
//! A ReLU leaves about half of its outputs behind a normalisation, and often far fewer elsewhere. A zero adds nothing to a
//! sum if the other factor is finite, so a product may leave it out.
//!
//! Where few elements are nonzero, each row has a list of its own. With AVX-512, denser rows are taken in groups of four. A column has a
//! *pattern* in a group: a bit for each row, set if the row's element is nonzero. Within a block of columns, a group's columns are
//! sorted by pattern. The product has a loop for each pattern, which loads a line of the other operand once for all rows of
//! the pattern, and multiplies no zero. Smaller vectors leave no registers for the sums of four rows.

#[cfg(target_arch = "x86_64")]
mod groups;
mod lists;
mod single;
#[cfg(test)]
mod tests;

use pulp::{Arch, NullaryFnOnce, Scalar};

use super::matrix::{LINE, Matrix};
use super::transpose::transpose;

pub(super) use lists::{GROUP, List, Lists, Nonzeros};

/// The largest share of nonzero elements with which a product with these alone is faster.
const MAX_DENSITY: f64 = 0.65;
/// The same with lists of single rows, where the full product has the tiles of AVX-512.
#[cfg(target_arch = "x86_64")]
const MAX_OF_SINGLE_ROWS: f64 = 0.45;
/// The largest one with which lists of single rows are as fast as those of groups, which take longer to sort.
#[cfg(target_arch = "x86_64")]
const MAX_WITHOUT_GROUPS: f64 = 0.3;
/// A product of fewer rows waits for the other operand's lines with AVX-512: groups are not faster. A discriminator that learns
/// has two rows for each image of a batch: a real one and a fake.
pub(super) const SHORT_BATCH: usize = 64;
/// Rows from one to the next of which the density is estimated.
const SAMPLED: usize = 8;

impl Nonzeros {
    /// The nonzero elements of `matrix`, if these are few.
    pub(super) fn of(&mut self, arch: Arch, matrix: &Matrix) -> Option<&Self> {
        self.together = rows_of_list(arch, matrix)?;
        (self.rows, self.cols) = (matrix.rows(), matrix.cols());
        match arch {
            #[cfg(target_arch = "x86_64")]
            Arch::V4(simd) if self.together == GROUP => {
                simd.vectorize(groups::Collect { simd, nonzeros: self, matrix });
            }
            _ => self.collect_single_rows(arch, matrix),
        }
        Some(self)
    }

    fn collect_single_rows(&mut self, arch: Arch, matrix: &Matrix) {
        match arch {
            #[cfg(target_arch = "x86_64")]
            Arch::V4(simd) => simd.vectorize(single::Collect { simd, nonzeros: self, matrix }),
            #[cfg(target_arch = "x86_64")]
            Arch::V3(simd) => simd.vectorize(single::Collect { simd, nonzeros: self, matrix }),
            _ => single::Collect { simd: Scalar, nonzeros: self, matrix }.call(),
        }
    }

    /// The nonzero elements of the transpose of `matrix`, if these are few and its rows are no longer than a block.
    /// `transposed` is memory to work with.
    pub(super) fn of_transposed(
        &mut self,
        arch: Arch,
        matrix: &Matrix,
        transposed: &mut Matrix,
    ) -> Option<&Self> {
        if matrix.rows() > Self::BLOCK {
            return None;
        }
        self.together = rows_of_list(arch, matrix)?;
        (self.rows, self.cols) = (matrix.cols(), matrix.rows());
        match arch {
            #[cfg(target_arch = "x86_64")]
            Arch::V4(simd) if self.together == GROUP => {
                simd.vectorize(groups::CollectTransposed { simd, nonzeros: self, matrix });
            }
            _ => {
                transpose(arch, matrix, transposed);
                self.collect_single_rows(arch, transposed);
            }
        }
        Some(self)
    }
}

/// Rows of the lists with which a product of `matrix`, a row for each element of the batch, or of its transpose is fastest; `None`
/// if the full product is. Some rows are enough to tell.
fn rows_of_list(arch: Arch, matrix: &Matrix) -> Option<usize> {
    let sampled = matrix.rows().div_ceil(SAMPLED) * matrix.cols();
    let count = arch.dispatch(Count(matrix)) as f64;
    let is_at_most = |density: f64| count <= density * sampled as f64;
    match arch {
        #[cfg(target_arch = "x86_64")]
        Arch::V4(_) if matrix.rows() < SHORT_BATCH => is_at_most(MAX_OF_SINGLE_ROWS).then_some(1),
        #[cfg(target_arch = "x86_64")]
        Arch::V4(_) if !is_at_most(MAX_WITHOUT_GROUPS) => is_at_most(MAX_DENSITY).then_some(GROUP),
        _ => is_at_most(MAX_DENSITY).then_some(1),
    }
}

/// Counts the nonzero elements of the sampled rows.
struct Count<'a>(&'a Matrix);

impl NullaryFnOnce for Count<'_> {
    type Output = usize;

    #[inline(always)]
    fn call(self) -> usize {
        let mut all = 0;
        for panel in 0..self.0.panels() {
            let mut counts = [0_u32; LINE];
            for line in self.0.panel(panel).iter().step_by(SAMPLED) {
                for i in 0..LINE {
                    counts[i] += u32::from(line.0[i] != 0.0);
                }
            }
            // Columns of padding are no elements.
            let cols = LINE.min(self.0.cols() - panel * LINE);
            all += counts[..cols].iter().map(|&count| count as usize).sum::<usize>();
        }
        all
    }
}
