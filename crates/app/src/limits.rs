//! Comparison of a sweep's workers with the system's limits, before anything is started.

use gansweep_base::limits;

use crate::AppError;

/// Open files of the runner for each worker: the pipes to its input, output and messages.
const FILES_A_WORKER: u64 = 3;
/// Open files that the runner needs besides: the database, files that it reads, a worker that is being started.
const SPARE_FILES: u64 = 24;
/// Threads for each worker besides those that compute: three of the runner, three of the worker.
const THREADS_A_WORKER: u64 = 6;

/// Checks that the system's limits allow `workers` workers with `threads` threads each.
///
/// # Errors
/// [`AppError::TooManyWorkers`] with the number that can.
pub(crate) fn check(workers: usize, threads: u32) -> Result<(), AppError> {
    // The needs are estimates with something to spare, and there is nothing less than one worker.
    if workers <= 1 {
        return Ok(());
    }
    let workers = workers as u64;
    let open = limits::open_files() + SPARE_FILES;
    let files = open + FILES_A_WORKER * workers;
    if let Some(limit) = limits::raise_open_files(files).filter(|limit| *limit < files) {
        let most = limit.saturating_sub(open) / FILES_A_WORKER;
        return Err(too_many(workers, files, limit, "open files", "-n", most));
    }
    let a_worker = THREADS_A_WORKER + u64::from(threads);
    if let Some(left) = limits::threads_left().filter(|left| *left < a_worker * workers) {
        return Err(too_many(
            workers,
            a_worker * workers,
            left,
            "further processes and threads",
            "-u",
            left / a_worker,
        ));
    }
    Ok(())
}

fn too_many(
    workers: u64,
    needed: u64,
    limit: u64,
    resource: &'static str,
    option: &'static str,
    most: u64,
) -> AppError {
    AppError::TooManyWorkers { workers, needed, limit, resource, option, most: most.max(1) }
}
