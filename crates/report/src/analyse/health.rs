//! Signs that a run has collapsed, although it may be completed.
//!
//! The losses of a collapsed run look good: a discriminator that is never wrong has the smallest loss of all.
//! So a page that only sorted by loss would show it first.

use gansweep_config::{Config, LossKind};
use gansweep_protocol::Metric;

use super::text;
use crate::context::{Sign, Warning};
use crate::input::RunInput;

/// D counts as saturated with scores this close to 1 on real and to 0 on generated images.
const SATURATED: f64 = 0.02;
/// G's loss counts as diverging above this multiple of its value for a discriminator that cannot tell. D then
/// gives nearly every sample a probability below a thousandth.
const DIVERGING: f64 = 10.0;
/// Samples count as all the same below this share of the real images' variance. Untrained generators have 0.02.
const SAME: f64 = 0.05;
/// Fewer points say nothing about how long a state lasted.
const FEWEST_POINTS: usize = 4;

/// What is wrong with the run, in sentences for the reader of the page.
pub(super) fn warnings(run: &RunInput) -> Vec<Warning> {
    let config = Config::from_stored(&run.config).ok();
    [
        config.as_ref().and_then(|config| saturated(run, config)),
        config.as_ref().and_then(|config| diverging(run, config)),
        few_classes(run),
        same(run),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A critic's output is no probability, so its sigmoid says nothing.
fn saturated(run: &RunInput, config: &Config) -> Option<Warning> {
    if config.loss.kind == LossKind::Wasserstein {
        return None;
    }
    let (real, fake) = (late(run, Metric::DReal)?, late(run, Metric::DFakeAfter)?);
    let is_saturated = |(mean, lowest, highest): (f64, f64, f64), target: f64| {
        (mean - target).abs() <= SATURATED && (lowest - target).abs().max((highest - target).abs()) < 0.5
    };
    (is_saturated(real, 1.0) && is_saturated(fake, 0.0)).then(|| Warning {
        sign: Sign::Saturated,
        text: format!(
            "D is saturated: over the last quarter D(x) is {} and D(G(z)) {}, so that G gets almost no gradient",
            text::measured(real.0),
            text::measured(fake.0)
        ),
    })
}

fn diverging(run: &RunInput, config: &Config) -> Option<Warning> {
    let reference = Metric::GLoss.declaration().reference?(config).value.abs();
    let (mean, ..) = late(run, Metric::GLoss)?;
    (reference > 0.0 && mean > DIVERGING * reference).then(|| Warning {
        sign: Sign::Diverging,
        text: format!(
            "G's loss diverges: {} over the last quarter, {} where D cannot tell real from fake",
            text::measured(mean),
            text::measured(reference)
        ),
    })
}

fn few_classes(run: &RunInput) -> Option<Warning> {
    let covered = *run.last.get(&Metric::Modes)?;
    (2.0 * covered < f64::from(run.data_classes)).then(|| Warning {
        sign: Sign::FewClasses,
        text: format!("its images cover {covered} of the data's {} classes", run.data_classes),
    })
}

fn same(run: &RunInput) -> Option<Warning> {
    let trained = run.grids.last().is_some_and(|grid| grid.epoch > 0);
    let diversity = run.diversity.filter(|diversity| trained && *diversity < SAME)?;
    Some(Warning {
        sign: Sign::SameSamples,
        text: format!(
            "the last samples are nearly all the same image: their variance is {} % of the real images'",
            text::measured(100.0 * diversity)
        ),
    })
}

/// Mean, smallest and largest value over the last quarter of the run's steps.
fn late(run: &RunInput, metric: Metric) -> Option<(f64, f64, f64)> {
    let points = run.series.get(&metric)?;
    let (last, _) = points.last()?;
    let values: Vec<f64> =
        points.iter().filter(|(step, _)| 4 * step >= 3 * last).map(|(_, value)| *value).collect();
    if values.len() < FEWEST_POINTS || values.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    Some((mean, lowest, highest))
}

#[cfg(test)]
mod tests {
    use gansweep_fixtures::config;
    use gansweep_protocol::{Geometry, SampleSource};

    use super::*;
    use crate::analyse::configs::tests::run;
    use crate::input::GridInput;

    fn signs(kind: &str, points: &[(Metric, f64)], diversity: Option<f64>) -> Vec<Sign> {
        let config = config::config("fast", &[&format!("loss.kind={kind}")]);
        let mut run = run(serde_json::to_value(config).unwrap());
        for (metric, value) in points {
            run.series
                .insert(*metric, (1..=40).map(|step| (step, if step < 20 { 0.6 } else { *value })).collect());
        }
        let geometry = Geometry { rows: 2, cols: 2, height: 28, width: 28 };
        run.grids = vec![GridInput { step: 40, epoch: 1, source: SampleSource::Raw, geometry, png_bytes: 1 }];
        run.diversity = diversity;
        warnings(&run).into_iter().map(|warning| warning.sign).collect()
    }

    #[test]
    fn a_discriminator_that_is_never_wrong_for_long_is_saturated() {
        let scores = |real, fake| [(Metric::DReal, real), (Metric::DFakeAfter, fake)];
        assert_eq!(signs("non-saturating", &scores(0.999, 0.001), None), [Sign::Saturated]);
        assert_eq!(signs("non-saturating", &scores(0.9, 0.1), None), []);
        assert_eq!(signs("wasserstein", &scores(0.999, 0.001), None), []);
    }

    #[test]
    fn a_loss_of_the_generator_far_above_its_reference_diverges() {
        assert_eq!(signs("non-saturating", &[(Metric::GLoss, 20.0)], None), [Sign::Diverging]);
        assert_eq!(signs("non-saturating", &[(Metric::GLoss, 3.0)], None), []);
        assert_eq!(signs("wasserstein", &[(Metric::GLoss, 20.0)], None), []);
    }

    #[test]
    fn images_of_less_than_half_of_the_classes_are_too_few() {
        let signs = |modes, data_classes| {
            let mut run = run(serde_json::json!({}));
            (run.last, run.data_classes) = ([(Metric::Modes, modes)].into(), data_classes);
            warnings(&run).into_iter().map(|warning| (warning.sign, warning.text)).collect::<Vec<_>>()
        };
        let few = (Sign::FewClasses, "its images cover 4 of the data's 10 classes".to_owned());
        assert_eq!(signs(4.0, 10), [few]);
        assert_eq!(signs(5.0, 10), []);
        assert_eq!(signs(1.0, 1), []);
    }

    #[test]
    fn samples_without_diversity_are_the_same() {
        assert_eq!(signs("hinge", &[], Some(0.01)), [Sign::SameSamples]);
        assert_eq!(signs("hinge", &[], Some(0.3)), []);
        assert_eq!(signs("hinge", &[], None), []);
    }
}
