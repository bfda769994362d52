//! When the images of runs are evaluated while they train.

use gansweep_config::{EvaluateEpochs, PlannedRun, Record};
use gansweep_evaluator::Evaluator;
use gansweep_nn::{average, cost};

/// The most that evaluations may take of the training, where the program chooses when they take place.
const MOST: f64 = 0.05;
/// Epochs between evaluations that the program chooses from: of two sweeps, one often has the points of the other.
const PERIODS: [u32; 9] = [1, 2, 5, 10, 20, 50, 100, 200, 500];
/// More epochs than any run has: evaluations at the end alone.
pub const AT_THE_END: u32 = 100_000;
/// Costs in operations of training that take as long (docs/performance.md): of one operation of the classifier.
const CLASSIFIER: f64 = 1.0;
/// Of the comparison of an image with another one.
const PAIR: f64 = 3.6e3;
/// Of the distance between an image and a training image.
const NEAREST: f64 = 430.0;
/// Of what an evaluation takes for any number of images.
const FIXED: f64 = 3.4e9;
/// Of the Fréchet distance within a class of a conditional model.
const CLASS: f64 = 2.6e9;
/// Of reading the evaluator and preparing the real images, once for a run.
const PREPARATION: f64 = 7e9;
/// Of reading the features of a training image, which the distance to the nearest one needs, once for a run.
const FEATURES: f64 = 2e5;

/// When images are evaluated, for all runs of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// The settings, with a number in place of `auto`.
    pub record: Record,
    /// What evaluations take of the training on a CPU, by an estimate of operations.
    pub share: f64,
    /// Why there are none while runs train although they were left to the program.
    pub without: Option<Without>,
    /// Whether the last images of each run are evaluated once the sweep is trained instead.
    pub afterwards: bool,
}

/// Why a sweep has no evaluations while its runs train.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Without {
    /// One evaluation of each run would take this share of the training.
    TooLong(f64),
    /// Runs may train on a GPU, which would wait for the CPU.
    Gpu,
    /// Workers are tasks of a cluster, whose nodes may not see the classifier.
    Cluster,
}

impl Schedule {
    /// The schedule of a plan's runs, each with its largest budget. The same plan has the same schedule on every machine, so
    /// that figures are of the same epochs; all runs share it, so that they compare at each.
    ///
    /// `without` says why there are none while runs train where the program chooses. They take place afterwards then, where they
    /// take no more of the training than they may while it goes on.
    pub(crate) fn new(record: &Record, runs: &[PlannedRun], without: Option<Without>) -> Self {
        let cost = Cost { record, runs };
        if record.evaluate_epochs != EvaluateEpochs::Auto {
            let share =
                record.evaluate_epochs.period().map_or(0.0, |period| cost.share(period, record.final_images));
            return Self { record: record.clone(), share, without: None, afterwards: false };
        }
        let with = |period: u32, final_images: u32| Self {
            record: Record { evaluate_epochs: EvaluateEpochs::Every(period), final_images, ..record.clone() },
            share: if period == 0 { 0.0 } else { cost.share(period, final_images) },
            without: None,
            afterwards: false,
        };
        let once = cost.share(AT_THE_END, 0);
        if without.is_some() && once <= MOST {
            return Self { without, afterwards: true, share: once, ..with(0, 0) };
        }
        let longest = runs.iter().map(|run| run.epochs).max().unwrap_or(0);
        let periods = PERIODS.into_iter().filter(|period| *period < longest).chain([AT_THE_END]);
        match periods.into_iter().find(|period| without.is_none() && cost.share(*period, 0) <= MOST) {
            None => Self { without: Some(Without::TooLong(once)), ..with(0, 0) },
            Some(period) if cost.share(period, record.final_images) <= MOST => {
                with(period, record.final_images)
            }
            Some(period) => with(period, 0),
        }
    }

    /// Whether images are evaluated while runs train.
    pub fn is_on(&self) -> bool {
        self.record.evaluate_epochs.period().is_some()
    }
}

/// What the evaluations of some runs take.
struct Cost<'a> {
    record: &'a Record,
    runs: &'a [PlannedRun],
}

impl Cost<'_> {
    fn share(&self, period: u32, final_images: u32) -> f64 {
        let training: f64 = self.runs.iter().map(training_flops).sum();
        let evaluations: f64 = self.runs.iter().map(|run| self.of_run(run, period, final_images)).sum();
        evaluations / training
    }

    fn of_run(&self, run: &PlannedRun, period: u32, final_images: u32) -> f64 {
        let evaluated =
            |epoch: &u32| epoch.is_multiple_of(period) && epoch.is_multiple_of(self.record.every_epochs);
        let before_the_end = (1..run.epochs).filter(evaluated).count() as f64;
        let images = self.record.evaluate_images;
        let mut once = PREPARATION + Self::of_classes(run);
        let last = if final_images > images {
            let training = f64::from(run.spec.train_images);
            once += FEATURES * training;
            let nearest = NEAREST * f64::from(final_images) * training;
            Self::of_images(run, final_images) + Self::of_pairs(images) + Self::of_classes(run) + nearest
        } else {
            Self::of_images(run, images)
        };
        let sources = if average::is_kept(&run.config.train) { 2.0 } else { 1.0 };
        once + sources * (before_the_end * Self::of_images(run, images) + last)
    }

    fn of_images(run: &PlannedRun, images: u32) -> f64 {
        let classifier = Evaluator::image_flops(run.spec.image, run.spec.classes as usize);
        f64::from(images) * classifier * CLASSIFIER + Self::of_pairs(images) + Self::of_classes(run)
    }

    fn of_classes(run: &PlannedRun) -> f64 {
        if run.config.model.conditional { CLASS * f64::from(run.spec.classes) } else { 0.0 }
    }

    fn of_pairs(images: u32) -> f64 {
        FIXED + PAIR * f64::from(images).powi(2)
    }
}

