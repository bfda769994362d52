//! How much space sweeps take, and tags.

use gansweep_config::RunId;

use super::device_time::device_seconds;
use super::{Reader, unsigned};
use crate::{RunFiles, StoreError, SweepSize, status::parse_run, store::freed_by_compacting};

impl Reader {
    /// The size of each sweep, by name. What sweeps share counts for each of them.
    pub fn sweep_sizes(&self) -> Result<Vec<SweepSize>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare(
                "WITH m AS NOT MATERIALIZED (SELECT DISTINCT sweep_id, run_id FROM sweep_runs)
                 SELECT s.name,
                     (SELECT count(DISTINCT p.run_id) FROM sweep_runs p WHERE p.sweep_id = s.sweep_id AND p.current = 1),
                     (SELECT count(*) FROM m WHERE m.sweep_id = s.sweep_id),
                     (SELECT coalesce(sum(q.count), 0) FROM m JOIN summaries q USING (run_id) WHERE m.sweep_id = s.sweep_id),
                     (SELECT coalesce(sum(length(p.png)), 0) FROM m JOIN samples p USING (run_id) WHERE m.sweep_id = s.sweep_id),
                     (SELECT coalesce(sum(c.bytes), 0) FROM m JOIN (
                          SELECT run_id, path, bytes FROM checkpoints UNION SELECT run_id, path, bytes FROM best_checkpoints
                      ) c USING (run_id) WHERE m.sweep_id = s.sweep_id),
                     s.updated_ms
                 FROM sweeps s ORDER BY s.name",
            )?;
            let sizes = statement.query_map([], |row| {
                let name: String = row.get(0)?;
                let (runs, of_all_plans) = (unsigned(row, 1)?, unsigned(row, 2)?);
                Ok(SweepSize {
                    device_seconds: device_seconds(connection, &name)?,
                    name,
                    runs,
                    earlier_runs: of_all_plans - runs,
                    points: unsigned(row, 3)?,
                    grid_bytes: unsigned(row, 4)?,
                    checkpoint_bytes: unsigned(row, 5)?,
                    updated_unix_ms: row.get(6)?,
                })
            })?;
            Ok(sizes.collect::<Result<_, _>>()?)
        })
    }

    /// Bytes of the database that nothing uses, if they are enough for [`Store::compact`](crate::Store::compact).
    pub fn unused_bytes(&self) -> Result<u64, StoreError> {
        self.read(|connection| Ok(freed_by_compacting(connection)?))
    }

    /// All runs with the paths of their checkpoints.
    pub fn run_files(&self) -> Result<Vec<RunFiles>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare(
                "SELECT r.id, c.path, b.path FROM runs r LEFT JOIN checkpoints c USING (run_id)
                     LEFT JOIN best_checkpoints b USING (run_id) ORDER BY r.run_id",
            )?;
            let mut rows = statement.query([])?;
            let mut files = Vec::new();
            while let Some(row) = rows.next()? {
                let run = parse_run(&row.get::<_, String>(0)?)?;
                files.push(RunFiles { run, checkpoint: row.get(1)?, best: row.get(2)? });
            }
            Ok(files)
        })
    }

    /// The run's tags, in alphabetical order.
    pub fn tags(&self, run: &RunId) -> Result<Vec<String>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT tag FROM tags WHERE run_id = (SELECT run_id FROM runs WHERE id = ?1) ORDER BY tag",
            )?;
            Ok(statement.query_map([run.as_str()], |row| row.get(0))?.collect::<Result<_, _>>()?)
        })
    }
}
