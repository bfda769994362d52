//! Types and units of the columns that exports have. SQLite knows neither of a view.

/// A column of an exported table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ColumnType {
    pub(super) name: String,
    pub(super) kind: ColumnKind,
    /// Empty for what has none.
    pub(super) unit: &'static str,
}

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnKind {
    /// 64-bit integers.
    Integer,
    /// 64-bit floating-point numbers.
    Real,
    /// Text in UTF-8.
    Text,
}

/// Columns that are no text. A name means the same in every view; `docs/database.md` explains each.
const COLUMNS: [(&str, ColumnKind, &str); 55] = [
    ("attempt", ColumnKind::Integer, ""),
    ("attempts", ColumnKind::Integer, "attempts"),
    ("batch_size", ColumnKind::Integer, "images"),
    ("best", ColumnKind::Real, METRIC),
    ("best_step", ColumnKind::Integer, "steps"),
    ("beta1_d", ColumnKind::Real, ""),
    ("beta1_g", ColumnKind::Real, ""),
    ("completed", ColumnKind::Integer, "entries"),
    ("count", ColumnKind::Integer, "points"),
    ("d_fake", ColumnKind::Real, ""),
    ("d_real", ColumnKind::Real, ""),
    ("diverged", ColumnKind::Integer, "entries"),
    ("dropout_d", ColumnKind::Real, ""),
    ("dropout_g", ColumnKind::Real, ""),
    ("epoch_d_loss", ColumnKind::Real, "nats"),
    ("epoch_g_loss", ColumnKind::Real, "nats"),
    ("epochs", ColumnKind::Integer, "epochs"),
    ("failed", ColumnKind::Integer, "entries"),
    ("fd", ColumnKind::Real, ""),
    ("finite", ColumnKind::Integer, "points"),
    ("from_step", ColumnKind::Integer, "steps"),
    ("images", ColumnKind::Integer, "images"),
    ("images_per_second", ColumnKind::Real, "images/s"),
    ("is_curve", ColumnKind::Integer, ""),
    ("label_smoothing", ColumnKind::Real, ""),
    ("lane", ColumnKind::Integer, ""),
    ("lanes", ColumnKind::Integer, "lanes"),
    ("last_step", ColumnKind::Integer, "steps"),
    ("last_value", ColumnKind::Real, METRIC),
    ("latent_dim", ColumnKind::Integer, ""),
    ("lr_d", ColumnKind::Real, ""),
    ("lr_g", ColumnKind::Real, ""),
    ("max", ColumnKind::Real, METRIC),
    ("min", ColumnKind::Real, METRIC),
    ("paused", ColumnKind::Integer, "entries"),
    ("pid", ColumnKind::Integer, ""),
    ("position", ColumnKind::Integer, ""),
    ("precision", ColumnKind::Real, ""),
    ("pruned", ColumnKind::Integer, "entries"),
    ("recall", ColumnKind::Real, ""),
    ("runs", ColumnKind::Integer, "entries"),
    ("seconds", ColumnKind::Real, "s"),
    ("seed", ColumnKind::Integer, ""),
    ("step", ColumnKind::Integer, "steps"),
    ("total_steps", ColumnKind::Integer, "steps"),
    ("trial", ColumnKind::Integer, ""),
    ("value", ColumnKind::Real, METRIC),
    // Times are text in UTC.
    ("at", ColumnKind::Text, "UTC"),
    ("began", ColumnKind::Text, "UTC"),
    ("created", ColumnKind::Text, "UTC"),
    ("ended", ColumnKind::Text, "UTC"),
    ("proposed", ColumnKind::Text, "UTC"),
    ("started", ColumnKind::Text, "UTC"),
    ("updated", ColumnKind::Text, "UTC"),
    ("unit", ColumnKind::Text, ""),
];

/// The unit of a column whose rows are of several metrics.
const METRIC: &str = "the metric's";

/// Type and unit of the column of that name; one that is not listed is text.
pub(super) fn type_of(name: &str) -> ColumnType {
    let known = COLUMNS.iter().find(|(known, _, _)| *known == name);
    let (kind, unit) = known.map_or((ColumnKind::Text, ""), |(_, kind, unit)| (*kind, *unit));
    ColumnType { name: name.to_owned(), kind, unit }
}
