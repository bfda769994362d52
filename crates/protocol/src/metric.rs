//! The metrics. Each is declared once, in the table at the end of this file; measuring, recording, queries,
//! charts and documentation use that declaration.
//!
//! A new metric is an entry in the table and the code that measures it. Backends measure metrics of
//! [`Cadence::Step`] and [`Cadence::Point`], and return them in the order of [`Metric::of_steps`] and
//! [`Metric::of_points`]; the training loop measures the others.

use std::fmt;

use gansweep_config::{Config, Undecided};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The declaration of a metric.
#[derive(Debug, Clone, Copy)]
pub struct Declaration {
    /// The name in the database and on the command line.
    pub name: &'static str,
    /// A short title for charts and tables.
    pub title: &'static str,
    /// The unit; empty for a pure number.
    pub unit: &'static str,
    /// Which way is better.
    pub direction: Direction,
    /// The usual range, where there is one; charts show all of it unless values lie beyond.
    pub range: Option<(f64, f64)>,
    /// A value to compare with, which may depend on the config.
    pub reference: Option<fn(&Config) -> Reference>,
    /// The group of charts that shows it; `None` for metrics without a chart.
    pub group: Option<ChartGroup>,
    /// Whether the table of runs has a column for it.
    pub in_run_table: bool,
    /// When it is measured, and what is recorded of it.
    pub cadence: Cadence,
    /// Whether a value that is not finite ends the run as diverged.
    pub ends_run_if_not_finite: bool,
    /// Which steps it is measured in.
    pub presence: Presence,
    /// Whether the same run has the same values again; false for clocks.
    pub deterministic: bool,
    /// What is measured, as a phrase that may follow "the mean of": `the discriminator's loss`.
    pub measures: &'static str,
    /// An explanation of one sentence.
    pub help: &'static str,
}

/// Which way a metric is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Smaller is better.
    Lower,
    /// Larger is better.
    Higher,
    /// Neither. In a GAN, a high value and a low one can both mean failure.
    Neither,
}

impl Direction {
    /// Whether the value `one` is better than `other`. NaN is never better, and without a direction nothing is.
    pub fn is_better(self, one: f64, other: f64) -> bool {
        match self {
            Self::Lower => one < other,
            Self::Higher => one > other,
            Self::Neither => false,
        }
    }
}

/// Which steps a metric is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// In every step of every run.
    Always,
    /// Some configs or steps do not measure it. Such a step has NaN in its place, and a point is the mean over the others.
    Optional,
}

impl Direction {
    /// The word in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lower => "lower",
            Self::Higher => "higher",
            Self::Neither => "neither",
        }
    }
}

/// When a metric is measured, and what is recorded of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cadence {
    /// Measured in every step. A point has the mean over the steps since the last point. At the end of a
    /// recorded epoch, the mean over the epoch is recorded as the metric in this variant.
    Step(Metric),
    /// The mean over an epoch of the metric in this variant, recorded at the end of recorded epochs.
    Epoch(Metric),
    /// Measured in the last step before a point.
    Point,
    /// Measured by the training loop and recorded with every point.
    Clock,
    /// A quality figure of images that the generator draws after that step, in eval mode. All points of a run are of
    /// one number of images and one evaluator.
    Figure,
}

impl Cadence {
    /// The word in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Step(_) => "step",
            Self::Epoch(_) => "epoch",
            // Both are measured after single steps, and the column takes no other word.
            Self::Point | Self::Figure => "point",
            Self::Clock => "clock",
        }
    }
}

/// A group of charts on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChartGroup {
    /// The losses of both networks.
    Losses,
    /// The outputs of D for real and generated images.
    Scores,
    /// The share of images that D classifies correctly.
    Accuracy,
    /// Norms of gradients.
    Gradients,
    /// Quality figures of generated images.
    Quality,
}

impl ChartGroup {
    /// Every group, in the order of the page.
    pub const ALL: [Self; 5] = [Self::Quality, Self::Losses, Self::Scores, Self::Accuracy, Self::Gradients];

