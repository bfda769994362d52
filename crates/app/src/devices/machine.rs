//! What the machine says of itself without asking a driver.

use std::fs;

/// The processor's name and threads.
pub(super) fn processor() -> String {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or(std::env::consts::ARCH, |(_, name)| name.trim());
    format!("{model}, {threads} threads")
}

/// Bytes of main memory.
pub(super) fn memory_bytes() -> Option<u64> {
    let info = fs::read_to_string("/proc/meminfo").ok()?;
    let kibibytes =
        info.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB"))?;
    kibibytes.trim().parse::<u64>().ok().map(|number| number << 10)
}

/// Name and bytes of memory of each NVIDIA card, from the tool that comes with its driver.
#[cfg(feature = "tensor")]
pub(super) fn nvidia_cards() -> Vec<(String, Option<u64>)> {
    use std::process::Command;
    use std::time::Duration;

    use super::child::output_within;

    let mut query = Command::new("nvidia-smi");
    query.args(["--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]);
    output_within(query, Duration::from_secs(10)).map(|text| cards(&text)).unwrap_or_default()
}

#[cfg(feature = "tensor")]
fn cards(text: &str) -> Vec<(String, Option<u64>)> {
    let card = |line: &str| {
        let (name, mebibytes) = line.rsplit_once(',')?;
        Some((name.trim().to_owned(), mebibytes.trim().parse::<u64>().ok().map(|number| number << 20)))
    };
    text.lines().filter_map(card).collect()
}

#[cfg(all(test, feature = "tensor"))]
mod tests {
    use super::*;

    #[test]
    fn the_cards_of_a_driver_are_read_line_by_line() {
        let text = "NVIDIA H200, 143771\nTesla, the second, [N/A]\n\n";
        let expected =
            [("NVIDIA H200".to_owned(), Some(143_771 << 20)), ("Tesla, the second".to_owned(), None)];
        assert_eq!(cards(text), expected);
    }
}
