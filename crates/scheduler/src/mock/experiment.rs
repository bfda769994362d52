//! A small experiment for sweeps of mock workers.

use std::path::Path;

use gansweep_config::{
    ClassNames, DataIdentity, DataRequest, Dataset, DatasetSpec, EvaluateEpochs, Experiment, Faults,
    ImageShape, LoadOptions, Palette, Plan, PlannedRun, Record, SampleMode,
};
use gansweep_store::{Call, SweepRecord};

/// Plans an experiment on 64 images of 8x8 pixels in batches of 16: four steps an epoch. `sweep` is the rest
/// of the experiment file.
pub fn plan(sweep: &str, epochs: u32) -> Result<Vec<PlannedRun>, Faults> {
    Ok(Plan::new(&experiment(sweep, epochs)?, &data)?.runs)
}

/// The experiment of [`plan`].
pub fn experiment(sweep: &str, epochs: u32) -> Result<Experiment, Faults> {
    let small = ["data.dataset=strokes", "train.batch_size=16", "model.latent_dim=8"];
    let mut sets: Vec<String> = small.iter().map(ToString::to_string).collect();
    sets.push(format!("train.epochs={epochs}"));
    let options = LoadOptions { sets, ..LoadOptions::default() };
    let source = format!("name = \"mock\"\nrecipe = \"fast\"\n{sweep}\n");
    Experiment::parse(Path::new("mock.toml"), source, &options)
}

/// The data of mock runs, whatever they ask for.
pub fn data(asked: DataRequest) -> DataIdentity {
    let spec = DatasetSpec {
        image: ImageShape { channels: 1, height: 8, width: 8 },
        classes: 10,
        train_images: 64,
        test_images: 16,
        fingerprint: "mock".to_owned(),
        class_names: ClassNames::default(),
    };
    DataIdentity { dataset: asked.dataset, spec }
}

/// A sweep that records a checkpoint after every epoch and points every two steps.
pub fn sweep_record(name: &str) -> SweepRecord {
    SweepRecord {
        name: name.to_owned(),
        file: format!("{name}.toml"),
        call: Call::default(),
        source_toml: String::new(),
        description: String::new(),
        recipe: "fast".to_owned(),
        axes_json: "[]".to_owned(),
        dataset_requested: Dataset::Strokes,
        dataset: Dataset::Strokes,
        record: Record {
            every_steps: 2,
            every_epochs: 1,
            grid_rows: 1,
            grid_cols: 1,
            sample_mode: SampleMode::Eval,
            latent_seed: 0,
            palette: Palette::Gray,
            checkpoint_seconds: 0.0,
            evaluate_epochs: EvaluateEpochs::Every(0),
            evaluate_images: 10,
            final_images: 0,
            best: "none".to_owned(),
        },
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        machine: "mock".to_owned(),
    }
}
