//! Job-steps per second of every recipe on the `cpu` backend, alone and as a sweep of eight, next to the
//! speed of large matrix products in the same seconds.
//!
//! `cargo run --release -p gansweep-cpu --example native_speed -- [RECIPE]... [VECTORS]... [KEY=VALUE]...`
//!
//! `VECTORS`, as `AVX2`, asks for others than the widest that the processor has. With keys, each recipe is measured as it
//! is, too, in turns with the changed one; such pairs are of one lane.

use std::time::Instant;

use gansweep_config::{Config, DatasetSpec, Latent, recipes};
use gansweep_cpu::{CpuTrainer, Phase, Vectors};
use gansweep_data::{Images, Split, strokes};
use gansweep_fixtures::config::config;
use gansweep_nn::cost;
use gansweep_nn::rng::{self, Key, Purpose};
use gansweep_nn::state::LaneState;
use gansweep_train::{Lane, Trainer, TrainingImages};

/// Measurements, of which the median is printed.
const ROUNDS: usize = 7;
/// Seconds of one measurement, about.
const SECONDS: f64 = 0.7;
/// Lanes of the sweep.
const LANES: u64 = 8;

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let is_asked = |name: &str| asked.iter().any(|asked| asked.eq_ignore_ascii_case(name));
    let mut vectors = Vectors::all();
    if vectors.iter().any(|vectors| is_asked(&vectors.to_string())) {
        vectors.retain(|vectors| is_asked(&vectors.to_string()));
    } else {
        vectors.truncate(1);
    }
    let mut names = recipes::NAMES.to_vec();
    if names.iter().any(|name| is_asked(name)) {
        names.retain(|name| is_asked(name));
    }
    let sets: Vec<&str> = asked.iter().map(String::as_str).filter(|asked| asked.contains('=')).collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    // Its digits are as sparse as MNIST's.
    let data = Data { spec: strokes::spec(), images: strokes::generate(Split::Train) };
    if !sets.is_empty() {
        for (&name, &vectors) in names.iter().flat_map(|name| vectors.iter().map(move |it| (name, it))) {
            compare(name, &sets, vectors, &data);
        }
        return;
    }
    println!("latents: {:.2} ns a number", nanoseconds_of_a_latent());
    println!(
        "recipe      vectors  lanes threads  MFLOP/job-step  job-steps/s  cores  job-steps/core-s  GFLOP/core-s  of peak"
    );
    for name in names {
        for (lanes, threads) in [(1, 1), (LANES, threads)] {
            for &vectors in &vectors {
                print(&Sweep { name, config: config(name, &[]), vectors, lanes, threads }, &data);
            }
        }
    }
}

/// What a normal latent takes to draw on one thread: at 64 lanes a GPU wants a million of them for a step.
fn nanoseconds_of_a_latent() -> f64 {
    let mut latents = vec![0.0; 6400];
    let draws = 40_000;
    let (_, busy) = timed(1, || {
        for step in 0..draws {
            rng::latents(Key::new(1, Purpose::LatentG, &[step]), Latent::Normal, &mut latents);
        }
    });
    busy * 1e9 / (draws * latents.len() as u64) as f64
}

/// What is trained on.
struct Data {
    spec: DatasetSpec,
    images: Images,
}

/// What is measured.
struct Sweep {
    name: &'static str,
    config: Config,
    vectors: Vectors,
    lanes: u64,
    threads: usize,
}

fn print(sweep: &Sweep, data: &Data) {
    let Sweep { name, config, vectors, lanes, threads } = sweep;
    let work = cost::step_flops(config, &data.spec).expect("the recipe's networks fit the images");
    let Speed { steps, cores, peak, shares } = measure(sweep, data);
    let (mega, alone) = (work / 1e6, steps / cores);
    let giga = work * alone / 1e9;
    let part = 100.0 * giga / peak;
    println!(
        "{name:<11} {:<8} {lanes:>5} {threads:>7} {mega:>15.0} {steps:>12.1} {cores:>6.2} {alone:>17.1} {giga:>13.1} {part:>7.0}%",
        vectors.to_string()
    );
    let phases =
        Phase::ALL.iter().zip(shares).map(|(phase, share)| format!("{phase:?} {:.1}%", 100.0 * share));
    println!("            {}", phases.collect::<Vec<_>>().join(", ").to_lowercase());
}

/// What the median round found.
struct Speed {
    /// Job-steps per second of wall clock.
    steps: f64,
    /// Seconds of processor time per second: less than the threads if other programs had a share.
    cores: f64,
    /// Of the `gemm` crate's products in the same round, in GFLOP per second of processor time.
    peak: f64,
    /// Of the time in each phase.
    shares: [f64; Phase::ALL.len()],
}

