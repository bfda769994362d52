//! Keys of `[augment]`: random changes of everything that the discriminator sees.

use crate::schema::declare::{ConfigKey, config};
use crate::schema::field::Field;
use crate::schema::key::{Key, Lanes};
use crate::schema::kind::{Interval, Kind};

/// A share of an image's side, the whole of it included.
const SHARE: Kind = Kind::Number(Interval::closed(0.0, 1.0));

/// In the order of the documentation.
pub(super) static KEYS: &[Key] = &[
    config(ConfigKey {
        path: "augment.color",
        kind: SHARE,
        default: "0.0",
        identity: "0.0",
        lanes: Lanes::Presence,
        field: Field::Number(|c| &mut c.augment.color),
        doc: "How much brightness, saturation and contrast change; 1 is what the authors use.",
    }),
    config(ConfigKey {
        path: "augment.translation",
        kind: SHARE,
        default: "0.0",
        identity: "0.0",
        lanes: Lanes::Presence,
        field: Field::Number(|c| &mut c.augment.translation),
        doc: "How far images are moved at most, in each direction, as a share of their side; 0.125 is what the authors use.",
    }),
    config(ConfigKey {
        path: "augment.cutout",
        kind: SHARE,
        default: "0.0",
        identity: "0.0",
        lanes: Lanes::Presence,
        field: Field::Number(|c| &mut c.augment.cutout),
        doc: "The side of a square that is made grey, as a share of the image's; 0.5 is what the authors use.",
    }),
];
