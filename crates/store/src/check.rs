//! Search for damage: what is recorded twice, or carries a checksum, is compared.
//!
//! SQLite notices damage to the structure of its file, not to the values in it. A flipped bit in an image, a number or
//! an id passes every query. Here images are checked by the checksums of PNG, points by those of their series, configs
//! and runs by the hashes that name them, and attempts and checkpoints by what must hold between them. These
//! checks name the fault. A checksum for each table and run finds every other change, but only says where it is.

mod png;

#[cfg(test)]
pub(crate) use png::sample as sample_png;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::Path,
    time::{Duration, Instant},
};

use gansweep_config::{Config, ConfigHash, RunId};
use gansweep_protocol::{Geometry, Metric, SampleSource};
use rusqlite::{Connection, OptionalExtension, Row, types::ValueRef};
use serde_json::Map;

use crate::{
    Reader, StoreError, checksums,
    fault::Fault,
    migrations::MIGRATIONS,
    schema, spec,
    summary::{Series, Summary},
    tables::{StoredTable, TABLES},
    value::{config_value, seed_from_sql},
};

/// More findings than this are not listed: a damaged page may give thousands.
const MOST_FINDINGS: usize = 200;

/// Something in the database that is damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// What is damaged: `the grid of run 0123456789abcdef at step 100`.
    pub what: String,
    /// How it is known.
    pub detail: String,
    /// The id of the run that it belongs to, if it belongs to one.
    pub run: Option<String>,
    /// What kind of damage it is.
    pub kind: DamageKind,
}

/// What kind of damage was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DamageKind {
    /// What is recorded contradicts itself: results are wrong, or lost.
    Contradiction,
    /// Rows are not those that this program wrote, and nothing else is wrong with them: a changed text, for example.
    /// [`Store::accept_rows`](crate::Store::accept_rows) accepts them.
    ChangedRows,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.detail)
    }
}

impl Reader {
    /// Checks everything in the database. Files of checkpoints are not read.
    ///
    /// # Errors
    /// Those of reading, unless they mean that the file is damaged: that is a finding.
    pub fn check(&self) -> Result<Vec<Damage>, StoreError> {
        // Rows and their checksums are read one after the other, and a sweep may write in between.
        let _snapshot = self.snapshot()?;
        let mut search = Search { found: Vec::new(), deadline: None };
        search.all(self)?;
        Ok(search.found)
    }

    /// Checks as much as can be checked within a time limit, what matters most first.
    ///
    /// # Errors
    /// See [`Reader::check`].
    pub fn check_within(&self, limit: Duration) -> Result<Vec<Damage>, StoreError> {
        let _snapshot = self.snapshot()?;
        let mut search = Search { found: Vec::new(), deadline: Some(Instant::now() + limit) };
        let interrupt = self.connection().get_interrupt_handle();
        let (done, ended) = std::sync::mpsc::channel::<()>();
        let timer = std::thread::Builder::new().name("check-timer".to_owned()).spawn(move || {
            if ended.recv_timeout(limit).is_err() {
                interrupt.interrupt();
            }
        });
        // Without a thread nothing would end a long query.
        let Ok(timer) = timer else { return Ok(Vec::new()) };
        let searched = search.all(self);
        // A timer that has ended no longer listens.
        let _ = done.send(());
        drop(timer.join());
        match searched {
            Ok(()) => Ok(search.found),
            Err(_) if search.is_over() => Ok(search.found),
            Err(error) => Err(error),
        }
    }
}

/// A search and what it has found.
struct Search {
    found: Vec<Damage>,
    deadline: Option<Instant>,
}

type Part = fn(&mut Search, &Connection) -> Result<(), Fault>;

