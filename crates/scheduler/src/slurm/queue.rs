//! What `squeue` says of jobs.

use std::collections::HashMap;

/// The columns that [`parse`] reads: job name, index in the array, state. Names and states have no `|`.
pub(super) const FORMAT: &str = "%j|%K|%T";

/// A task of an array: the array's job name, which is unique where job ids are not, and the index.
pub(super) type TaskName = (String, u32);

/// What the cluster says of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TaskState {
    /// It waits, for the first time or again, or is suspended.
    Waiting,
    Running,
    Ended(TaskEnd),
}

/// How a task ended, if its worker has not said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TaskEnd {
    /// It exited with success.
    Completed,
    /// It failed.
    Failed,
    /// A job of higher priority took its place, and it was not requeued.
    Preempted,
    /// Its node was lost.
    NodeLost,
    /// Its time limit was reached.
    TimeLimit,
    /// Somebody cancelled it.
    Cancelled,
    /// It needed more memory than it had asked for.
    OutOfMemory,
    /// The cluster has forgotten it.
    Forgotten,
}

/// The state of every task that `squeue` lists. Lines of other forms, such as those of jobs that are no arrays, are
/// ignored.
pub(super) fn parse(listing: &str) -> HashMap<TaskName, TaskState> {
    let line = |line: &str| {
        let mut parts = line.trim().split('|');
        let (name, index, state) = (parts.next()?, parts.next()?, parts.next()?);
        Some(((name.to_owned(), index.parse().ok()?), state_of(state)))
    };
    listing.lines().filter_map(line).collect()
}

fn state_of(name: &str) -> TaskState {
    match name {
        "RUNNING" | "COMPLETING" | "STAGE_OUT" | "SIGNALING" => TaskState::Running,
        "COMPLETED" => TaskState::Ended(TaskEnd::Completed),
        "FAILED" => TaskState::Ended(TaskEnd::Failed),
        "PREEMPTED" => TaskState::Ended(TaskEnd::Preempted),
        "NODE_FAIL" | "BOOT_FAIL" => TaskState::Ended(TaskEnd::NodeLost),
        "TIMEOUT" | "DEADLINE" => TaskState::Ended(TaskEnd::TimeLimit),
        "CANCELLED" | "REVOKED" => TaskState::Ended(TaskEnd::Cancelled),
        "OUT_OF_MEMORY" => TaskState::Ended(TaskEnd::OutOfMemory),
        // PENDING, CONFIGURING, REQUEUED, REQUEUE_HOLD, SUSPENDED, STOPPED, and whatever newer versions know.
        _ => TaskState::Waiting,
    }
}

/// The largest number of tasks of an array, in `scontrol show config`.
pub(super) fn max_array_size(config: &str) -> Option<usize> {
    let line = config.lines().find(|line| line.trim_start().starts_with("MaxArraySize"))?;
    line.split('=').nth(1)?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(name: &str, index: u32) -> TaskName {
        (name.to_owned(), index)
    }

    #[test]
    fn a_listing_is_read_by_task_and_strange_lines_are_ignored() {
        let listing = "gansweep-a1|0|RUNNING\ngansweep-a1|12|PENDING\nshell|N/A|RUNNING\n\nslurm_load_jobs: oops\n\
                       gansweep-b2|0|OUT_OF_MEMORY\n";
        let states = parse(listing);
        assert_eq!(states.len(), 3);
        assert_eq!(states[&task("gansweep-a1", 0)], TaskState::Running);
        assert_eq!(states[&task("gansweep-a1", 12)], TaskState::Waiting);
        assert_eq!(states[&task("gansweep-b2", 0)], TaskState::Ended(TaskEnd::OutOfMemory));
    }

    #[test]
    fn a_state_that_is_not_known_means_that_the_task_is_still_there() {
        for state in ["SUSPENDED", "REQUEUED", "REQUEUE_HOLD", "CONFIGURING", "POWERING_UP_NODE"] {
            assert_eq!(state_of(state), TaskState::Waiting, "{state}");
        }
        assert_eq!(state_of("NODE_FAIL"), TaskState::Ended(TaskEnd::NodeLost));
        assert_eq!(state_of("PREEMPTED"), TaskState::Ended(TaskEnd::Preempted));
        assert_eq!(state_of("CANCELLED"), TaskState::Ended(TaskEnd::Cancelled));
    }

    #[test]
    fn the_size_of_arrays_is_found_among_the_settings() {
        let config = "Configuration data as of 2026\nMaxArraySize            = 1001\nMaxJobCount = 10000\n";
        assert_eq!(max_array_size(config), Some(1001));
        assert_eq!(max_array_size("nothing"), None);
    }
}
