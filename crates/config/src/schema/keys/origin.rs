//! Keys at the top of the file: what the experiment is called and starts from.

use super::origin;
use crate::schema::{Key, Kind};

/// In the order of the documentation.
pub(super) static KEYS: &[Key] = &[
    origin(
        "name",
        Kind::Name,
        None,
        "What the sweep is called in the database, in reports and on the command line. Without it: the file's name without its extension.",
    ),
    origin(
        "description",
        Kind::Text,
        Some("\"\""),
        "What the experiment is for, in your words; shown in the report.",
    ),
    origin(
        "recipe",
        Kind::Choice(&crate::recipes::NAMES),
        Some("\"fast\""),
        "The recipe whose values hold wherever the file says nothing. May be swept.",
    ),
];