fn training_flops(run: &PlannedRun) -> f64 {
    cost::step_flops(&run.config, &run.spec).unwrap_or(0.0) * run.total_steps() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::tests::plans::{of_file, runs};

    mod plans {
        use gansweep_config::{
            DataIdentity, DatasetSpec, Experiment, ImageShape, LoadOptions, Plan, PlannedRun,
        };

        /// A run of `fast` on images like MNIST's.
        pub(super) fn runs(sets: &[&str]) -> Vec<PlannedRun> {
            of_file("", sets)
        }

        /// The runs of an experiment file on such images.
        pub(super) fn of_file(source: &str, sets: &[&str]) -> Vec<PlannedRun> {
            let sets = sets.iter().map(|set| (*set).to_owned()).collect();
            let options = LoadOptions { sets, ..LoadOptions::default() };
            let experiment =
                Experiment::parse(std::path::Path::new("one.toml"), source.to_owned(), &options).unwrap();
            let identity = |asked: gansweep_config::DataRequest| DataIdentity {
                dataset: asked.dataset,
                spec: DatasetSpec {
                    image: ImageShape { channels: 1, height: 28, width: 28 },
                    classes: 10,
                    train_images: 60_000,
                    test_images: 10_000,
                    fingerprint: "data".to_owned(),
                    class_names: gansweep_config::ClassNames::default(),
                },
            };
            Plan::new(&experiment, &identity).unwrap().longest()
        }
    }

    fn scheduled(runs: &[PlannedRun], record: &[&str], without: Option<Without>) -> Schedule {
        Schedule::new(&gansweep_fixtures::config::record(record), runs, without)
    }

    fn period(schedule: &Schedule) -> EvaluateEpochs {
        schedule.record.evaluate_epochs
    }

    #[test]
    fn longer_runs_are_evaluated_more_often_and_never_for_more_than_a_twentieth_of_the_training() {
        let mut before = 0;
        for epochs in [1_u32, 5, 20, 50, 200, 1000] {
            let runs = runs(&[&format!("train.epochs={epochs}")]);
            let schedule = scheduled(&runs, &[], None);
            assert!(schedule.share <= MOST, "{epochs}: {}", schedule.share);
            let EvaluateEpochs::Every(found) = period(&schedule) else { panic!("{schedule:?}") };
            let points = epochs.checked_div(found).map_or(0, |points| points.max(1));
            assert!(points >= before, "{epochs} epochs have {points} points, fewer had {before}");
            before = points;
        }
        assert!(before > 10, "{before}");
    }

    #[test]
    fn the_first_sweep_of_a_reader_ends_with_figures() {
        let runs = of_file(include_str!("../../../experiments/lr.toml"), &[]);
        let schedule = scheduled(&runs, &[], None);
        assert_eq!((runs.len(), period(&schedule)), (16, EvaluateEpochs::Every(AT_THE_END)));
        assert!(schedule.share > 0.02 && schedule.share <= MOST, "{}", schedule.share);
    }

    #[test]
    fn wide_networks_take_long_enough_for_every_epoch_and_for_all_images_at_the_end() {
        let wide = runs(&["model.hidden=2048", "train.epochs=20"]);
        let schedule = scheduled(&wide, &[], None);
        assert_eq!((period(&schedule), schedule.record.final_images), (EvaluateEpochs::Every(1), 10_000));
    }

    #[test]
    fn where_one_evaluation_takes_too_long_there_is_none_and_the_share_is_told() {
        let short = runs(&["data.images=640", "train.epochs=1"]);
        let schedule = scheduled(&short, &[], None);
        assert_eq!((schedule.is_on(), schedule.record.final_images), (false, 0));
        assert!(matches!(schedule.without, Some(Without::TooLong(share)) if share > MOST), "{schedule:?}");
        let asked = scheduled(&short, &["evaluate_epochs=3"], None);
        assert_eq!((period(&asked), asked.without), (EvaluateEpochs::Every(3), None));
        assert!(asked.share > MOST);
        assert!(!scheduled(&short, &["evaluate_epochs=0"], None).is_on());
    }

    #[test]
    fn runs_on_gpus_and_clusters_are_evaluated_when_they_are_trained_unless_an_epoch_is_asked_for() {
        let long = runs(&["train.epochs=1000"]);
        for without in [Without::Gpu, Without::Cluster] {
            let schedule = scheduled(&long, &[], Some(without));
            assert_eq!(
                (schedule.is_on(), schedule.without, schedule.afterwards),
                (false, Some(without), true)
            );
            let asked = scheduled(&long, &["evaluate_epochs=10"], Some(without));
            assert!(asked.is_on() && !asked.afterwards);
            let refused = scheduled(&long, &["evaluate_epochs=0"], Some(without));
            assert!(!refused.is_on() && !refused.afterwards);
            // Of short runs an evaluation takes too long on a CPU, whenever it takes place.
            let short = scheduled(&runs(&["data.images=640", "train.epochs=1"]), &[], Some(without));
            assert!(
                !short.is_on() && !short.afterwards && matches!(short.without, Some(Without::TooLong(_)))
            );
        }
    }
}
