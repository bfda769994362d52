//! The best checkpoint of a run, by a quality figure of its images.

use gansweep_config::Record;
use gansweep_protocol::{BestCheckpoint, Evaluated, Metric};

use crate::checkpoint::Written;

/// The best checkpoint so far, and the figure of a better one that is still to be written.
pub(super) struct Best {
    kept: Option<Box<BestCheckpoint>>,
    found: Option<Figure>,
}

struct Figure {
    metric: Metric,
    value: f64,
    images: u32,
    evaluator: String,
}

impl Best {
    pub(super) fn new(kept: Option<Box<BestCheckpoint>>) -> Self {
        Self { kept, found: None }
    }

    /// Takes note of figures of the present weights. The first one that does not compare with the kept one, because it is
    /// of another metric, classifier or number of images, takes its place.
    pub(super) fn consider(&mut self, evaluated: &Evaluated, record: &Record) {
        let Some(metric) = Metric::from_name(&record.best) else { return };
        let figures = evaluated.figures.iter().find(|(figure, value)| *figure == metric && value.is_finite());
        let Some(&(_, value)) = figures else { return };
        let (images, evaluator) = (evaluated.images, evaluated.evaluator.as_str());
        let compares = |kept: &&BestCheckpoint| {
            (kept.metric, kept.images, kept.evaluator.as_str()) == (metric, images, evaluator)
        };
        let rival = self.kept.as_deref().filter(compares);
        if rival.is_none_or(|kept| metric.is_better(value, kept.value)) {
            self.found = Some(Figure { metric, value, images, evaluator: evaluator.to_owned() });
        }
    }

    /// Whether the present weights are the best, and not yet written.
    pub(super) fn is_found(&self) -> bool {
        self.found.is_some()
    }

    /// The best checkpoint, once that of the present step is written.
    pub(super) fn written(&mut self, step: u64, written: &Written) -> Option<Box<BestCheckpoint>> {
        if let Some(Figure { metric, value, images, evaluator }) = self.found.take() {
            let Written { path, bytes, sha256 } = written.clone();
            self.kept = Some(Box::new(BestCheckpoint {
                step,
                path,
                bytes,
                sha256,
                metric,
                value,
                images,
                evaluator,
            }));
        }
        self.kept.clone()
    }
}

#[cfg(test)]
mod tests {
    use gansweep_fixtures::config;
    use gansweep_protocol::SampleSource;

    use super::*;

    fn evaluated(figures: &[(Metric, f64)], evaluator: &str) -> Evaluated {
        Evaluated {
            step: 1,
            source: SampleSource::Raw,
            images: 20,
            evaluator: evaluator.to_owned(),
            is_curve: true,
            figures: figures.to_vec(),
            classes: None,
            by_class: None,
        }
    }

    /// The steps of the best checkpoint after each value of FD.
    fn best_steps(best: &mut Best, values: &[f64], evaluator: &str) -> Vec<Option<u64>> {
        let mut after = |(step, value): (usize, &f64)| {
            best.consider(&evaluated(&[(Metric::Fd, *value)], evaluator), &config::record(&[]));
            let path = format!("step-{step}");
            let kept = best.written(step as u64, &Written { path, bytes: 1, sha256: String::new() });
            kept.map(|kept| kept.step)
        };
        values.iter().enumerate().map(&mut after).collect()
    }

    #[test]
    fn only_a_finite_value_that_is_better_takes_the_place_of_the_best() {
        let values = [f64::NAN, 9.0, 9.0, 7.0, f64::NAN, 8.0, f64::NEG_INFINITY, 6.5];
        let expected = [None, Some(1), Some(1), Some(3), Some(3), Some(3), Some(3), Some(7)];
        assert_eq!(best_steps(&mut Best::new(None), &values, "one"), expected);
    }

    #[test]
    fn a_value_that_does_not_compare_begins_anew() {
        let mut best = Best::new(None);
        best_steps(&mut best, &[3.0], "one");
        assert_eq!(best_steps(&mut best, &[5.0, 6.0], "other"), [Some(0), Some(0)]);
        assert!((best.kept.as_ref().unwrap().value - 5.0).abs() < 1e-12);
        let by_recall = config::record(&["best=recall"]);
        best.consider(&evaluated(&[(Metric::Fd, 1.0), (Metric::Recall, 0.1)], "other"), &by_recall);
        assert!(best.is_found());
    }

    #[test]
    fn no_checkpoint_is_best_where_none_is_asked_for() {
        let mut best = Best::new(None);
        best.consider(&evaluated(&[(Metric::Fd, 1.0)], "one"), &config::record(&["best=none"]));
        assert!(!best.is_found());
    }
}
