//! Products of every shape, from tiles of every shape.

use std::ops::Range;
use std::sync::Arc;

use gansweep_config::{ImageShape, Pixels};
use proptest::prelude::*;
use pulp::{Simd, WithSimd};

use super::super::activation::StoreProduct;
use super::super::matrix::Line;
use super::super::nonzeros::{GROUP, Nonzeros};
use super::super::sparse::{SparseBatch, SparseImages};
use super::*;
use gansweep_nn::Vectors;
use gansweep_nn::rng::hash32;
use gansweep_train::TrainingImages;

/// On `[-1, 1]`, every bit of it random.
fn random(seed: u32, rows: usize, cols: usize) -> Matrix {
    let value = |row, col| hash32(seed, 1, (row * cols + col) as u32) as f32 / 2f32.powi(31) - 1.0;
    Matrix::from_fn(rows, cols, value)
}

fn naive(k: usize, a: impl Fn(usize) -> f32, b: impl Fn(usize) -> f32) -> f64 {
    (0..k).map(|k| f64::from(a(k)) * f64::from(b(k))).sum()
}

/// [`StoreProduct`], applied as an epilogue that does more is.
struct Applied<'a>(StoreProduct<'a>);

impl Epilogue for Applied<'_> {
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
}

impl ResumableEpilogue for Applied<'_> {
    const PREFETCH_LEFT: bool = false;

    #[inline(always)]
    fn partial(&mut self, rows: Range<usize>, panel: usize) -> &mut [Line] {
        self.0.partial(rows, panel)
    }
}

/// Runs a product with a tile of `R` rows of `P` panels.
struct Tiled<'a, F, const TRANSPOSED: bool, const P: usize, const R: usize>(&'a Matrix, &'a Matrix, F);

impl<F: ResumableEpilogue, const TRANSPOSED: bool, const P: usize, const R: usize> WithSimd
    for Tiled<'_, F, TRANSPOSED, P, R>
{
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self(a, b, epilogue) = self;
        if TRANSPOSED {
            let product = TransposedProduct { a: a.into(), b, added: None, epilogue };
            match S::F32_LANES {
                16 => product.run::<S, 1, 1, P, R>(simd),
                8 => product.run::<S, 2, 1, P, R>(simd),
                4 => product.run::<S, 4, 2, P, R>(simd),
                _ => product.run::<S, 16, 8, P, R>(simd),
            }
        } else {
            let product = DenseProduct { a, b: Straight(b), epilogue };
            match S::F32_LANES {
                16 => product.run::<S, 1, 1, P, R>(simd),
                8 => product.run::<S, 2, 1, P, R>(simd),
                4 => product.run::<S, 4, 2, P, R>(simd),
                _ => product.run::<S, 16, 8, P, R>(simd),
            }
        }
    }
}

fn tiled<const TRANSPOSED: bool, const P: usize, const R: usize>(
    arch: Arch,
    a: &Matrix,
    b: &Matrix,
    like: &Matrix,
) -> Vec<Line> {
    let mut out = Matrix::new(like.rows(), like.cols());
    arch.dispatch(Tiled::<_, TRANSPOSED, P, R>(a, b, Applied(StoreProduct(&mut out))));
    out.lines().to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn products_of_any_shape_are_right_and_have_the_same_bits_from_tiles_of_any_shape(
        // Straight products take 240 rows at a time, those with a transposed matrix 480.
        m in prop_oneof![9 => 1usize..60, 1 => 236usize..250, 1 => 476usize..490],
        k in 1usize..600, n in 1usize..70, seed: u32,
    ) {
        let (a, at, b) = (random(seed, m, k), random(seed ^ 1, k, m), random(seed ^ 2, k, n));
        for arch in Vectors::all().into_iter().map(Vectors::arch) {
            let (mut plain, mut transposed) = (Matrix::new(m, n), Matrix::new(m, n));
            product(arch, &a, &b, StoreProduct(&mut plain));
            product_transposed(arch, &at, &b, None, StoreProduct(&mut transposed));
            let (bt, mut same) = (Matrix::from_fn(n, k, |row, col| b.get(col, row)), Matrix::new(m, n));
            product_with_transposed(arch, &a, &bt, StoreProduct(&mut same));
            prop_assert_eq!(plain.lines(), same.lines());
            product_with_transposed(arch, &a, &bt, Applied(StoreProduct(&mut same)));
            prop_assert_eq!(plain.lines(), same.lines());
            for (row, col) in (0..m).flat_map(|row| (0..n).map(move |col| (row, col))) {
                // Roundings of `k` products and sums, each below one.
                let bound = 1e-7 * (k as f64).powf(1.5).max(4.0);
                let exact = naive(k, |k| a.get(row, k), |k| b.get(k, col));
                prop_assert!((f64::from(plain.get(row, col)) - exact).abs() < bound);
                let exact = naive(k, |k| at.get(k, row), |k| b.get(k, col));
                prop_assert!((f64::from(transposed.get(row, col)) - exact).abs() < bound);
            }
            prop_assert_eq!(plain.lines(), tiled::<false, 1, 8>(arch, &a, &b, &plain));
            prop_assert_eq!(plain.lines(), tiled::<false, 1, 1>(arch, &a, &b, &plain));
            prop_assert_eq!(plain.lines(), tiled::<false, 2, 8>(arch, &a, &b, &plain));
            prop_assert_eq!(plain.lines(), tiled::<false, 3, 2>(arch, &a, &b, &plain));
            prop_assert_eq!(transposed.lines(), tiled::<true, 1, 8>(arch, &at, &b, &plain));
            prop_assert_eq!(transposed.lines(), tiled::<true, 1, 3>(arch, &at, &b, &plain));
            prop_assert_eq!(transposed.lines(), tiled::<true, 2, 8>(arch, &at, &b, &plain));
            prop_assert_eq!(transposed.lines(), tiled::<true, 3, 2>(arch, &at, &b, &plain));
        }
    }
}

