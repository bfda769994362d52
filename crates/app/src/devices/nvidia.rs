//! Names and memory of NVIDIA GPUs, from `nvidia-smi`: libtorch only reports their number.

use std::process::Command;
use std::time::Duration;

use super::child::output_within;

/// Name and memory in bytes of each GPU; empty without `nvidia-smi`.
pub(super) fn nvidia_gpus() -> Vec<(String, Option<u64>)> {
    let mut query = Command::new("nvidia-smi");
    query.args(["--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]);
    output_within(query, Duration::from_secs(10)).map(|text| cards(&text)).unwrap_or_default()
}

fn cards(text: &str) -> Vec<(String, Option<u64>)> {
    let card = |line: &str| {
        let (name, mebibytes) = line.rsplit_once(',')?;
        Some((name.trim().to_owned(), mebibytes.trim().parse::<u64>().ok().map(|number| number << 20)))
    };
    text.lines().filter_map(card).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gpus_are_parsed_line_by_line() {
        let text = "NVIDIA H200, 143771\nTesla, the second, [N/A]\n\n";
        let expected =
            [("NVIDIA H200".to_owned(), Some(143_771 << 20)), ("Tesla, the second".to_owned(), None)];
        assert_eq!(cards(text), expected);
    }
}
