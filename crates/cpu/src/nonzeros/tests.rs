//! Lists of the nonzero elements.

use gansweep_nn::Vectors;
use gansweep_nn::rng::hash32;
use proptest::prelude::*;

use super::*;

/// Row, column and bits of an element.
type Element = (usize, usize, u32);

/// The elements in all lists, in the order of the rows.
fn listed(nonzeros: &Nonzeros) -> Vec<Element> {
    match nonzeros.together {
        GROUP => in_lists_of::<GROUP>(nonzeros),
        _ => in_lists_of::<1>(nonzeros),
    }
}

fn in_lists_of<const G: usize>(nonzeros: &Nonzeros) -> Vec<Element> {
    let mut elements = Vec::new();
    let rows = || (0..nonzeros.rows()).step_by(G);
    for (block, first) in (0..nonzeros.blocks()).flat_map(|block| rows().map(move |row| (block, row))) {
        for pattern in 1..1 << G {
            let List { at, values } = nonzeros.lists::<G>(first, block).of_pattern(pattern);
            assert!(at.is_sorted_by(|left, right| left < right), "columns from the left");
            for (&at, values) in at.iter().zip(values) {
                let col = block * Nonzeros::BLOCK + usize::from(at);
                for (g, value) in values.iter().enumerate().take(nonzeros.rows() - first) {
                    assert_eq!(*value != 0.0, pattern >> g & 1 == 1, "[{}, {col}] in {pattern:b}", first + g);
                    if *value != 0.0 {
                        elements.push((first + g, col, value.to_bits()));
                    }
                }
            }
        }
    }
    elements.sort_unstable();
    elements
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_nonzero_element_of_a_matrix_and_of_its_transpose_is_in_one_list(
        rows in 1usize..140, cols in 1usize..300, percent in 0u32..65, seed: u32,
    ) {
        let value = |row: usize, col: usize| {
            let bits = hash32(seed, 1, (row * cols + col) as u32);
            match bits % 100 {
                0 => f32::NAN,
                rest if rest < percent => bits as f32 - 2f32.powi(31),
                rest if rest % 2 == 0 => -0.0,
                _ => 0.0,
            }
        };
        let mut matrix = Matrix::from_fn(rows, cols.next_multiple_of(LINE), value);
        // Columns of padding hold what was there.
        matrix.reshape(rows, cols);
        let of = |row, col| {
            let value: f32 = matrix.get(row, col);
            (value != 0.0).then_some((row, col, value.to_bits()))
        };
        let expected: Vec<Element> =
            (0..rows).flat_map(|row| (0..cols).filter_map(move |col| of(row, col))).collect();
        let mut expected_transposed: Vec<Element> =
            expected.iter().map(|&(row, col, bits)| (col, row, bits)).collect();
        expected_transposed.sort_unstable();
        let mut nonzeros = Nonzeros::new(rows, cols);
        let mut transposed = Matrix::new(cols, rows);
        for arch in Vectors::all().into_iter().map(Vectors::arch) {
            if let Some(nonzeros) = nonzeros.of(arch, &matrix) {
                prop_assert_eq!(&listed(nonzeros), &expected);
            }
            if let Some(nonzeros) = nonzeros.of_transposed(arch, &matrix, &mut transposed) {
                prop_assert_eq!(&listed(nonzeros), &expected_transposed);
            }
        }
    }
}

#[test]
fn matrices_with_many_nonzero_elements_are_multiplied_in_full() {
    let (mut nonzeros, mut transposed) = (Nonzeros::new(200, 320), Matrix::new(320, 200));
    for arch in Vectors::all().into_iter().map(Vectors::arch) {
        // A column of 200 elements would have two blocks.
        for (rows, density, sparse) in [
            (128, MAX_DENSITY - 0.02, [true; 2]),
            (128, MAX_DENSITY + 0.02, [false; 2]),
            (200, MAX_DENSITY - 0.02, [true, false]),
        ] {
            let value =
                |row, col| if (row * 37 + col) % 100 < (density * 100.0) as usize { 1.0 } else { 0.0 };
            let matrix = Matrix::from_fn(rows, 320, value);
            assert_eq!(nonzeros.of(arch, &matrix).is_some(), sparse[0]);
            assert_eq!(nonzeros.of_transposed(arch, &matrix, &mut transposed).is_some(), sparse[1]);
        }
    }
}

#[test]
fn padding_does_not_count_as_zeros() {
    let mut nonzeros = Nonzeros::new(128, 32);
    for arch in Vectors::all().into_iter().map(Vectors::arch) {
        // 17 of the 32 columns in memory.
        assert!(nonzeros.of(arch, &Matrix::from_fn(128, 17, |_, _| 1.0)).is_none());
        let mut matrix = Matrix::from_fn(128, 32, |_, col| if col < 17 { 0.0 } else { 1.0 });
        matrix.reshape(128, 17);
        assert!(nonzeros.of(arch, &matrix).is_some_and(|nonzeros| listed(nonzeros).is_empty()));
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn avx512_takes_four_rows_together_in_long_batches_that_are_neither_sparse_nor_dense() {
    let Some(arch) = Vectors::all().into_iter().map(Vectors::arch).find(|arch| matches!(arch, Arch::V4(_)))
    else {
        return;
    };
    for (rows, percent, expected) in [
        (SHORT_BATCH - 1, 43, Some(1)),
        (SHORT_BATCH - 1, 47, None),
        (SHORT_BATCH, 28, Some(1)),
        (SHORT_BATCH, 32, Some(GROUP)),
        (SHORT_BATCH, 63, Some(GROUP)),
        (SHORT_BATCH, 67, None),
    ] {
        let value = |row, col| if (row * 37 + col) % 100 < percent { 1.0 } else { 0.0 };
        let matrix = Matrix::from_fn(rows, 400, value);
        assert_eq!(rows_of_list(arch, &matrix), expected, "{rows} rows, {percent} %");
    }
}
