//! Merging the database of another results folder.
//!
//! Runs are the same where their ids are. Of two records of a run the longer one is taken, whole; of equally long ones the one
//! that comes first in an order of their contents. Only quality figures, which are added afterwards, are those of both. So the
//! result does not depend on which database is merged into which, and merging twice changes nothing.

mod comparison;
mod evaluations;
mod rows;
mod run;
mod sweeps;

use std::cmp::Ordering;
use std::collections::BTreeMap;

use gansweep_config::RunId;
use rusqlite::{Connection, params};

use self::comparison::{common_step, compare, conflict};
use self::evaluations::{Evaluations, Precedence};
use self::rows::{Source, copy_all};
use self::run::take_run;
use self::sweeps::{merge_rungs, merge_sweeps};
use crate::{
    MergePlan, Merged, Reader, RunFiles, StoreError,
    fault::Fault,
    status::{files, parse_run},
    store::{
        Store,
        ids::{find_run, known_run},
        metric_ids,
    },
};

impl Store {
    /// What merging another database would take from it. The caller brings the files of checkpoints.
    pub fn plan_merge(&self, other: &Reader) -> Result<MergePlan, StoreError> {
        let mut plan = MergePlan::default();
        let work = |plan: &mut MergePlan| -> Result<(), Fault> {
            for (id, theirs) in runs(other.connection())? {
                let Some(mine) = known_run(&self.connection, &id)? else {
                    plan.taken.push(files(other.connection(), &id, theirs)?);
                    continue;
                };
                let (mine, theirs) = ((&self.connection, mine), (other.connection(), theirs));
                let order = compare(mine, theirs)?;
                match order {
                    Ordering::Less => plan.taken.push(files(other.connection(), &id, theirs.1)?),
                    Ordering::Equal => plan.equal += 1,
                    Ordering::Greater => plan.kept += 1,
                }
                if let Some(conflict) = conflict(&id, mine, theirs)? {
                    // Figures of the other weights are not those of this run.
                    plan.conflicts.push(conflict);
                } else if joined(mine, theirs, order)? != taken_figures(mine, theirs, order)? {
                    plan.evaluated.push(id);
                }
            }
            Ok(())
        };
        work(&mut plan).map_err(|fault| fault.at(other.path()))?;
        Ok(plan)
    }

    /// Merges another database as planned. `brought` has the checkpoints in this results folder; a run that lacks one is
    /// recorded without it. Both databases must be as they were when the plan was made.
    ///
    /// # Errors
    /// Nothing is changed then.
    pub fn merge(
        &mut self,
        other: &Reader,
        plan: &MergePlan,
        brought: &BTreeMap<RunId, RunFiles>,
    ) -> Result<Merged, StoreError> {
        self.set_durable(true)?;
        let theirs = metric_ids(other.connection()).map_err(|fault| fault.at(other.path()))?;
        self.write(|transaction, metrics| {
            let from = Source::new(other.connection(), &theirs, metrics);
            copy_all(&from, transaction, "datasets", "data_fingerprint = ?1", &["data_fingerprint"])?;
            // While both records of the runs are there.
            let evaluations = plan
                .evaluated
                .iter()
                .map(|id| Ok((id, joined_of(transaction, other.connection(), id)?)))
                .collect::<Result<Vec<_>, Fault>>()?;
            let replaced = plan
                .taken
                .iter()
                .map(|files| take_run(&from, transaction, &files.run, brought.get(&files.run)))
                .collect::<Result<Vec<_>, Fault>>()?;
            for (id, evaluations) in evaluations {
                evaluations.write(transaction, metrics, find_run(transaction, id)?)?;
            }
            let images = "data_fingerprint = ?1 AND rows = ?2 AND cols = ?3";
            copy_all(&from, transaction, "real_images", images, &["data_fingerprint", "rows", "cols"])?;
            let sweeps = merge_sweeps(&from, transaction)?;
            merge_tags(&from, transaction)?;
            merge_rungs(&from, transaction)?;
            Ok(Merged { sweeps, replaced: replaced.into_iter().flatten().collect() })
        })
    }
}

fn runs(connection: &Connection) -> Result<Vec<(RunId, i64)>, Fault> {
    let mut statement = connection.prepare("SELECT id, run_id FROM runs ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next()? {
        runs.push((parse_run(&row.get::<_, String>(0)?)?, row.get(1)?));
    }
    Ok(runs)
}

/// The quality figures that a run has after the merge.
fn joined(
    mine: (&Connection, i64),
    theirs: (&Connection, i64),
    order: Ordering,
) -> Result<Evaluations, Fault> {
    let common = common_step(mine, theirs)?;
    let (here, there) = (Evaluations::read(mine)?, Evaluations::read(theirs)?);
    Ok(match order {
        Ordering::Less => there.joined(&here.until(common), Precedence::First),
        Ordering::Equal => here.joined(&there, Precedence::Neither),
        Ordering::Greater => here.joined(&there.until(common), Precedence::First),
    })
}

/// The quality figures of the record that is taken.
fn taken_figures(
    mine: (&Connection, i64),
    theirs: (&Connection, i64),
    order: Ordering,
) -> Result<Evaluations, Fault> {
    Evaluations::read(if order == Ordering::Less { theirs } else { mine })
}

/// [`joined`], for a run that both databases have.
fn joined_of(mine: &Connection, theirs: &Connection, id: &RunId) -> Result<Evaluations, Fault> {
    let (here, there) = ((mine, find_run(mine, id)?), (theirs, find_run(theirs, id)?));
    joined(here, there, compare(here, there)?)
}

/// Runs have the tags that they have in either.
fn merge_tags(from: &Source<'_>, to: &Connection) -> Result<(), Fault> {
    let mut statement =
        from.connection.prepare("SELECT r.id, t.tag, t.created_ms FROM tags t JOIN runs r USING (run_id)")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        to.prepare_cached(
            "INSERT INTO tags (run_id, tag, created_ms) VALUES ((SELECT run_id FROM runs WHERE id = ?1), ?2, ?3)
             ON CONFLICT (run_id, tag) DO UPDATE SET created_ms = min(created_ms, excluded.created_ms)",
        )?
        .execute(params![row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?])?;
    }
    Ok(())
}
