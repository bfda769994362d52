//! Start and end of an attempt, and which of its events are recorded.

use gansweep_config::RunState;
use gansweep_protocol::{Envelope, Event, Started};
use rusqlite::params;

use super::{
    Batch,
    cursor::{AttemptCursor, RunCursor},
};
use crate::{StoreError, fault::Fault, store::attempts::insert_reported, value::count};

impl Batch<'_> {
    /// The attempt of an event that is to be recorded; `None` if the event is to be ignored.
    pub(super) fn next_of(
        &self,
        run: &mut RunCursor,
        envelope: &Envelope,
    ) -> Result<Option<AttemptCursor>, Fault> {
        let attempt = envelope.attempt;
        let known = match self.attempts.get(&(run.run_id, attempt)) {
            Some(cursor) => Some(*cursor),
            None => AttemptCursor::load(self.connection, run.run_id, attempt)?,
        };
        let is_new = known.is_none() && attempt > run.latest;
        if is_new && run.state.is_final() && !goes_on_from(run, &envelope.event) {
            return Ok(None);
        }
        let cursor = known.unwrap_or(AttemptCursor::UNKNOWN);
        let seq = count("the number of an event", envelope.seq)?;
        if seq < cursor.next_seq {
            return Ok(None);
        }
        if seq > cursor.next_seq {
            let (run, found) = (envelope.run.to_string(), envelope.seq);
            let expected = cursor.next_seq.cast_unsigned();
            return Err(StoreError::MissingEvents { run, attempt, expected, found }.into());
        }
        if known.is_none() {
            insert_reported(self.connection, run.run_id, (attempt, run.latest), envelope.at_unix_ms)?;
            if attempt > run.latest {
                (run.latest, run.state) = (attempt, RunState::Running);
            }
        }
        Ok(Some(cursor))
    }

    /// Whether a newer attempt resumed before that step and records it itself.
    pub(super) fn is_superseded(&self, run: &RunCursor, attempt: u32, step: i64) -> Result<bool, Fault> {
        if attempt >= run.latest {
            return Ok(false);
        }
        let mut statement = self.connection.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM attempts
                 WHERE run_id = ?1 AND attempt > ?2 AND max(from_step, kept_step) < ?3)",
        )?;
        Ok(statement.query_row(params![run.run_id, attempt, step], |row| row.get(0))?)
    }

    pub(super) fn started(
        &mut self,
        run: &mut RunCursor,
        attempt: &mut AttemptCursor,
        envelope: &Envelope,
        started: &Started,
    ) -> Result<(), Fault> {
        if std::mem::replace(&mut attempt.started, true) {
            return Ok(());
        }
        let from_step = count("step", started.from_step())?;
        let mut update = self.connection.prepare_cached(
            "UPDATE attempts SET state = iif(state = 'pending', 'running', state), device = ?3, backend = ?4,
                 lane = ?5, lanes = ?6, pid = ?7, host = ?8, from_step = ?9, started_ms = ?10
             WHERE run_id = ?1 AND attempt = ?2",
        )?;
        update.execute(params![
            run.run_id,
            envelope.attempt,
            started.device,
            started.backend,
            started.lane,
            started.lanes,
            started.pid,
            started.host,
            from_step,
            envelope.at_unix_ms
        ])?;
        let kept_step = from_step.max(attempt.kept_step);
        if envelope.attempt == run.latest {
            // Events of an older attempt may have confirmed more after this attempt began.
            run.confirmed_step = run.confirmed_step.min(kept_step);
            self.connection
                .prepare_cached("UPDATE runs SET state = 'running' WHERE run_id = ?1 AND state = 'pending'")?
                .execute([run.run_id])?;
        }
        if self.delete_superseded(run.run_id, envelope.attempt, from_step, kept_step)? {
            self.summaries.invalidate(run.run_id, self.metrics);
        }
        match &started.checkpoint {
            Some(checkpoint) => self.checkpoint(run, envelope, checkpoint),
            None => Ok(()),
        }
    }

    /// Deletes what older attempts recorded after `kept_step`, and a checkpoint after `from_step`; `true` if
    /// points were deleted.
    fn delete_superseded(
        &self,
        run_id: i64,
        attempt: u32,
        from_step: i64,
        kept_step: i64,
    ) -> Result<bool, Fault> {
        let delete = |table: &str, step: i64| -> rusqlite::Result<usize> {
            let sql = format!("DELETE FROM {table} WHERE run_id = ?1 AND attempt < ?2 AND step > ?3");
            self.connection.prepare_cached(&sql)?.execute(params![run_id, attempt, step])
        };
        delete("checkpoints", from_step)?;
        delete("best_checkpoints", from_step)?;
        delete("samples", kept_step)?;
        delete("evaluations", kept_step)?;
        Ok(delete("points", kept_step)? > 0)
    }

    /// Records the end that an attempt reports. It replaces an end that the runner has recorded for the attempt
    /// in the meantime.
    pub(super) fn ended(
        &self,
        run: &mut RunCursor,
        attempt: &mut AttemptCursor,
        envelope: &Envelope,
    ) -> Result<(), Fault> {
        let Some(end) = End::of(&envelope.event) else { return Ok(()) };
        let step = count("step", end.step)?;
        attempt.step = attempt.step.max(Some(step));
        self.connection
            .prepare_cached(
                "UPDATE attempts SET state = ?3, cause = ?4, ended_ms = ?5 WHERE run_id = ?1 AND attempt = ?2",
            )?
            .execute(params![
                run.run_id,
                envelope.attempt,
                end.state.name(),
                end.cause,
                envelope.at_unix_ms
            ])?;
        if envelope.attempt == run.latest {
            self.connection
                .prepare_cached(
                    "UPDATE runs SET state = ?2, cause = ?3, ended_ms = ?4, seconds = coalesce(?5, seconds)
                     WHERE run_id = ?1",
                )?
                .execute(params![
                    run.run_id,
                    end.state.name(),
                    end.cause,
                    envelope.at_unix_ms,
                    end.seconds
                ])?;
            run.state = end.state;
            match end.state {
                RunState::Completed => run.confirm(step),
                // Of the last step only the non-finite loss is recorded.
                RunState::Diverged => run.confirm(step - 1),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Common fields of the events that end an attempt.
struct End<'a> {
    state: RunState,
    step: u64,
    cause: Option<&'a str>,
    seconds: Option<f64>,
}

impl<'a> End<'a> {
    fn of(event: &'a Event) -> Option<Self> {
        let (state, step, cause, seconds) = match event {
            Event::Completed(end) => (RunState::Completed, end.step, None, Some(end.seconds)),
            Event::Interrupted(end) => {
                (RunState::Interrupted, end.step, Some("stopped on request"), Some(end.seconds))
            }
            Event::Paused(end) => (RunState::Paused, end.step, Some(end.cause.as_str()), Some(end.seconds)),
            Event::Pruned(end) => (RunState::Pruned, end.step, Some(end.cause.as_str()), Some(end.seconds)),
            Event::Diverged(end) => {
                (RunState::Diverged, end.step, Some(end.cause.as_str()), Some(end.seconds))
            }
            Event::Failed(end) => (RunState::Failed, end.step, Some(end.cause.as_str()), None),
            Event::TimedOut(end) => (RunState::Failed, end.step, Some(end.cause.as_str()), Some(end.seconds)),
            Event::Started(_)
            | Event::Points(_)
            | Event::Samples(_)
            | Event::Evaluated(_)
            | Event::Checkpoint(_) => return None,
        };
        Some(Self { state, step, cause, seconds })
    }
}

/// Whether a new attempt starts at the end of a completed run, to train it further.
fn goes_on_from(run: &RunCursor, event: &Event) -> bool {
    match event {
        _ if run.state == RunState::Diverged => false,
        Event::Started(started) => started.from_step() >= run.step.cast_unsigned(),
        _ => false,
    }
}
