//! The metrics: declared once here, and recorded, queried and drawn by that declaration.

use serde::{Deserialize, Serialize};

/// One measured quantity of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Mean discriminator loss over the steps since the last point.
    DLoss,
    /// Mean generator loss over the steps since the last point.
    GLoss,
    /// Mean D(x), the probability given to real images.
    DReal,
    /// Mean D(G(z)) in the discriminator step, before its update.
    DFakeBefore,
    /// Mean D(G(z)) in the generator step, after the discriminator's update.
    DFakeAfter,
    /// L2 norm of the discriminator's gradient at this step.
    GradNormD,
    /// L2 norm of the generator's gradient at this step.
    GradNormG,
    /// Mean discriminator loss over the whole epoch.
    EpochDLoss,
    /// Mean generator loss over the whole epoch.
    EpochGLoss,
    /// Mean D(x) over the whole epoch.
    EpochDReal,
    /// Mean D(G(z)) before D's update over the whole epoch.
    EpochDFakeBefore,
    /// Mean D(G(z)) after D's update over the whole epoch.
    EpochDFakeAfter,
    /// Epochs finished, fractional within one.
    Epoch,
    /// Real images that went through the discriminator so far.
    ImagesSeen,
    /// Seconds of training so far, over all attempts.
    Seconds,
    /// Real images per second since the last point.
    ImagesPerSecond,
}

/// Which way a metric is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Smaller is better.
    Lower,
    /// Larger is better.
    Higher,
    /// Neither end is good: in a GAN, both a high and a low value can mean failure.
    Neither,
}

/// What is said of a metric wherever it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Declaration {
    /// The name in the database and on the command line.
    pub name: &'static str,
    /// A short title for charts and tables.
    pub title: &'static str,
    /// The unit; empty for a pure number.
    pub unit: &'static str,
    /// Which way is better.
    pub direction: Direction,
    /// Whether the same run gives the same bits again (clocks do not).
    pub deterministic: bool,
    /// One sentence.
    pub help: &'static str,
}

impl Metric {
    /// Every metric, in the order in which they are shown.
    pub const ALL: [Self; 16] = [
        Self::DLoss,
        Self::GLoss,
        Self::DReal,
        Self::DFakeBefore,
        Self::DFakeAfter,
        Self::GradNormD,
        Self::GradNormG,
        Self::EpochDLoss,
        Self::EpochGLoss,
        Self::EpochDReal,
        Self::EpochDFakeBefore,
        Self::EpochDFakeAfter,
        Self::Epoch,
        Self::ImagesSeen,
        Self::Seconds,
        Self::ImagesPerSecond,
    ];

    /// The metric's declaration.
    pub const fn declaration(self) -> Declaration {
        Declaration {
            name: self.name(),
            title: self.title(),
            unit: self.unit(),
            direction: if matches!(self, Self::ImagesPerSecond) {
                Direction::Higher
            } else {
                Direction::Neither
            },
            deterministic: !matches!(self, Self::Seconds | Self::ImagesPerSecond),
            help: self.help(),
        }
    }

    /// The name in the database and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DLoss => "d_loss",
            Self::GLoss => "g_loss",
            Self::DReal => "d_real",
            Self::DFakeBefore => "d_fake_before",
            Self::DFakeAfter => "d_fake_after",
            Self::GradNormD => "grad_norm_d",
            Self::GradNormG => "grad_norm_g",
            Self::EpochDLoss => "epoch_d_loss",
            Self::EpochGLoss => "epoch_g_loss",
            Self::EpochDReal => "epoch_d_real",
            Self::EpochDFakeBefore => "epoch_d_fake_before",
            Self::EpochDFakeAfter => "epoch_d_fake_after",
            Self::Epoch => "epoch",
            Self::ImagesSeen => "images_seen",
            Self::Seconds => "seconds",
            Self::ImagesPerSecond => "images_per_second",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::DLoss => "D loss",
            Self::GLoss => "G loss",
            Self::DReal => "D(x)",
            Self::DFakeBefore => "D(G(z)) before",
            Self::DFakeAfter => "D(G(z)) after",
            Self::GradNormD => "D gradient norm",
            Self::GradNormG => "G gradient norm",
            Self::EpochDLoss => "D loss per epoch",
            Self::EpochGLoss => "G loss per epoch",
            Self::EpochDReal => "D(x) per epoch",
            Self::EpochDFakeBefore => "D(G(z)) before, per epoch",
            Self::EpochDFakeAfter => "D(G(z)) after, per epoch",
            Self::Epoch => "epoch",
            Self::ImagesSeen => "images seen",
            Self::Seconds => "seconds",
            Self::ImagesPerSecond => "images/s",
        }
    }

    const fn unit(self) -> &'static str {
        match self {
            Self::DLoss | Self::GLoss | Self::EpochDLoss | Self::EpochGLoss => "nats",
            Self::Epoch => "epochs",
            Self::ImagesSeen => "images",
            Self::Seconds => "s",
            Self::ImagesPerSecond => "images/s",
            // Probabilities and norms are pure numbers.
            Self::DReal
            | Self::DFakeBefore
            | Self::DFakeAfter
            | Self::EpochDReal
            | Self::EpochDFakeBefore
            | Self::EpochDFakeAfter
            | Self::GradNormD
            | Self::GradNormG => "",
        }
    }

    const fn help(self) -> &'static str {
        match self {
            Self::DLoss => "mean discriminator loss over the steps since the last point",
            Self::GLoss => "mean generator loss over the steps since the last point",
            Self::DReal => "mean probability that D gives to real images",
            Self::DFakeBefore => "mean probability that D gives to fakes in the D step, before its update",
            Self::DFakeAfter => "mean probability that D gives to fakes in the G step, after D's update",
            Self::GradNormD => "L2 norm of D's gradient at this step",
            Self::GradNormG => "L2 norm of G's gradient at this step",
            Self::EpochDLoss => "mean discriminator loss over the epoch",
            Self::EpochGLoss => "mean generator loss over the epoch",
            Self::EpochDReal => "mean D(x) over the epoch",
            Self::EpochDFakeBefore => "mean D(G(z)) before D's update over the epoch",
            Self::EpochDFakeAfter => "mean D(G(z)) after D's update over the epoch",
            Self::Epoch => "epochs finished, fractional within one",
            Self::ImagesSeen => "real images that went through D so far",
            Self::Seconds => "seconds of training so far, over all attempts",
            Self::ImagesPerSecond => "real images per second since the last point",
        }
    }

    /// The metric of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

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
            assert_eq!(serde_json::to_string(&metric).unwrap(), format!("\"{}\"", metric.name()));
        }
    }
}
