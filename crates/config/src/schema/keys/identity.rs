//! Keys at the top of the file: what the experiment is called and starts from.

use super::identity;
use crate::schema::{Key, Kind};

/// In the order of the documentation.
pub(super) static KEYS: &[Key] = &[
    identity(
        "name",
        Kind::Name,
        None,
        "What the sweep is called in the database, in reports and on the command line. Without it: the file's name without its extension.",
    ),
    identity(
        "description",
        Kind::Text,
        Some("\"\""),
        "What the experiment is for, in your words; shown in the report.",
    ),
    identity(
        "recipe",
        Kind::Choice(&crate::recipes::NAMES),
        Some("\"fast\""),
        "The recipe whose values hold wherever the file says nothing. May be swept.",
    ),
];
