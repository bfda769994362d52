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
        use Direction::{Higher, Neither};
        let (name, title, unit, direction, deterministic, help) = match self {
            Self::DLoss => ("d_loss", "D loss", "nats", Neither, true, "mean discriminator loss over the steps since the last point"),
            Self::GLoss => ("g_loss", "G loss", "nats", Neither, true, "mean generator loss over the steps since the last point"),
            Self::DReal => ("d_real", "D(x)", "", Neither, true, "mean probability that D gives to real images"),
            Self::DFakeBefore => ("d_fake_before", "D(G(z)) before", "", Neither, true, "mean probability that D gives to fakes in the D step, before its update"),
            Self::DFakeAfter => ("d_fake_after", "D(G(z)) after", "", Neither, true, "mean probability that D gives to fakes in the G step, after D's update"),
            Self::GradNormD => ("grad_norm_d", "D gradient norm", "", Neither, true, "L2 norm of D's gradient at this step"),
            Self::GradNormG => ("grad_norm_g", "G gradient norm", "", Neither, true, "L2 norm of G's gradient at this step"),
            Self::EpochDLoss => ("epoch_d_loss", "D loss per epoch", "nats", Neither, true, "mean discriminator loss over the epoch"),
            Self::EpochGLoss => ("epoch_g_loss", "G loss per epoch", "nats", Neither, true, "mean generator loss over the epoch"),
            Self::EpochDReal => ("epoch_d_real", "D(x) per epoch", "", Neither, true, "mean D(x) over the epoch"),
            Self::EpochDFakeBefore => ("epoch_d_fake_before", "D(G(z)) before, per epoch", "", Neither, true, "mean D(G(z)) before D's update over the epoch"),
            Self::EpochDFakeAfter => ("epoch_d_fake_after", "D(G(z)) after, per epoch", "", Neither, true, "mean D(G(z)) after D's update over the epoch"),
            Self::Epoch => ("epoch", "epoch", "epochs", Neither, true, "epochs finished, fractional within one"),
            Self::ImagesSeen => ("images_seen", "images seen", "images", Neither, true, "real images that went through D so far"),
            Self::Seconds => ("seconds", "seconds", "s", Neither, false, "seconds of training so far, over all attempts"),
            Self::ImagesPerSecond => ("images_per_second", "images/s", "images/s", Higher, false, "real images per second since the last point"),
        };
        Declaration { name, title, unit, direction, deterministic, help }
    }

    /// The name in the database and on the command line.
    pub const fn name(self) -> &'static str {
        self.declaration().name
    }

    /// The metric of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_found_by_its_name_and_serialises_as_it() {
        for metric in Metric::ALL {
            assert_eq!(Metric::from_name(metric.name()), Some(metric));
            assert_eq!(serde_json::to_string(&metric).unwrap(), format!("\"{}\"", metric.name()));
        }
    }
}
