//! NVIDIA's cards, from the tool that comes with their driver: libtorch tells how many there are, and no more.

use std::process::Command;
use std::time::Duration;

use super::child::output_within;

/// Name and bytes of memory of each card.
pub(super) fn nvidia_cards() -> Vec<(String, Option<u64>)> {
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
    fn the_cards_of_a_driver_are_read_line_by_line() {
        let text = "NVIDIA H200, 143771\nTesla, the second, [N/A]\n\n";
        let expected =
            [("NVIDIA H200".to_owned(), Some(143_771 << 20)), ("Tesla, the second".to_owned(), None)];
        assert_eq!(cards(text), expected);
    }
}
