//! Facts about the machine, and its clock.

use std::fs;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The machine's network name.
pub fn name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The operating system and its version: `Linux 6.1.0 x86_64`.
pub fn system() -> String {
    let uname = rustix::system::uname();
    let words = [uname.sysname(), uname.release(), uname.machine()];
    words.map(|word| word.to_string_lossy().into_owned()).join(" ")
}

/// The processor's model, or its architecture if the model is not known.
pub fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    model.map_or(std::env::consts::ARCH, |(_, name)| name.trim()).to_owned()
}

/// The number of hardware threads that this process may use. An affinity mask or a control group may make
/// it smaller than the machine's.
pub fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// The size of main memory in bytes; `None` on systems other than Linux.
pub fn memory_bytes() -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        let system = rustix::system::sysinfo();
        #[expect(clippy::useless_conversion, reason = "the field is as wide as the machine's words")]
        Some(u64::from(system.totalram) * u64::from(system.mem_unit))
    }
    #[cfg(not(target_os = "linux"))]
    None
}

/// Milliseconds since 1970-01-01T00:00:00Z; 0 if the clock is set to an earlier time.
pub fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Milliseconds since 1970 as `2026-11-26T02:37:54Z`. Times before 1970 or after 9999, which only a damaged
/// file can have, are clamped.
pub fn utc(unix_ms: i64) -> String {
    const LAST: u64 = 253_402_300_799;
    let seconds = u64::try_from(unix_ms.div_euclid(1000)).unwrap_or(0).min(LAST);
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_as_utc() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(951_782_400_000), "2000-02-29T00:00:00Z");
        assert_eq!(utc(1_767_225_599_999), "2025-12-31T23:59:59Z");
        assert_eq!(utc(4_107_542_400_000), "2100-03-01T00:00:00Z");
        assert_eq!(utc(-1), "1970-01-01T00:00:00Z");
        assert_eq!(utc(i64::MAX), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn the_host_has_a_name_a_processor_and_a_time() {
        assert!(system().ends_with(std::env::consts::ARCH), "{}", system());
        assert!(!name().is_empty() && !processor().is_empty() && threads() > 0);
        assert!(unix_ms() > 1_700_000_000_000);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_memory_is_what_the_kernel_lists() {
        let list = fs::read_to_string("/proc/meminfo").unwrap();
        let total = list.lines().next().and_then(|line| line.split_whitespace().nth(1)).unwrap();
        assert_eq!(memory_bytes(), Some(total.parse::<u64>().unwrap() << 10));
    }
}
