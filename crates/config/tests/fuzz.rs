//! Fuzz targets of experiment files, of arguments and variables, and of stored configs.

#[path = "../../../tests/fuzz/engine.rs"]
mod engine;

use std::path::Path;

use gansweep_config::{
    ClassNames, Config, DataIdentity, DataRequest, DatasetSpec, Experiment, ImageShape, LoadOptions, Plan,
    Record,
};

/// Plans of more runs than this take seconds and find no more faults.
const MAX_RUNS: u128 = 2_000;

/// Loads and plans. Any answer is right but a panic, and a refusal has words.
fn load(text: &str, options: &LoadOptions) {
    let loaded = Experiment::parse(Path::new("fuzz.toml"), text.to_owned(), options);
    let experiment = match loaded {
        Ok(experiment) => experiment,
        Err(faults) => {
            assert!(!faults.as_slice().is_empty() && !faults.to_string().is_empty());
            return;
        }
    };
    serde_json::to_string(&experiment).unwrap();
    if experiment.sweep.configs() * experiment.sweep.seeds.len() as u128 > MAX_RUNS {
        return;
    }
    let Ok(plan) = Plan::new(&experiment, &data) else { return };
    let sweep = &experiment.sweep;
    let all = sweep.configs() as usize * sweep.seeds.len();
    assert_eq!(plan.runs.len() + plan.duplicates + plan.excluded, all);
    assert!(!plan.runs.is_empty() && plan.longest().len() <= plan.runs.len());
    let requests = experiment.data_requests();
    for run in &plan.runs {
        let stored = serde_json::to_value(&run.config).unwrap();
        assert_eq!(Config::from_stored(&stored).unwrap(), run.config);
        let dataset = run.config.data.dataset;
        assert!(run.total_steps() > 0 && requests.iter().any(|asked| asked.dataset == dataset));
    }
}

fn data(DataRequest { dataset, .. }: DataRequest) -> DataIdentity {
    let image = ImageShape { channels: 1, height: 28, width: 28 };
    let (train_images, test_images) = (60_000, 10_000);
    let spec = DatasetSpec {
        image,
        classes: 10,
        train_images,
        test_images,
        fingerprint: dataset.name().to_owned(),
        class_names: ClassNames::default(),
    };
    DataIdentity { dataset, spec }
}

#[test]
fn experiment() {
    engine::fuzz("experiment", |input| {
        let text = String::from_utf8_lossy(input);
        load(&text, &LoadOptions::default());
        let profile = Some("short".to_owned());
        load(&text, &LoadOptions { profile, ..LoadOptions::default() });
    });
}

/// Each line is an argument, and as an assignment a variable.
#[test]
fn arguments() {
    engine::fuzz("arguments", |input| {
        let text = String::from_utf8_lossy(input);
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let variable = |line: &String| {
            let (key, value) = line.split_once('=')?;
            Some((format!("GANSWEEP_{}", key.replace('.', "__").to_uppercase()), value.to_owned()))
        };
        let env = lines.iter().filter_map(variable).collect();
        load("", &LoadOptions { sets: lines, ..LoadOptions::default() });
        load("", &LoadOptions { env, ..LoadOptions::default() });
    });
}

#[test]
fn stored() {
    engine::fuzz("stored", |input| {
        let Ok(json) = serde_json::from_slice::<serde_json::Value>(input) else { return };
        if let Ok(config) = Config::from_stored(&json) {
            let again = serde_json::to_value(&config).unwrap();
            assert_eq!(Config::from_stored(&again).unwrap(), config);
        }
        if let Ok(record) = Record::from_stored(&json) {
            let again = serde_json::to_value(&record).unwrap();
            assert_eq!(Record::from_stored(&again).unwrap(), record);
        }
    });
}
