//! Keys of `[loss]`: the loss of each network.

use crate::schema::declare::{ConfigKey, FRACTION, config};
use crate::schema::field::Field;
use crate::schema::key::{Key, Lanes};
use crate::schema::kind::{Interval, Kind};
use crate::{LossKind, Relativistic};

/// In the order of the documentation.
pub(super) static KEYS: &[Key] = &[
    config(ConfigKey {
        path: "loss.kind",
        kind: Kind::Choice(&LossKind::NAMES),
        default: "\"non-saturating\"",
        identity: "\"non-saturating\"",
        lanes: Lanes::Common,
        field: Field::Loss(|c| &mut c.loss.kind),
        doc: "The loss of both networks.",
    }),
    config(ConfigKey {
        path: "loss.relativistic",
        kind: Kind::Choice(&Relativistic::NAMES),
        default: "\"none\"",
        identity: "\"none\"",
        lanes: Lanes::Common,
        field: Field::Relativistic(|c| &mut c.loss.relativistic),
        doc: "What both networks' losses are a function of: D's output for an image (`none`), its difference from the output for the image of the other kind in the same place of the batch (`paired`), or from the mean output for the images of the other kind (`average`). Real images are those of the step's last batch in G's update. For `non-saturating`, `least-squares` (with targets 1 and -1) and `hinge`. D(x) and the accuracies are then of these differences: D(x) is the probability that the image is more realistic than those of the other kind.",
    }),
    config(ConfigKey {
        path: "loss.combine",
        kind: Kind::Choice(&["sum", "mean"]),
        default: "\"sum\"",
        identity: "\"sum\"",
        lanes: Lanes::Varies,
        field: Field::Combine(|c| &mut c.loss.combine),
        doc: "The discriminator's loss is the `sum` or the `mean` of its losses on real and on fake images; with `loss.relativistic = \"average\"` the generator's too. A `paired` loss is of both at once.",
    }),
    config(ConfigKey {
        path: "loss.label_smoothing",
        kind: FRACTION,
        default: "0.0",
        identity: "0.0",
        lanes: Lanes::Varies,
        field: Field::Number(|c| &mut c.loss.label_smoothing),
        doc: "The discriminator's target on real images is one minus this; the generator's stays 1.",
    }),
    config(ConfigKey {
        path: "loss.fake_label_smoothing",
        kind: FRACTION,
        default: "0.0",
        identity: "0.0",
        lanes: Lanes::Varies,
        field: Field::Number(|c| &mut c.loss.fake_label_smoothing),
        doc: "The discriminator's target on fakes is raised by this. With `label_smoothing` it makes smoothing two-sided; Salimans et al. 2016, section 3.4, advise against it, since D is then pulled towards fakes where there are no images.",
    }),
    config(ConfigKey {
        path: "loss.label_flip",
        kind: FRACTION,
        default: "0.0",
        identity: "0.0",
        lanes: Lanes::Varies,
        field: Field::Number(|c| &mut c.loss.label_flip),
        doc: "The probability that an image has the label of the other kind in an update of the discriminator, drawn anew for each image (Chintala et al. 2016, \"How to train a GAN?\", 6). With `relativistic = \"paired\"` it is a pair whose images are exchanged.",
    }),
    config(ConfigKey {
        path: "loss.weight_clip",
        kind: Kind::Number(Interval::above(0.0, 1000.0)),
        default: "0.01",
        identity: "0.01",
        lanes: Lanes::Common,
        field: Field::Number(|c| &mut c.loss.weight_clip),
        doc: "`wasserstein` without a penalty or spectral normalisation: largest magnitude of the discriminator's parameters, to which they are clipped after each of its updates.",
    }),
];