impl Search {
    fn all(&mut self, reader: &Reader) -> Result<(), StoreError> {
        let parts: [Part; 12] = [
            Self::definitions,
            Self::runs,
            Self::attempts,
            Self::checkpoints,
            Self::configs,
            Self::small_rows,
            Self::structure,
            Self::references,
            Self::images,
            Self::real_images,
            Self::summaries,
            Self::large_rows,
        ];
        for part in parts {
            if self.is_over() {
                return Ok(());
            }
            let searched = part(self, reader.connection()).map_err(|fault| fault.at(reader.path()));
            match searched {
                Ok(()) => {}
                // The rest may still be readable.
                Err(StoreError::Corrupt { detail, .. } | StoreError::Content { detail, .. }) => {
                    self.add("the database".to_owned(), detail, None);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.found.len() >= MOST_FINDINGS || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    fn add(&mut self, what: String, detail: String, run: Option<String>) {
        self.add_of(DamageKind::Contradiction, what, detail, run);
    }

    fn add_of(&mut self, kind: DamageKind, what: String, detail: String, run: Option<String>) {
        let damage = Damage { what, detail, run, kind };
        if self.found.len() < MOST_FINDINGS && !self.found.contains(&damage) {
            self.found.push(damage);
        }
    }

    /// Adds what a query finds: a run's id, a subject and a detail per row.
    fn query(&mut self, connection: &Connection, sql: &str) -> Result<(), Fault> {
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let run = text(row, 0)?;
            self.add(format!("{} {run}", text(row, 1)?), text(row, 2)?, Some(run));
        }
        Ok(())
    }

    /// Tables and views against what the migrations create: a changed view answers wrongly.
    fn definitions(&mut self, connection: &Connection) -> Result<(), Fault> {
        let mut fresh = Connection::open_in_memory()?;
        schema::migrate(&mut fresh, Path::new(":memory:"), MIGRATIONS)?;
        let (found, expected) = (definitions(connection)?, definitions(&fresh)?);
        let names: BTreeSet<&String> = found.keys().chain(expected.keys()).collect();
        for name in names {
            // Tables that a user has added are the user's.
            if expected.contains_key(name) && found.get(name) != expected.get(name) {
                let detail = "its definition is not that of its schema version".to_owned();
                self.add(format!("the table, view or index {name}"), detail, None);
            }
        }
        Ok(())
    }

    /// SQLite's own check of pages, indices and constraints.
    fn structure(&mut self, connection: &Connection) -> Result<(), Fault> {
        let mut statement = connection.prepare("PRAGMA integrity_check(100)")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let message = text(row, 0)?;
            if message != "ok" {
                self.add("the database".to_owned(), message, None);
            }
        }
        Ok(())
    }

    fn references(&mut self, connection: &Connection) -> Result<(), Fault> {
        let mut statement = connection.prepare(
            "SELECT f.\"table\", f.parent, count(*) FROM pragma_foreign_key_check f GROUP BY 1, 2 LIMIT 100",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (table, parent, count): (_, _, i64) = (text(row, 0)?, text(row, 1)?, row.get(2)?);
            let detail = format!("{count} rows name rows of {parent} that do not exist");
            self.add(format!("table {table}"), detail, None);
        }
        Ok(())
    }

    /// A run's id is a hash of its config, seed and data.
    fn runs(&mut self, connection: &Connection) -> Result<(), Fault> {
        let mut statement = connection.prepare(
            "SELECT r.id, c.hash, r.seed, r.data_fingerprint FROM runs r JOIN configs c USING (config_id)",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (id, hash) = (text(row, 0)?, text(row, 1)?);
            let (seed, fingerprint) = (seed_from_sql(row.get(2)?), text(row, 3)?);
            let hash: Option<ConfigHash> = serde_json::from_value(hash.into()).ok();
            let expected = hash.map(|hash| RunId::of(&hash, seed, &fingerprint));
            if expected.is_none_or(|expected| expected.as_str() != id) {
                let detail = "its id is not that of its config, seed and data".to_owned();
                self.add(format!("run {id}"), detail, Some(id));
            }
        }
        Ok(())
    }

    /// A config's hash is that of its values, which are stored as JSON and key by key.
    fn configs(&mut self, connection: &Connection) -> Result<(), Fault> {
        let mut statement = connection.prepare(
            "SELECT config_id, hash, json, (SELECT id FROM runs r WHERE r.config_id = c.config_id LIMIT 1) FROM configs c",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (config_id, hash, json): (i64, _, _) = (row.get(0)?, text(row, 1)?, text(row, 2)?);
            let run: Option<String> = row.get(3)?;
            for (what, config) in
                [("values", keyed_config(connection, config_id)?), ("JSON", json_config(&json))]
            {
                let detail = match config {
                    // A hash that this version cannot compute says nothing.
                    Err(reason) => {
                        format!("its {what} cannot be read by this version of the program: {reason}")
                    }
                    Ok(config) if has_hash(connection, config_id, &config, &hash)? => continue,
                    Ok(_) => format!("its hash is not that of its {what}"),
                };
                self.add(format!("config {hash}"), detail, run.clone());
            }
        }
        Ok(())
    }

    fn attempts(&mut self, connection: &Connection) -> Result<(), Fault> {
        self.query(
            connection,
            "SELECT r.id, 'the attempts of run', 'there are ' || count(a.attempt) || ', numbered up to ' ||
                 coalesce(max(a.attempt), 0) || ', and the run counts ' || r.attempts
             FROM runs r LEFT JOIN attempts a USING (run_id) GROUP BY r.run_id
             HAVING coalesce(max(a.attempt), 0) <> r.attempts",
        )?;
        self.query(
            connection,
            "SELECT r.id, 'attempt ' || a.attempt || ' of run', 'its watermark is ' || a.next_seq || ' and its state ' || a.state
             FROM attempts a JOIN runs r USING (run_id)
             WHERE (a.state = 'pending' AND a.next_seq > 0) OR a.kept_step > r.confirmed_step",
        )?;
        self.query(
            connection,
            "SELECT id, 'run', 'its record is confirmed up to step ' || confirmed_step || ' and ends at step ' || step
             FROM runs WHERE confirmed_step > step",
        )?;
        self.query(
            connection,
            "SELECT r.id, 'the grids of run', 'one at step ' || s.step || ' is of attempt ' || s.attempt || ', which does not exist'
             FROM samples s JOIN runs r USING (run_id) WHERE s.attempt NOT BETWEEN 1 AND r.attempts",
        )?;
        self.query(
            connection,
            "SELECT r.id, 'the grids of run', 'one at step ' || s.step || ' is of an average that its config does not keep'
             FROM samples s JOIN runs r USING (run_id) JOIN configs c USING (config_id)
             WHERE s.source = 'ema' AND coalesce(c.json ->> '$.train.ema', 0) = 0",
        )
    }

    fn checkpoints(&mut self, connection: &Connection) -> Result<(), Fault> {
        self.checkpoints_of(connection, "checkpoints", "checkpoint")?;
        self.checkpoints_of(connection, "best_checkpoints", "best checkpoint")
    }

    fn checkpoints_of(&mut self, connection: &Connection, table: &str, name: &str) -> Result<(), Fault> {
        let sql = format!(
            "SELECT r.id, 'the {name} of run', CASE
                 WHEN c.step > r.confirmed_step THEN 'it is of step ' || c.step || ', and the record is confirmed up to step ' || r.confirmed_step
                 WHEN c.attempt NOT BETWEEN 1 AND r.attempts THEN 'it is of attempt ' || c.attempt || ', which does not exist'
                 ELSE 'its length or digest is none: ' || c.bytes || ' bytes, ' || c.sha256 END
             FROM {table} c JOIN runs r USING (run_id)
             WHERE c.step > r.confirmed_step OR c.attempt NOT BETWEEN 1 AND r.attempts OR c.bytes < 1
                 OR length(c.sha256) <> 64 OR c.sha256 GLOB '*[^0-9a-fA-F]*'"
        );
        self.query(connection, &sql)
    }

    /// The rows of all tables but the largest against their checksums.
    fn small_rows(&mut self, connection: &Connection) -> Result<(), Fault> {
        for name in checksums::unknown_tables(connection)? {
            let detail = format!("`{name}` is no table of this program");
            self.add_of(DamageKind::ChangedRows, "the table checksums".to_owned(), detail, None);
        }
        TABLES.iter().filter(|table| !table.is_large).try_for_each(|table| self.rows(connection, *table))
    }

    fn large_rows(&mut self, connection: &Connection) -> Result<(), Fault> {
        TABLES.iter().filter(|table| table.is_large).try_for_each(|table| self.rows(connection, *table))
    }

    /// The rows of a table against their checksums.
    fn rows(&mut self, connection: &Connection, table: StoredTable) -> Result<(), Fault> {
        for owner in checksums::changed_owners(connection, table)? {
            let (of, run) = owner_name(connection, table, owner)?;
            let detail = "they are not those that were written".to_owned();
            self.add_of(DamageKind::ChangedRows, format!("rows of table {}{of}", table.name), detail, run);
        }
        Ok(())
    }

    fn images(&mut self, connection: &Connection) -> Result<(), Fault> {
        let mut statement = connection.prepare(
            "SELECT r.id, s.step, s.rows, s.cols, s.height, s.width, s.png, s.source
             FROM samples s JOIN runs r USING (run_id)",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (id, step): (_, i64) = (text(row, 0)?, row.get(1)?);
            if let Some(problem) = image_problem(row, 2)? {
                let averaged = if text(row, 7)? == SampleSource::Ema.name() { "averaged " } else { "" };
                self.add(format!("the {averaged}grid of run {id} at step {step}"), problem, Some(id));
            }
        }
        Ok(())
    }

    fn real_images(&mut self, connection: &Connection) -> Result<(), Fault> {
        let mut statement = connection
            .prepare("SELECT data_fingerprint, dataset, rows, cols, height, width, png FROM real_images")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if let Some(problem) = image_problem(row, 2)? {
                self.add(format!("the real images of {}", text(row, 1)?), problem, None);
            }
        }
        Ok(())
    }

    /// Each series of points against its summary, and the reverse.
    fn summaries(&mut self, connection: &Connection) -> Result<(), Fault> {
        self.query(
            connection,
            "SELECT r.id, 'the points of run', 'those of metric ' || p.metric_id || ' have no summary'
             FROM (SELECT DISTINCT run_id, metric_id FROM points) p JOIN runs r USING (run_id)
             WHERE NOT EXISTS (SELECT 1 FROM summaries s WHERE s.run_id = p.run_id AND s.metric_id = p.metric_id)",
        )?;
        let mut statement = connection.prepare(
            "SELECT s.run_id, s.metric_id, m.name, r.id FROM summaries s JOIN metrics m USING (metric_id)
             JOIN runs r USING (run_id)",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (name, id) = (text(row, 2)?, text(row, 3)?);
            // A later version of the program may have added a metric, whose direction is then unknown.
            let Some(metric) = Metric::from_name(&name) else { continue };
            let direction = metric.declaration().direction;
            let series = Series { run_id: row.get(0)?, metric_id: row.get(1)?, direction };
            let (stored, computed) = (series.stored(connection)?, series.compute(connection, i64::MAX)?);
            if !stored.as_ref().is_some_and(|stored| agree(stored, computed.as_ref())) {
                let detail = "they are not those that were summarised".to_owned();
                self.add(format!("the points or the summary of {name} of run {id}"), detail, Some(id));
            }
            if self.is_over() {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// The owner of rows for a message, and the id of the run that it is.
fn owner_name(
    connection: &Connection,
    table: StoredTable,
    owner: i64,
) -> Result<(String, Option<String>), Fault> {
    let name = |sql| -> Result<String, Fault> {
        let mut statement = connection.prepare_cached(sql)?;
        let found = statement.query_row([owner], |row| text(row, 0)).optional()?;
        Ok(found.unwrap_or_else(|| format!("number {owner}")))
    };
    Ok(match table.owner {
        None => (String::new(), None),
        Some("run_id") => {
            let id = name("SELECT id FROM runs WHERE run_id = ?1")?;
            (format!(" of run {id}"), Some(id))
        }
        Some("config_id") => {
            (format!(" of config {}", name("SELECT hash FROM configs WHERE config_id = ?1")?), None)
        }
        Some(_) => (format!(" of sweep {}", name("SELECT name FROM sweeps WHERE sweep_id = ?1")?), None),
    })
}

/// Definitions by name, with what they are: a table of another type is none to those who list tables.
fn definitions(connection: &Connection) -> Result<BTreeMap<String, String>, Fault> {
    let sql = "SELECT name, type || ' ' || tbl_name || ' ' || sql FROM sqlite_schema WHERE sql IS NOT NULL";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut definitions = BTreeMap::new();
    while let Some(row) = rows.next()? {
        definitions.insert(text(row, 0)?, text(row, 1)?);
    }
    Ok(definitions)
}

fn agree(stored: &Summary, computed: Option<&Summary>) -> bool {
    let Some(computed) = computed else { return false };
    // Written by an older version of the program.
    let without = Summary { checksum: None, ..computed.clone() };
    stored.is_same(if stored.checksum.is_none() { &without } else { computed })
}

/// What is wrong with an image; its geometry is in four columns from `first` on, the PNG in the next.
fn image_problem(row: &Row<'_>, first: usize) -> Result<Option<String>, Fault> {
    let number = |column| Ok::<_, rusqlite::Error>(u32::try_from(row.get::<_, i64>(column)?).unwrap_or(0));
    let geometry = Geometry {
        rows: number(first)?,
        cols: number(first + 1)?,
        height: number(first + 2)?,
        width: number(first + 3)?,
    };
    Ok(match row.get_ref(first + 4)? {
        ValueRef::Blob(bytes) => png::problem(bytes, geometry),
        _ => Some("it is no image".to_owned()),
    })
}

/// The config as it is stored key by key.
fn keyed_config(connection: &Connection, config_id: i64) -> Result<Result<Config, String>, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT key, type, value FROM config_values WHERE config_id = ?1")?;
    let mut rows = statement.query([config_id])?;
    let mut values = Map::new();
    while let Some(row) = rows.next()? {
        let key = text(row, 0)?;
        match config_value(&key, &text(row, 1)?, row.get(2)?) {
            Ok(value) => drop(values.insert(key, value)),
            Err(error) => return Ok(Err(error.to_string())),
        }
    }
    let config = Config::from_stored_keys(&|key| values.get(key).cloned());
    Ok(config.map_err(|error| error.to_string()))
}

/// Whether a config has that hash, as it is or in its canonical form for its data: an older version of the program stored
/// what was not canonical.
fn has_hash(connection: &Connection, config_id: i64, config: &Config, hash: &str) -> Result<bool, Fault> {
    if ConfigHash::of(config).as_str() == hash {
        return Ok(true);
    }
    let spec = spec::of_config(connection, config_id)?;
    Ok(spec.is_some_and(|spec| ConfigHash::of(&config.clone().canonical(&spec)).as_str() == hash))
}

fn json_config(json: &str) -> Result<Config, String> {
    let value = serde_json::from_str(json).map_err(|error| error.to_string())?;
    Config::from_stored(&value).map_err(|error| error.to_string())
}

/// Text as it is, also if it is damaged.
fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    Ok(match row.get_ref(column)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Null => String::new(),
    })
}
