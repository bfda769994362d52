//! Reconstructs which attempts were trained as one group.

use std::collections::BTreeSet;

use crate::input::{AttemptInput, RunInput};

/// The groups of a sweep, numbered by start time.
#[derive(Debug, Default)]
pub(super) struct Groups<'a>(Vec<Start<'a>>);

/// Start of a group. A worker process trains one group; with `--in-process` one process trains all groups
/// in turn, so a process id alone does not identify a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Start<'a> {
    began_unix_ms: i64,
    worker: (&'a str, u32),
}

impl<'a> Groups<'a> {
    /// Collects the groups from all attempts of a sweep.
    pub(super) fn of(runs: &'a [RunInput]) -> Self {
        let mut starts: Vec<Start> = Vec::new();
        let mut attempts: Vec<_> = runs.iter().flat_map(|run| &run.attempts).collect();
        attempts.sort_by_key(|attempt| attempt.began_unix_ms);
        let mut known = BTreeSet::new();
        for attempt in attempts {
            let Some(worker) = worker(attempt) else { continue };
            // Lane 0 may be missing: its run may not belong to this sweep. Then the worker's first
            // known lane starts the group.
            if known.insert(worker) || attempt.lane.is_some_and(|(lane, _)| lane == 0) {
                starts.push(Start { began_unix_ms: attempt.began_unix_ms, worker });
            }
        }
        starts.sort_unstable();
        starts.dedup();
        Self(starts)
    }

    /// Text for an attempt's group and lane: `group 2, lane 3 of 8`, or `alone`; empty if unknown.
    pub(super) fn place(&self, attempt: &AttemptInput) -> String {
        let Some((lane, lanes)) = attempt.lane else { return String::new() };
        if lanes <= 1 {
            return "alone".to_owned();
        }
        let lane = format!("lane {} of {lanes}", lane + 1);
        let is_its = |start: &Start| {
            Some(start.worker) == worker(attempt) && start.began_unix_ms <= attempt.began_unix_ms
        };
        match self.0.iter().rposition(is_its) {
            Some(index) => format!("group {}, {lane}", index + 1),
            None => lane,
        }
    }
}

fn worker(attempt: &AttemptInput) -> Option<(&str, u32)> {
    attempt.worker.as_ref().map(|(host, pid)| (host.as_str(), *pid))
}

#[cfg(test)]
mod tests {
    use gansweep_config::RunState;

    use super::*;
    use crate::analyse::configs::tests::run;

    /// Process id, start time, and (lane, lanes) of an attempt.
    type Try = (u32, i64, Option<(u32, u32)>);

    fn run_tried_as((pid, began_unix_ms, lane): Try) -> RunInput {
        let attempt = AttemptInput {
            attempt: 1,
            device: "vulkan:0".to_owned(),
            backend: None,
            lane,
            worker: lane.map(|_| ("host".to_owned(), pid)),
            state: RunState::Completed,
            cause: None,
            began_unix_ms,
            ended_unix_ms: None,
        };
        RunInput { attempts: vec![attempt], ..run(serde_json::json!({})) }
    }

    fn places(attempts: &[Try]) -> Vec<String> {
        let runs: Vec<_> = attempts.iter().copied().map(run_tried_as).collect();
        let groups = Groups::of(&runs);
        runs.iter().map(|run| groups.place(&run.attempts[0])).collect()
    }

    #[test]
    fn lanes_of_a_worker_are_a_group_and_groups_are_numbered_as_they_began() {
        let found = places(&[
            (9, 200, Some((0, 2))),
            (5, 100, Some((1, 3))),
            (9, 201, Some((1, 2))),
            (5, 100, Some((0, 3))),
            (5, 101, Some((2, 3))),
            (7, 300, Some((0, 1))),
            (8, 400, None),
        ]);
        let expected = [
            "group 2, lane 1 of 2",
            "group 1, lane 2 of 3",
            "group 2, lane 2 of 2",
            "group 1, lane 1 of 3",
            "group 1, lane 3 of 3",
            "alone",
            "",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn one_process_that_trains_several_groups_trains_several_groups() {
        let found =
            places(&[(5, 1, Some((0, 2))), (5, 2, Some((1, 2))), (5, 3, Some((0, 2))), (5, 3, Some((1, 2)))]);
        assert_eq!(
            found,
            ["group 1, lane 1 of 2", "group 1, lane 2 of 2", "group 2, lane 1 of 2", "group 2, lane 2 of 2"]
        );
    }
}