/// The product of the elements in the lists and `b`, in the order of the lists.
fn of_lists<const G: usize>(is_fused: bool, a: &Nonzeros, b: &Matrix) -> Matrix {
    let mut out = Matrix::new(a.rows(), b.cols());
    let rows = || (0..a.rows()).step_by(G);
    for (block, first) in (0..a.blocks()).flat_map(|block| rows().map(move |row| (block, row))) {
        for pattern in 1..1_usize << G {
            let list = a.lists::<G>(first, block).of_pattern(pattern);
            for (&at, values) in list.at.iter().zip(list.values) {
                let inner = block * Nonzeros::BLOCK + usize::from(at);
                for g in (0..G).filter(|g| pattern >> g & 1 == 1) {
                    for col in 0..b.cols() {
                        let (row, value, right) = (first + g, values[g], b.get(inner, col));
                        let sum = out.get(row, col);
                        let sum = if is_fused { value.mul_add(right, sum) } else { value * right + sum };
                        out.set(row, col, sum);
                    }
                }
            }
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn products_with_nonzero_elements_alone_add_in_the_order_of_their_lists(
        rows in 1usize..140, cols in 1usize..400, n in 1usize..150, percent in 0u32..60, seed: u32,
    ) {
        let a = random(seed, rows, cols);
        let is_kept = |row, col| hash32(seed, 2, (row * cols + col) as u32) % 100 < percent;
        let a = Matrix::from_fn(rows, cols, |row, col| if is_kept(row, col) { a.get(row, col) } else { -0.0 });
        let (b, bt) = (random(seed ^ 1, cols, n), random(seed ^ 2, rows, n));
        let (mut nonzeros, mut scratch) = (Nonzeros::new(rows, cols), Matrix::new(cols, rows));
        for vectors in Vectors::all() {
            let arch = vectors.arch();
            let check = |full: &Matrix, alone: &Matrix, nonzeros: Option<&Nonzeros>, b: &Matrix| {
                let Some(nonzeros) = nonzeros else { return Ok(()) };
                if !nonzeros.has_groups() {
                    // The order of the full product.
                    prop_assert_eq!(full.lines(), alone.lines());
                    return Ok(());
                }
                let expected = of_lists::<GROUP>(vectors.are_fused(), nonzeros, b);
                for (row, col) in (0..full.rows()).flat_map(|row| (0..n).map(move |col| (row, col))) {
                    prop_assert_eq!(expected.get(row, col).to_bits(), alone.get(row, col).to_bits());
                    // Roundings of hundreds of products and sums, each below one.
                    prop_assert!((full.get(row, col) - alone.get(row, col)).abs() < 1e-4);
                }
                Ok(())
            };
            let of = |a: Input<'_>| {
                let (mut out, mut applied) = (Matrix::new(rows, n), Matrix::new(rows, n));
                product(arch, a, &b, StoreProduct(&mut out));
                product(arch, a, &b, Applied(StoreProduct(&mut applied)));
                assert_eq!(out.lines(), applied.lines());
                out
            };
            let full = of((&a).into());
            let listed = nonzeros.of(arch, &a);
            check(&full, &of(Input { nonzeros: listed, ..(&a).into() }), listed, &b)?;
            let of = |a: Input<'_>| {
                let mut out = Matrix::new(cols, n);
                product_transposed(arch, a, &bt, None, StoreProduct(&mut out));
                out
            };
            let full = of((&a).into());
            let listed = nonzeros.of_transposed(arch, &a, &mut scratch);
            check(&full, &of(Input { nonzeros: listed, ..(&a).into() }), listed, &bt)?;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn products_with_sparse_images_are_those_with_all_of_their_pixels(
        (images, below) in prop_oneof![8 => (1usize..50, 1usize..50), 1 => (0usize..1, 1usize..50), 1 => (1usize..50, 0usize..1)],
        n in 1usize..150, share in 0u32..60,
        (channels, side) in prop_oneof![Just((1, 28)), Just((1, 15)), Just((3, 7))], seed: u32, ground: u8,
        signed: bool,
    ) {
        let byte = |i| if hash32(seed, 3, i) % 100 < share { (hash32(seed, 4, i) >> 24) as u8 } else { ground };
        let shape = ImageShape { channels, height: 28, width: side };
        let size = shape.size();
        let bytes = (0..(images * size) as u32).map(byte).collect();
        let pixels = if signed { Pixels::Signed } else { Pixels::Unit };
        let data = TrainingImages { shape, bytes: Arc::new(bytes), labels: Arc::default(), count: images, pixels };
        let mut sparse = SparseBatch::new(Arc::new(SparseImages::new(&data, ground)), images, size);
        sparse.collect(&(0..images as u32).collect::<Vec<_>>());
        let full = random(seed, below, size);
        let input = Input { sparse: Some(&sparse), dense: &full, nonzeros: None, classes: &[] };
        let (rows, table) = (images + below, TrainingImages::table(pixels));
        let all = Matrix::from_fn(rows, size, |row, col| match row.checked_sub(images) {
            None => table[usize::from(data.image(row)[col])],
            Some(row) => full.get(row, col),
        });
        let (b, bt) = (random(seed ^ 1, size, n), random(seed ^ 2, rows, n));
        let outputs = |arch, input: Input| {
            let (mut plain, mut transposed) = (Matrix::new(rows, n), Matrix::new(size, n));
            product(arch, input, &b, StoreProduct(&mut plain));
            product_transposed(arch, input, &bt, None, StoreProduct(&mut transposed));
            (plain, transposed)
        };
        let expected = outputs(Arch::new(), (&all).into());
        for found in Vectors::all().into_iter().map(|vectors| outputs(vectors.arch(), input)) {
            for (expected, found) in [(&expected.0, &found.0), (&expected.1, &found.1)] {
                for (row, col) in (0..found.rows()).flat_map(|row| (0..n).map(move |col| (row, col))) {
                    // Roundings of hundreds of products and sums, each below one.
                    prop_assert!((found.get(row, col) - expected.get(row, col)).abs() < 1e-4);
                }
            }
        }
    }
}

/// Behind a ReLU an element of exactly zero stands for "no signal": lists leave it out whatever its factor is.
#[test]
fn products_with_nonzero_elements_do_not_notice_what_is_left_out() {
    let (rows, cols, n) = (64, 160, 80);
    let is_kept = |row: usize, col: usize| col != 3 && (row * 37 + col * 11) % 100 < 40;
    let mut a = Matrix::from_fn(rows, cols, |row, col| if is_kept(row, col) { 0.5 } else { 0.0 });
    let b = Matrix::from_fn(cols, n, |row, _| if row == 3 { f32::INFINITY } else { 0.25 });
    let (mut nonzeros, mut out) = (Nonzeros::new(rows, cols), Matrix::new(rows, n));
    for arch in Vectors::all().into_iter().map(Vectors::arch) {
        a.set(0, 3, 0.0);
        product(arch, &a, &b, StoreProduct(&mut out));
        assert!(out.get(0, 0).is_nan() && out.get(rows - 1, n - 1).is_nan());
        let listed = nonzeros.of(arch, &a);
        assert!(listed.is_some(), "few elements are nonzero");
        product(arch, Input { nonzeros: listed, ..(&a).into() }, &b, StoreProduct(&mut out));
        assert!((0..rows).all(|row| out.get(row, 0).is_finite()));
        // What meets a nonzero element shows.
        a.set(0, 3, 1.0);
        let listed = nonzeros.of(arch, &a);
        product(arch, Input { nonzeros: listed, ..(&a).into() }, &b, StoreProduct(&mut out));
        assert_eq!(out.get(0, 0), f32::INFINITY);
        assert!((1..rows).all(|row| out.get(row, 0).is_finite()));
    }
}
