//! Trains the evaluator of a dataset and prints its accuracy and the time:
//! `cargo run --release -p gansweep-evaluator --example train_evaluator [DATASET [THREADS]]`, offline, from
//! `GANSWEEP_DATA_DIR` or the cache.

use std::time::Instant;

use gansweep_config::Dataset;
use gansweep_data::{DataSource, Split};
use gansweep_evaluator::{Evaluator, LabelledImages};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let name = std::env::args().nth(1).unwrap_or_else(|| "mnist".to_owned());
    let threads = std::env::args().nth(2).and_then(|text| text.parse().ok()).unwrap_or(0);
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    let dataset = Dataset::from_name(&name).ok_or("no such dataset")?;
    let source = DataSource::from_environment(None);
    let classes = source.spec(dataset)?.classes as usize;
    let (train, test) = (source.load(dataset, Split::Train)?, source.load(dataset, Split::Test)?);
    let begin = Instant::now();
    let evaluator = Evaluator::train(
        train.shape,
        classes,
        LabelledImages { pixels: &train.pixels, labels: &train.labels },
        Some(LabelledImages { pixels: &test.pixels, labels: &test.labels }),
        &mut |progress| {
            if progress.step % 100 == 0 {
                println!("{:5} of {}: {:.4}", progress.step, progress.steps, progress.loss);
            }
        },
    );
    println!("{:?} after {:.1} s", evaluator.test_accuracy(), begin.elapsed().as_secs_f64());
    let begin = Instant::now();
    let outputs = evaluator.outputs(&test.pixels);
    println!("{} features in {:.2} s", outputs.features.len(), begin.elapsed().as_secs_f64());
    println!("digest {}", evaluator.digest());
    Ok(())
}
