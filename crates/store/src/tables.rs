//! The tables of the database, with what each needs where all of them, or all of a run's, are treated alike.

/// A table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoredTable {
    pub(crate) name: &'static str,
    /// The column with the owner of each row; `None` for a table whose rows belong to nothing.
    pub(crate) owner: Option<&'static str>,
    /// Whether it holds images or curves, which make up most of a database. It is checked last, since a check may have a deadline.
    pub(crate) is_large: bool,
    /// How the rows of a run are merged; `None` for a table that has no rows of runs.
    pub(crate) merging: Option<Merging>,
}

/// How the rows of a run that two databases have are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Merging {
    /// They are part of the record of its training: those of one of the two records are taken.
    Taken,
    /// They have rules of their own: other rows refer to them, or they are about a run in a sweep, or put on a run by hand.
    Own,
}

impl StoredTable {
    const fn whole(name: &'static str) -> Self {
        Self { name, owner: None, is_large: false, merging: None }
    }

    const fn of(name: &'static str, owner: &'static str) -> Self {
        Self { owner: Some(owner), ..Self::whole(name) }
    }

    const fn of_run(name: &'static str, merging: Merging) -> Self {
        Self { merging: Some(merging), ..Self::of(name, "run_id") }
    }

    const fn large(self) -> Self {
        Self { is_large: true, ..self }
    }
}

/// The table of runs themselves, which the other tables' rows of a run refer to.
pub(crate) const RUNS: &str = "runs";

/// All tables but `checksums`, which is about them.
pub(crate) const TABLES: [StoredTable; 20] = [
    StoredTable::whole("states"),
    StoredTable::whole("value_kinds"),
    StoredTable::whole("metrics"),
    StoredTable::whole("datasets"),
    StoredTable::of("sweeps", "sweep_id"),
    StoredTable::of_run("sweep_runs", Merging::Own),
    StoredTable::of("trials", "sweep_id"),
    StoredTable::of_run(RUNS, Merging::Own),
    StoredTable::of_run("tags", Merging::Own),
    StoredTable::of_run("rungs", Merging::Own),
    StoredTable::of_run("attempts", Merging::Taken),
    StoredTable::of_run("checkpoints", Merging::Taken),
    StoredTable::of_run("best_checkpoints", Merging::Taken),
    StoredTable::of_run("evaluations", Merging::Taken),
    StoredTable::of("configs", "config_id"),
    StoredTable::of("config_values", "config_id"),
    StoredTable::of_run("summaries", Merging::Taken),
    StoredTable::whole("real_images").large(),
    StoredTable::of_run("samples", Merging::Taken).large(),
    StoredTable::of_run("points", Merging::Taken).large(),
];

/// The tables that mirror the program's declarations.
pub(crate) const DECLARED: [&str; 3] = ["states", "value_kinds", "metrics"];

/// The tables with rows of a run, in the order in which the rows may be deleted.
pub(crate) fn of_run() -> impl Iterator<Item = &'static str> {
    let names = TABLES.iter().filter(|table| table.merging.is_some()).map(|table| table.name);
    names.filter(|name| *name != RUNS).chain([RUNS])
}

/// The tables that have the record of a run's training, besides its row in [`RUNS`].
pub(crate) fn of_record() -> impl Iterator<Item = &'static str> {
    TABLES.iter().filter(|table| table.merging == Some(Merging::Taken)).map(|table| table.name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use rusqlite::Connection;

    use super::*;
    use crate::{migrations::MIGRATIONS, schema};

    /// The names of tables that a query selects.
    fn selected(sql: &str) -> BTreeSet<String> {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection, Path::new(":memory:"), MIGRATIONS).unwrap();
        let mut statement = connection.prepare(sql).unwrap();
        let names = statement.query_map([], |row| row.get(0)).unwrap();
        names.collect::<Result<_, _>>().unwrap()
    }

    fn set(names: impl Iterator<Item = &'static str>) -> BTreeSet<String> {
        names.map(str::to_owned).collect()
    }

    #[test]
    fn the_list_has_all_tables_and_those_of_runs_are_those_with_the_column() {
        let all = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('checksums')";
        assert_eq!(set(TABLES.iter().map(|table| table.name)), selected(all));
        let of_runs = "SELECT t.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c
            WHERE t.type = 'table' AND c.name = 'run_id'";
        assert_eq!(set(of_run()), selected(of_runs));
    }

    #[test]
    fn the_rows_of_a_run_are_deleted_before_those_that_they_refer_to() {
        let names: Vec<&str> = of_run().collect();
        let parents = |name: &str| {
            let sql = format!("SELECT \"table\" FROM pragma_foreign_key_list('{name}')");
            selected(&sql)
        };
        for (place, name) in names.iter().enumerate() {
            let before = set(names[..place].iter().copied());
            assert!(parents(name).is_disjoint(&before), "{name}");
        }
    }

    #[test]
    fn what_may_be_large_are_points_and_images() {
        let large = TABLES.iter().filter(|table| table.is_large).map(|table| table.name);
        let with_images = "SELECT t.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c
            WHERE t.type = 'table' AND (c.type = 'BLOB' OR t.name = 'points')";
        assert_eq!(set(large), selected(with_images));
    }
}