fn measure(sweep: &Sweep, data: &Data) -> Speed {
    let (threads, count) = (sweep.threads, sweep.lanes as f64);
    let mut trainer = trainer(sweep, data);
    let mut round = |steps: u32| {
        trainer.start_clock();
        let (seconds, busy) = timed(threads, || drop(trainer.advance(steps, false).expect("steps")));
        let spent = trainer.spent().map(|spent| spent.as_secs_f64());
        let shares = spent.map(|seconds| seconds / spent.iter().sum::<f64>());
        Speed { steps: count * f64::from(steps) / seconds, cores: busy / seconds, peak: gemm_peak(), shares }
    };
    let steps = (round(8).steps * SECONDS / count).ceil().max(1.0) as u32;
    let mut rounds: Vec<Speed> = (0..ROUNDS).map(|_| round(steps)).collect();
    rounds.sort_by(|a, b| (a.steps / a.cores / a.peak).total_cmp(&(b.steps / b.cores / b.peak)));
    rounds.swap_remove(ROUNDS / 2)
}

fn trainer(sweep: &Sweep, Data { spec, images }: &Data) -> CpuTrainer {
    let &Sweep { ref config, vectors, lanes, threads, .. } = sweep;
    let states = (0..lanes).map(|seed| LaneState::initial(config, spec, seed));
    let states = states.collect::<Result<_, _>>().expect("the recipe's networks fit the images");
    let lanes = (0..lanes).map(|seed| Lane { config: config.clone(), spec: spec.clone(), seed }).collect();
    let images = TrainingImages::first(images.count, images.clone(), config.data.pixels);
    CpuTrainer::with_vectors(vectors, lanes, states, images, threads).expect("lanes of one recipe")
}

/// Prints the processor time of a step of a recipe, as it is and with other values of some keys.
fn compare(name: &'static str, sets: &[&str], vectors: Vectors, data: &Data) {
    let sweep = |sets: &[&str]| Sweep { name, config: config(name, sets), vectors, lanes: 1, threads: 1 };
    let mut both = [sweep(&[]), sweep(sets)].map(|sweep| trainer(&sweep, data));
    let round = |trainer: &mut CpuTrainer, steps: u32| {
        let (_, busy) = timed(1, || drop(trainer.advance(steps, false).expect("steps")));
        busy / f64::from(steps)
    };
    let steps = both.each_mut().map(|trainer| {
        round(trainer, 2);
        trainer.start_clock();
        (SECONDS / round(trainer, 10).max(1e-3)).ceil() as u32
    });
    let mut costs = [const { Vec::new() }; 2];
    for _ in 0..ROUNDS {
        for ((trainer, steps), costs) in both.iter_mut().zip(steps).zip(&mut costs) {
            costs.push(round(trainer, steps));
        }
    }
    let [own, changed] = costs.map(|mut costs| {
        costs.sort_by(f64::total_cmp);
        costs[ROUNDS / 2]
    });
    let (vectors, sets) = (vectors.to_string(), sets.join(" "));
    println!(
        "{name:<11} {vectors:<8} {:.3} ms a step, {:.3} ms with {sets}: {:.2} times as long",
        own * 1e3,
        changed * 1e3,
        changed / own
    );
    for trainer in &both {
        let spent = trainer.spent().map(|spent| spent.as_secs_f64());
        let phases = Phase::ALL
            .iter()
            .zip(spent)
            .map(|(phase, seconds)| format!("{phase:?} {:.1}%", 100.0 * seconds / spent.iter().sum::<f64>()));
        println!("            {}", phases.collect::<Vec<_>>().join(", ").to_lowercase());
    }
}

/// Seconds of wall clock, and of processor time of all threads together.
fn timed(threads: usize, work: impl FnOnce()) -> (f64, f64) {
    let (start, busy) = (Instant::now(), processor_seconds());
    work();
    let seconds = start.elapsed().as_secs_f64();
    let busy = processor_seconds().zip(busy).map(|(after, before)| after - before);
    (seconds, busy.unwrap_or(seconds * threads as f64))
}

/// Processor time of this process so far, where the system tells.
fn processor_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    // Linux counts in hundredths of a second for every program.
    Some((ticks()? + ticks()?) / 100.0)
}

/// GFLOP per second of processor time of products so large that nothing but arithmetic counts.
fn gemm_peak() -> f64 {
    let n = 512;
    let (a, b, mut c) = (vec![0.5f32; n * n], vec![0.25f32; n * n], vec![0.0f32; n * n]);
    let mut products = 0;
    let (_, busy) = timed(1, || {
        let start = Instant::now();
        while start.elapsed().as_secs_f64() < SECONDS {
            // SAFETY: all three are `n x n`, row by row.
            unsafe {
                gemm::gemm(
                    n,
                    n,
                    n,
                    c.as_mut_ptr(),
                    1,
                    n.cast_signed(),
                    false,
                    a.as_ptr(),
                    1,
                    n.cast_signed(),
                    b.as_ptr(),
                    1,
                    n.cast_signed(),
                    0.0,
                    1.0,
                    false,
                    false,
                    false,
                    gemm::Parallelism::None,
                );
            }
            products += 1;
        }
    });
    f64::from(products) * 2.0 * (n * n * n) as f64 / busy / 1e9
}
