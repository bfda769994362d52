//! The schema: every key of an experiment file, declared once.
//!
//! Values are checked against this table, misspelt names are compared with it, assignments are
//! applied through it, and the reference in `docs/experiment-file.md` is generated from it.

mod declare;
mod elsewhere;
pub(crate) mod field;
mod key;
mod keys;
mod kind;
mod lookup;
mod nearest;

pub use key::{Effect, Key, Lanes, VARIANT};
pub use keys::keys;
pub use kind::{Interval, Kind, MAX_SEED, MAX_SEEDS, is_name};
pub use lookup::{find, is_list_of_layers};

pub(crate) use elsewhere::value_called;
pub(crate) use key::RECIPE;
pub(crate) use kind::{AUTO, InvalidValue};
pub(crate) use lookup::{AXIS_TABLES, EXCLUDE, PROFILE, VARIANTS, is_table, split_axis, within_variant};
pub(crate) use nearest::{is_rather_a_key, nearest_key, nearest_table, table_of_sweep};