    /// The heading on the page and the name in the database.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Losses => "Losses",
            Self::Scores => "Scores",
            Self::Accuracy => "Accuracy",
            Self::Gradients => "Gradients",
            Self::Quality => "Quality",
        }
    }

    /// What to look for in the charts, in one or two sentences. `has_references` says whether one of them has a line for a
    /// discriminator that cannot tell real from fake: losses without bounds have none.
    pub const fn hint(self, has_references: bool) -> &'static str {
        match self {
            Self::Losses if !has_references => {
                "Steady curves mean a balanced game. If D's loss falls while G's climbs, D has become too strong and G stops learning."
            }
            Self::Losses => {
                "Steady curves near the dashed line mean a balanced game. If D's loss falls to zero while G's climbs, D has become too strong and G stops learning."
            }
            Self::Scores if !has_references => {
                "What D gives real images, D(x), and generated ones, D(G(z)), before and after D's update: the more, the more real. The further they are apart, the better D tells them."
            }
            Self::Scores => {
                "How real D takes real images to be, D(x), and generated ones, D(G(z)), before and after D's update: 1 is real and 0 is fake. At 0.5 D can no longer tell them apart."
            }
            Self::Accuracy => {
                "The share of real and of generated images that D takes for what they are. At 1 D is never wrong and G gets little to learn from; at 0.5 on both D guesses."
            }
            Self::Gradients => "Gradient norms that vanish or explode announce trouble before the losses do.",
            Self::Quality => {
                "How close generated images are to real ones, by the features of a classifier of the dataset. All values are of one number of images and one classifier. FD and KID fall as images get better; recall and coverage fall when they get less varied."
            }
        }
    }
}

/// A value to compare a metric with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reference {
    /// The value.
    pub value: f64,
    /// The label of its line in a chart.
    pub text: &'static str,
}

impl Metric {
    /// The name in the database and on the command line.
    pub const fn name(self) -> &'static str {
        self.declaration().name
    }

    /// The metric with that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == name)
    }

    /// Whether some configs or steps do not measure it.
    pub const fn is_optional(self) -> bool {
        matches!(self.declaration().presence, Presence::Optional)
    }

    /// Whether it is a quality figure of generated images.
    pub const fn is_figure(self) -> bool {
        matches!(self.declaration().cadence, Cadence::Figure)
    }

    /// Whether larger or smaller values are better, so that runs can be ranked by it.
    pub fn has_direction(&self) -> bool {
        self.declaration().direction != Direction::Neither
    }

    /// Whether the value `one` is better than `other`, by the metric's direction. NaN is never better, and a metric
    /// without a direction has no better values.
    pub fn is_better(self, one: f64, other: f64) -> bool {
        self.declaration().direction.is_better(one, other)
    }

    /// The quality figures, the one that runs are ranked by first.
    pub fn figures() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|metric| metric.is_figure())
    }

    /// The metrics that a backend measures in every step, in the order in which it returns them.
    pub fn of_steps() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|metric| matches!(metric.declaration().cadence, Cadence::Step(_)))
    }

    /// The metrics that a backend measures at points, in the order in which it returns them.
    pub fn of_points() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|metric| metric.declaration().cadence == Cadence::Point)
    }
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Metric {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;

        impl Visitor<'_> for Name {
            type Value = Metric;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a metric")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Metric, E> {
                Metric::from_name(name).ok_or_else(|| E::custom(format_args!("there is no metric `{name}`")))
            }
        }

        deserializer.deserialize_str(Name)
    }
}

fn undecided_d_loss(config: &Config) -> Reference {
    let Undecided { discriminator: value, discriminator_text: text, .. } = config.loss.undecided();
    Reference { value, text }
}

fn undecided_g_loss(config: &Config) -> Reference {
    let Undecided { generator: value, generator_text: text, .. } = config.loss.undecided();
    Reference { value, text }
}

fn undecided_score(_: &Config) -> Reference {
    Reference { value: 0.5, text: "D cannot tell" }
}

fn guessing(_: &Config) -> Reference {
    Reference { value: 0.5, text: "D guesses" }
}

