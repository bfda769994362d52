//! The end of a text of any length, in bounded memory.

use std::collections::VecDeque;

/// Bytes kept.
const MOST_BYTES: usize = 4096;
/// Lines told.
const MOST_LINES: usize = 12;

/// The last lines of what has been pushed.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    bytes: VecDeque<u8>,
    cut: bool,
}

impl Tail {
    /// Takes more text; forgets the oldest beyond the bound.
    pub(crate) fn push(&mut self, more: &[u8]) {
        self.bytes.extend(more);
        if let Some(excess) = self.bytes.len().checked_sub(MOST_BYTES).filter(|&n| n > 0) {
            self.bytes.drain(..excess);
            self.cut = true;
        }
    }

    /// The last lines that are not blank, separated by line feeds; without a line whose beginning is
    /// forgotten, and with one for several in a row that are equal.
    pub(crate) fn text(&self) -> String {
        let bytes: Vec<u8> = self.bytes.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        let whole = match text.split_once('\n') {
            Some((_partial, rest)) if self.cut => rest,
            _ => &text,
        };
        let mut lines: Vec<&str> = whole.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
        lines.dedup();
        lines[lines.len().saturating_sub(MOST_LINES)..].join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_texts_are_kept_whole_but_for_blank_lines() {
        let mut tail = Tail::default();
        tail.push(b"one\n\n");
        tail.push(b"two  \n");
        assert_eq!(tail.text(), "one\ntwo");
    }

    #[test]
    fn what_a_library_repeats_is_told_once() {
        let mut tail = Tail::default();
        tail.push(b"no display\nno display\nno display\nthe device is lost\n");
        assert_eq!(tail.text(), "no display\nthe device is lost");
    }

    #[test]
    fn of_a_flood_the_last_lines_stay_and_memory_is_bounded() {
        let mut tail = Tail::default();
        for line in 0..100_000 {
            tail.push(format!("line {line}\n").as_bytes());
        }
        assert_eq!(tail.bytes.len(), MOST_BYTES);
        assert_eq!(tail.text().lines().count(), MOST_LINES);
        assert_eq!(tail.text().lines().last(), Some("line 99999"));
    }

    #[test]
    fn one_endless_line_and_broken_utf8_do_no_harm() {
        let mut tail = Tail::default();
        tail.push(&vec![0xff; 3 * MOST_BYTES]);
        assert_eq!(tail.text().chars().count(), MOST_BYTES);
    }
}
