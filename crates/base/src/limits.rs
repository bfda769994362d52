//! What the system lets this process and this user have.

use std::fs;
use std::os::unix::fs::MetadataExt;

use rustix::process::{Resource, Rlimit, getrlimit, getuid, setrlimit};

/// Raises the limit on open files towards `needed`, as far as the system lets every process do so, and returns the
/// limit; `None` if there is none.
pub fn raise_open_files(needed: u64) -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let current = limit.current?;
    if current >= needed {
        return Some(current);
    }
    let raised = limit.maximum.map_or(needed, |maximum| maximum.min(needed));
    match setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum: limit.maximum }) {
        Ok(()) => Some(raised.max(current)),
        Err(_) => Some(current),
    }
}

/// Number of files that this process has open.
pub fn open_files() -> u64 {
    fs::read_dir("/proc/self/fd").map_or(8, |entries| entries.count() as u64)
}

/// How many more processes and threads this user may start; `None` without a limit. The superuser has none.
pub fn threads_left() -> Option<u64> {
    if getuid().is_root() {
        return None;
    }
    Some(getrlimit(Resource::Nproc).current?.saturating_sub(threads_of_user()))
}

/// Threads of all processes of this user; 0 where the system does not tell.
fn threads_of_user() -> u64 {
    let user = getuid().as_raw();
    let Ok(processes) = fs::read_dir("/proc") else { return 0 };
    let threads = |status: String| {
        status.lines().find_map(|line| line.strip_prefix("Threads:")?.trim().parse::<u64>().ok())
    };
    processes
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit))
        .filter(|entry| entry.metadata().is_ok_and(|metadata| metadata.uid() == user))
        // A process may have ended meanwhile.
        .filter_map(|entry| fs::read_to_string(entry.path().join("status")).ok())
        .filter_map(threads)
        .sum::<u64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_suffices_stays_and_none_is_lowered() {
        let before = getrlimit(Resource::Nofile).current;
        assert_eq!(raise_open_files(1), before);
        assert_eq!(getrlimit(Resource::Nofile).current, before);
        let open = open_files();
        let _file = fs::File::open("/dev/null").unwrap();
        assert!(open >= 3 && open_files() >= open);
    }

    #[test]
    fn this_process_counts_among_those_of_the_user() {
        if fs::exists("/proc/self/status").unwrap() {
            assert!(threads_of_user() >= 1);
        }
    }
}