/// The fields that a declaration leaves out.
const DEFAULT: Declaration = Declaration {
    name: "",
    title: "",
    unit: "",
    direction: Direction::Neither,
    range: None,
    reference: None,
    group: None,
    in_run_table: false,
    cadence: Cadence::Clock,
    ends_run_if_not_finite: false,
    presence: Presence::Always,
    deterministic: true,
    measures: "",
    help: "",
};

/// Generates the enum of metrics, the list of them and their declarations. Each entry of `step` declares two
/// metrics: the mean since the last point, and the mean over the epoch.
macro_rules! metrics {
    (
        step { $($step:ident, $epoch:ident: $step_name:literal, $step_title:literal, $of:literal
            { $($step_field:ident: $step_value:expr),* $(,)? })* }
        other { $($other:ident: $name:literal, $title:literal, $cadence:expr, $help:literal
            { $($field:ident: $value:expr),* $(,)? })* }
    ) => {
        /// One measured quantity of a run.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Metric {
            $(#[doc = concat!("The mean of ", $of, " over the steps since the last point.")] $step,)*
            $(#[doc = $help] $other,)*
            $(#[doc = concat!("The mean of ", $of, " over the epoch.")] $epoch,)*
        }

        impl Metric {
            /// Every metric, in the order of tables and charts.
            pub const ALL: [Self; [$($step_name, $step_name,)* $($name,)*].len()] =
                [$(Self::$step,)* $(Self::$other,)* $(Self::$epoch,)*];

            /// The metric's declaration.
            pub const fn declaration(self) -> Declaration {
                match self {
                    $(Self::$step => Declaration {
                        name: $step_name,
                        title: $step_title,
                        cadence: Cadence::Step(Self::$epoch),
                        measures: $of,
                        help: concat!("mean of ", $of, " over the steps since the last point"),
                        $($step_field: $step_value,)*
                        ..DEFAULT
                    },)*
                    $(Self::$other => Declaration {
                        name: $name,
                        title: $title,
                        cadence: $cadence,
                        measures: $help,
                        help: $help,
                        $($field: $value,)*
                        ..DEFAULT
                    },)*
                    $(Self::$epoch => Declaration {
                        name: concat!("epoch_", $step_name),
                        title: concat!($step_title, " per epoch"),
                        cadence: Cadence::Epoch(Self::$step),
                        measures: $of,
                        help: concat!("mean of ", $of, " over the epoch"),
                        group: None,
                        in_run_table: false,
                        ends_run_if_not_finite: false,
                        ..Self::$step.declaration()
                    },)*
                }
            }
        }
    };
}

metrics! {
    step {
        DLoss, EpochDLoss: "d_loss", "D loss", "the discriminator's loss" {
            reference: Some(undecided_d_loss),
            group: Some(ChartGroup::Losses),
            in_run_table: true,
            ends_run_if_not_finite: true,
        }
        GLoss, EpochGLoss: "g_loss", "G loss", "the generator's loss" {
            reference: Some(undecided_g_loss),
            group: Some(ChartGroup::Losses),
            in_run_table: true,
            ends_run_if_not_finite: true,
        }
        DReal, EpochDReal: "d_real", "D(x)", "the score D(x) of real images" {
            range: Some((0.0, 1.0)),
            reference: Some(undecided_score),
            group: Some(ChartGroup::Scores),
            in_run_table: true,
        }
        DFakeBefore, EpochDFakeBefore: "d_fake_before", "D(G(z)) before", "the score D(G(z)) of fakes in the D step, before its update" {
            range: Some((0.0, 1.0)),
            reference: Some(undecided_score),
            group: Some(ChartGroup::Scores),
        }
        DFakeAfter, EpochDFakeAfter: "d_fake_after", "D(G(z)) after", "the score D(G(z)) of fakes in the G step, after D's update" {
            range: Some((0.0, 1.0)),
            reference: Some(undecided_score),
            group: Some(ChartGroup::Scores),
            in_run_table: true,
        }
        DAccuracyReal, EpochDAccuracyReal: "d_accuracy_real", "D accuracy on real", "the share of real images that D takes for real (D(x) above 1/2)" {
            range: Some((0.0, 1.0)),
            reference: Some(guessing),
            group: Some(ChartGroup::Accuracy),
        }
        DAccuracyFake, EpochDAccuracyFake: "d_accuracy_fake", "D accuracy on fake", "the share of fakes that D takes for fake (D(G(z)) not above 1/2) in the D step, before its update" {
            range: Some((0.0, 1.0)),
            reference: Some(guessing),
            group: Some(ChartGroup::Accuracy),
        }
        DPenalty, EpochDPenalty: "d_penalty", "D penalty", "the penalty on D's input gradient, with its weight, which is no part of `d_loss`" {
            group: Some(ChartGroup::Gradients),
            presence: Presence::Optional,
        }
        DInputGradient, EpochDInputGradient: "d_input_gradient", "D input gradient norm", "the L2 norm of D's gradient with respect to its input, where the penalty is measured" {
            group: Some(ChartGroup::Gradients),
            presence: Presence::Optional,
        }
    }
    other {
        GradNormD: "grad_norm_d", "D gradient norm", Cadence::Point, "L2 norm of D's gradient at this step" {
            group: Some(ChartGroup::Gradients),
        }
        GradNormG: "grad_norm_g", "G gradient norm", Cadence::Point, "L2 norm of G's gradient at this step" {
            group: Some(ChartGroup::Gradients),
        }
        Fd: "fd", "FD", Cadence::Figure, "Fréchet distance between the features of generated and of real training images" {
            direction: Direction::Lower,
            group: Some(ChartGroup::Quality),
            in_run_table: true,
        }
        Kid: "kid", "KID", Cadence::Figure, "kernel distance between the features of generated and of real training images; 0 on average where both are of one distribution" {
            direction: Direction::Lower,
            group: Some(ChartGroup::Quality),
        }
        Precision: "precision", "precision", Cadence::Figure, "share of generated images among the nearest neighbours of real ones" {
            direction: Direction::Higher,
            range: Some((0.0, 1.0)),
            group: Some(ChartGroup::Quality),
        }
        Recall: "recall", "recall", Cadence::Figure, "share of real images among the nearest neighbours of generated ones" {
            direction: Direction::Higher,
            range: Some((0.0, 1.0)),
            group: Some(ChartGroup::Quality),
        }
        Density: "density", "density", Cadence::Figure, "number of real images that have a generated one among their nearest neighbours, by that of neighbours; about 1 where both are of one distribution" {
            direction: Direction::Higher,
            group: Some(ChartGroup::Quality),
        }
        Coverage: "coverage", "coverage", Cadence::Figure, "share of real images with a generated one among their nearest neighbours" {
            direction: Direction::Higher,
            range: Some((0.0, 1.0)),
            group: Some(ChartGroup::Quality),
        }
        Score: "score", "classifier score", Cadence::Figure, "how sure the classifier is of each generated image and how evenly it finds all classes, from 1 to the number of classes" {
            direction: Direction::Higher,
            group: Some(ChartGroup::Quality),
        }
        Modes: "modes", "modes", Cadence::Figure, "classes of the data that the generated images cover" {
            unit: "classes",
            direction: Direction::Higher,
            group: Some(ChartGroup::Quality),
        }
        ClassKl: "class_kl", "KL of classes", Cadence::Figure, "Kullback-Leibler divergence of the classes of generated images from those of the data" {
            unit: "nats",
            direction: Direction::Lower,
            group: Some(ChartGroup::Quality),
        }
        ClassFd: "class_fd", "FD within classes", Cadence::Figure, "mean over the classes of the Fréchet distance between images that were drawn for a class and real training images of it; of conditional models" {
            direction: Direction::Lower,
            presence: Presence::Optional,
            group: Some(ChartGroup::Quality),
        }
        ClassAccuracy: "class_accuracy", "class accuracy", Cadence::Figure, "share of generated images that the classifier takes for the class that they were drawn for; of conditional models" {
            direction: Direction::Higher,
            range: Some((0.0, 1.0)),
            presence: Presence::Optional,
            group: Some(ChartGroup::Quality),
        }
        Nearest: "nearest", "nearest", Cadence::Figure, "mean distance to the nearest of all training images, between features; below that of real test images if training images are repeated" {
            group: Some(ChartGroup::Quality),
        }
        Epoch: "epoch", "epoch", Cadence::Clock, "epochs finished, fractional within one" {
            unit: "epochs",
        }
        ImagesSeen: "images_seen", "images seen", Cadence::Clock, "real images that went through D so far" {
            unit: "images",
        }
        Seconds: "seconds", "seconds", Cadence::Clock, "seconds of training so far, over all attempts" {
            unit: "s",
            deterministic: false,
        }
        ImagesPerSecond: "images_per_second", "images/s", Cadence::Clock, "real images per second since the last point" {
            unit: "images/s",
            direction: Direction::Higher,
            deterministic: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use gansweep_config::Record;

    use super::*;

    #[test]
    fn metrics_have_names_of_their_own() {
        let names: HashSet<_> = Metric::ALL.iter().map(|metric| metric.name()).collect();
        assert_eq!(names.len(), Metric::ALL.len());
    }

    #[test]
    fn every_metric_is_found_by_its_name_and_serialises_as_it() {
        for metric in Metric::ALL {
            assert_eq!(Metric::from_name(metric.name()), Some(metric));
            let json = format!("\"{}\"", metric.name());
            assert_eq!(serde_json::to_string(&metric).unwrap(), json);
            assert_eq!(serde_json::from_str::<Metric>(&json).unwrap(), metric);
        }
        let error = serde_json::from_str::<Metric>("\"d_los\"").unwrap_err().to_string();
        assert!(error.starts_with("there is no metric `d_los`"), "{error}");
    }

    #[test]
    fn a_best_checkpoint_is_chosen_by_any_figure_with_a_direction() {
        let directed = |metric: &Metric| metric.declaration().direction != Direction::Neither;
        let names: HashSet<_> =
            Metric::figures().filter(directed).map(Metric::name).chain(["none"]).collect();
        assert_eq!(Record::BEST.iter().copied().collect::<HashSet<_>>(), names);
        assert!(Metric::Fd.is_better(1.0, 2.0) && Metric::Recall.is_better(2.0, 1.0));
        assert!(!Metric::Fd.is_better(f64::NAN, 2.0) && !Metric::Fd.is_better(2.0, 2.0));
    }

    #[test]
    fn a_metric_of_steps_and_its_mean_over_the_epoch_name_each_other() {
        for metric in Metric::of_steps() {
            let Cadence::Step(epoch) = metric.declaration().cadence else { panic!("{metric:?}") };
            assert_eq!(epoch.declaration().cadence, Cadence::Epoch(metric));
            assert_eq!(epoch.name(), format!("epoch_{}", metric.name()));
            assert_eq!(epoch.declaration().unit, metric.declaration().unit);
        }
    }

    #[test]
    fn experiment_files_know_the_metrics_that_say_which_run_is_better() {
        let ranks = |metric: &Metric| metric.has_direction() && metric.declaration().deterministic;
        let names: Vec<_> = Metric::ALL.into_iter().filter(ranks).map(Metric::name).collect();
        assert_eq!(names, gansweep_config::RANKING_METRICS);
        assert!(Metric::ALL.into_iter().filter(ranks).all(Metric::is_figure), "`[prune]` turns on figures");
    }

    #[test]
    fn a_search_improves_any_metric_with_a_direction() {
        let names: Vec<_> = Metric::ALL.into_iter().filter(Metric::has_direction).map(Metric::name).collect();
        assert_eq!(names, gansweep_config::Search::METRICS);
    }

    #[test]
    fn charts_and_columns_are_of_metrics_with_points() {
        for metric in Metric::ALL {
            let d = metric.declaration();
            assert!(!d.title.is_empty() && !d.help.is_empty(), "{metric:?}");
            assert!(d.group.is_none() || !matches!(d.cadence, Cadence::Epoch(_)), "{metric:?}");
            let has_column = matches!(d.cadence, Cadence::Step(_) | Cadence::Figure);
            assert!(!d.in_run_table || has_column, "{metric:?}");
        }
    }
}
