//! Seconds that each figure takes for as many images as the final evaluation of a run has:
//! `cargo run --release -p gansweep-quality --example quality_speed [IMAGES [DIMENSIONS [THREADS]]]`.

use std::time::Instant;

use gansweep_quality::{
    Features, Moments, Neighbours, RealSet, Subsets, fidelity, frechet_distance, kernel_distance,
    mean_nearest_distance,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

fn main() {
    let given: Vec<usize> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let argument = |place: usize, otherwise: usize| given.get(place).copied().unwrap_or(otherwise);
    let (images, dimensions, threads) = (argument(0, 10_000), argument(1, 128), argument(2, 1));
    if let Err(error) = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global() {
        eprintln!("{error}");
        return;
    }
    println!("{images} x {images} images, {dimensions} dimensions, {threads} threads");
    let (real, fake) = (random(images * dimensions, 1), random(images * dimensions, 2));
    let [Some(real), Some(fake)] = [&real, &fake].map(|values| Features::new(values, dimensions)) else {
        return;
    };
    timed("moments", || Moments::new(fake).count());
    let [of_real, of_fake] = [real, fake].map(Moments::new);
    timed("Frechet distance", || frechet_distance(&of_real, &of_fake));
    timed("kernel distance, 100 subsets of 1000", || kernel_distance(real, fake, Subsets::default()).mean);
    let Some(set) = timed("radii of the real images, once", || RealSet::new(real, Neighbours::default()))
    else {
        return;
    };
    timed("precision, recall, density, coverage", || fidelity(&set, fake));
    timed("distance to the nearest image", || mean_nearest_distance(fake, real));
}

fn timed<T>(name: &str, work: impl FnOnce() -> T) -> T {
    let begin = Instant::now();
    let result = std::hint::black_box(work());
    println!("{name:40} {:7.3} s", begin.elapsed().as_secs_f64());
    result
}

/// About normal values, without negative ones, as behind a ReLU.
fn random(count: usize, seed: u64) -> Vec<f32> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut uniform = || (random.next_u32() >> 8) as f32 / 2_f32.powi(24);
    (0..count).map(|_| ((0..4).map(|_| uniform()).sum::<f32>() - 1.5).max(0.0)).collect()
}
