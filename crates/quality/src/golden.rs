//! Comparison with numpy and scipy: `tests/golden/quality.json`, written by `quality_values.py` there.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{
    ClassCounts, ClassProbabilities, Features, Moments, Neighbours, RealClasses, RealSet, fidelity,
    frechet_distance, mean_nearest_distance, squared_mmd,
};

#[derive(Deserialize)]
struct Golden {
    features: BTreeMap<String, GoldenFeatures>,
    classes: GoldenClasses,
    conditional: GoldenConditional,
}

#[derive(Deserialize)]
struct GoldenFeatures {
    dimensions: usize,
    real: Vec<f32>,
    fake: Vec<f32>,
    fd: f64,
    mmd: f64,
    precision: f64,
    recall: f64,
    density: f64,
    coverage: f64,
    nearest: f64,
}

#[derive(Deserialize)]
struct GoldenClasses {
    probabilities: Vec<f32>,
    labels: Vec<usize>,
    score: f64,
    counts: Vec<u64>,
    modes: usize,
    divergence: f64,
}

#[derive(Deserialize)]
struct GoldenConditional {
    dimensions: usize,
    real: Vec<f32>,
    labels: Vec<u16>,
    fake: Vec<f32>,
    asked: Vec<u16>,
    probabilities: Vec<f32>,
    fd: Vec<f64>,
    mean: f64,
    accuracy: Vec<f64>,
}

fn golden() -> Golden {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/quality.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[track_caller]
fn assert_near(name: &str, found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance * expected.abs(), "{name}: {found} instead of {expected}");
}

#[test]
fn figures_of_features_are_those_of_numpy_and_scipy() {
    for (name, case) in golden().features {
        let [real, fake] =
            [&case.real, &case.fake].map(|values| Features::new(values, case.dimensions).unwrap());
        assert_near(&name, frechet_distance(&Moments::new(real), &Moments::new(fake)), case.fd, 1e-7);
        // A difference of sums of cubes of products in 32 bits.
        assert_near(&name, squared_mmd(real, fake), case.mmd, 1e-5);
        assert_near(&name, mean_nearest_distance(fake, real), case.nearest, 1e-12);
        let found = fidelity(&RealSet::new(real, Neighbours::default()).unwrap(), fake);
        assert_near(&name, found.precision, case.precision, 1e-15);
        assert_near(&name, found.recall, case.recall, 1e-15);
        assert_near(&name, found.density, case.density, 1e-15);
        assert_near(&name, found.coverage, case.coverage, 1e-15);
    }
}

#[test]
fn figures_of_classes_are_those_of_numpy_and_scipy() {
    let GoldenClasses { probabilities, labels, score, counts, modes, divergence } = golden().classes;
    let probabilities = ClassProbabilities::new(&probabilities, 5).unwrap();
    assert_near("score", probabilities.score(), score, 1e-7);
    let found = probabilities.counts().unwrap();
    assert_eq!(found.counts(), counts);
    let data = ClassCounts::of_labels(labels, 5).unwrap();
    assert_eq!(found.modes_covered(&data), modes);
    assert_near("divergence", found.divergence(&data), divergence, 1e-13);
}

#[test]
fn figures_of_each_class_are_those_of_numpy_and_scipy() {
    let case = golden().conditional;
    let [real, fake] = [&case.real, &case.fake].map(|values| Features::new(values, case.dimensions).unwrap());
    let classes = RealClasses::new(real, &case.labels, 3);
    let probabilities = ClassProbabilities::new(&case.probabilities, 3).unwrap();
    let found = classes.compare(fake, probabilities, &case.asked);
    for (class, (found, (fd, accuracy))) in found.iter().zip(case.fd.iter().zip(&case.accuracy)).enumerate() {
        assert_near(&format!("FD of class {class}"), found.fd, *fd, 1e-7);
        assert_near(&format!("accuracy of class {class}"), found.accuracy, *accuracy, 1e-12);
    }
    assert_near("mean", classes.mean_distance(&found), case.mean, 1e-7);
}
