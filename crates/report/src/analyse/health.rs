//! Signs that a run has collapsed, although it may be completed.
//!
//! The losses of a collapsed run look good: a discriminator that is never wrong has the smallest loss of all.
//! So a page that only sorted by loss would show it first.

use gansweep_config::{Config, LossKind, RunState};
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
/// A state that lasted for fewer steps says nothing.
const FEWEST_STEPS: u64 = 4;
/// Points from which on their mean decides. With fewer, one outlier would decide the mean, so each point must be above the limit.
const MANY_POINTS: usize = 4;

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
    // A score is between 0 and 1. So a mean within 0.02 of an end leaves no room for a long time elsewhere, even where one
    // point is the mean over many steps.
    let is_saturated = |late: &Late, target: f64| {
        (late.mean - target).abs() <= SATURATED
            && (late.lowest - target).abs().max((late.highest - target).abs()) < 0.5
    };
    (is_saturated(&real, 1.0) && is_saturated(&fake, 0.0)).then(|| Warning {
        sign: Sign::Saturated,
        text: format!(
            "D is saturated: over the last {} steps D(x) is {} and D(G(z)) {}, so that G gets almost no gradient",
            real.steps,
            text::measured(real.mean),
            text::measured(fake.mean)
        ),
    })
}

fn diverging(run: &RunInput, config: &Config) -> Option<Warning> {
    let reference = Metric::GLoss.declaration().reference?(config).value.abs();
    let late = late(run, Metric::GLoss)?;
    let above = DIVERGING * reference;
    // One step with a huge loss makes the mean of a single point huge.
    let before = || late.points > 1 || late.before.is_some_and(|value| value > above);
    let agree = late.points >= MANY_POINTS || (late.lowest > above && before());
    (reference > 0.0 && late.mean > above && agree).then(|| Warning {
        sign: Sign::Diverging,
        text: format!(
            "G's loss diverges: {} over the last {} steps, {} where D cannot tell real from fake",
            text::measured(late.mean),
            late.steps,
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

/// Whether a run that came to its end has too few points to look for a saturated discriminator or a diverging loss: its
/// last point is a mean over more than the second half of the run, or over hardly any step.
pub(super) fn is_unchecked(run: &RunInput) -> bool {
    let ended = matches!(run.state, RunState::Completed | RunState::Paused | RunState::Pruned);
    let Ok(config) = Config::from_stored(&run.config) else { return false };
    // Neither sign is looked for with a critic.
    if !ended || config.loss.kind == LossKind::Wasserstein {
        return false;
    }
    let is_coarse = |metric: Metric| {
        let points = run.series.get(&metric).map_or(&[][..], Vec::as_slice);
        let (from, to) = late_span(points).unwrap_or_default();
        to - from < FEWEST_STEPS || 2 * from < to
    };
    [Metric::DReal, Metric::DFakeAfter, Metric::GLoss].into_iter().any(is_coarse)
}

/// What a metric was over about the last quarter of the run's steps.
struct Late {
    steps: u64,
    mean: f64,
    lowest: f64,
    highest: f64,
    points: usize,
    /// The last point before.
    before: Option<f64>,
}

/// A point is the mean over the steps since the point before. So the points of the last quarter tell of all of its steps,
/// however few they are. Of a long series, of which the page has a part of the points, they tell of a part of the steps.
fn late(run: &RunInput, metric: Metric) -> Option<Late> {
    let points = run.series.get(&metric)?;
    let (from, to) = late_span(points)?;
    let values: Vec<(u64, f64)> = points.iter().copied().filter(|(step, _)| *step > from).collect();
    if to - from < FEWEST_STEPS || values.iter().any(|(_, value)| !value.is_finite()) {
        return None;
    }
    let mut before = from;
    let mut sum = 0.0;
    for (step, value) in &values {
        sum += value * (step - before) as f64;
        before = *step;
    }
    Some(Late {
        steps: to - from,
        mean: sum / (to - from) as f64,
        lowest: values.iter().map(|(_, value)| *value).fold(f64::INFINITY, f64::min),
        highest: values.iter().map(|(_, value)| *value).fold(f64::NEG_INFINITY, f64::max),
        points: values.len(),
        before: points.iter().rfind(|(step, _)| *step <= from).map(|(_, value)| *value),
    })
}

/// The steps that tell of the end of the run: after the first number, up to the second. They are those of the points of the
/// last quarter. Where these are means over more than the second half of the run, and there is a later point than the first of
/// them, they are the steps after that.
fn late_span(points: &[(u64, f64)]) -> Option<(u64, u64)> {
    let (to, _) = *points.last()?;
    let steps = || points.iter().map(|(step, _)| *step);
    let whole = steps().rfind(|step| 4 * step < 3 * to).unwrap_or_default();
    let later = steps().find(|step| 4 * step >= 3 * to && step + FEWEST_STEPS <= to);
    let from = if 2 * whole < to { later.unwrap_or(whole) } else { whole };
    Some((from, to))
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

    /// A completed run of 400 steps with points at these steps, D never wrong and G's loss as given.
    fn coarse(kind: &str, steps: &[u64], loss: impl Fn(u64) -> f64) -> RunInput {
        let mut run =
            run(serde_json::to_value(config::config("fast", &[&format!("loss.kind={kind}")])).unwrap());
        run.state = RunState::Completed;
        let series = |value: &dyn Fn(u64) -> f64| steps.iter().map(|step| (*step, value(*step))).collect();
        run.series = [
            (Metric::DReal, series(&|_| 0.999)),
            (Metric::DFakeAfter, series(&|_| 0.001)),
            (Metric::GLoss, series(&loss)),
        ]
        .into();
        run
    }

    fn signs_of(run: &RunInput) -> Vec<Sign> {
        warnings(run).into_iter().map(|warning| warning.sign).collect()
    }

    #[test]
    fn few_points_are_enough_since_each_is_a_mean_over_its_steps() {
        let calm = |_| 1.0;
        assert_eq!(signs_of(&coarse("non-saturating", &[200, 400], calm)), [Sign::Saturated]);
        assert_eq!(signs_of(&coarse("non-saturating", &[400], calm)), [Sign::Saturated]);
        // Only the last point tells of the end alone.
        let at_last = RunInput {
            series: [
                (Metric::DReal, vec![(350, 0.6), (400, 0.99)]),
                (Metric::DFakeAfter, vec![(350, 0.3), (400, 0.01)]),
            ]
            .into(),
            ..coarse("non-saturating", &[], calm)
        };
        assert!(warnings(&at_last)[0].text.contains("over the last 50 steps"));
        assert_eq!(signs_of(&coarse("non-saturating", &[1, 2, 3], calm)), [], "three steps are no state");
        let high = [Sign::Saturated, Sign::Diverging];
        assert_eq!(signs_of(&coarse("non-saturating", &[150, 300, 400], |_| 50.0)), high);
        assert_eq!(signs_of(&coarse("non-saturating", &[350, 400], |_| 50.0)), high);
        // One wild step may have made this mean.
        let wild = |step| if step == 400 { 50.0 } else { 1.0 };
        assert_eq!(signs_of(&coarse("non-saturating", &[350, 400], wild)), [Sign::Saturated]);
    }

    #[test]
    fn a_run_is_unchecked_where_its_last_point_tells_of_more_than_its_second_half() {
        let unchecked = |kind, steps: &[u64]| is_unchecked(&coarse(kind, steps, |_| 1.0));
        assert!(unchecked("non-saturating", &[400]) && unchecked("non-saturating", &[100, 400]));
        assert!(unchecked("non-saturating", &[]) && unchecked("non-saturating", &[1, 2, 3]));
        assert!(!unchecked("non-saturating", &[350, 400]) && !unchecked("non-saturating", &[200, 400]));
        assert!(!unchecked("wasserstein", &[400]));
        let queued = RunInput { state: RunState::Queued, ..coarse("non-saturating", &[], |_| 1.0) };
        assert!(!is_unchecked(&queued));
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
