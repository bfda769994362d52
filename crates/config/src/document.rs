//! Documents: TOML texts, and the places in them.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::syntax_hint::syntax_hint;
use crate::{Fault, Faults, Layer, Place, Problem};

/// The longest experiment file. A wrong path may lead to something much longer.
const MAX_BYTES: u64 = 1 << 20;
/// The longest excerpt in a message, in characters.
const MAX_EXCERPT: usize = 40;

/// A TOML text with its origin.
#[derive(Debug, Clone)]
pub(crate) struct Document<'t> {
    pub(crate) text: &'t str,
    pub(crate) origin: Origin,
    /// The offsets at which lines end. Counting them anew for every place would make long files slow.
    line_ends: Vec<usize>,
}

/// Where a document comes from.
#[derive(Debug, Clone)]
pub(crate) enum Origin {
    /// A file; places are its lines.
    File(PathBuf),
    /// A single value, such as that of a variable; all of it is one place.
    Value(Place),
}

impl<'t> Document<'t> {
    pub(crate) fn of_file(path: &Path, text: &'t str) -> Self {
        let line_ends =
            text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect();
        Self { text, origin: Origin::File(path.to_owned()), line_ends }
    }

    pub(crate) fn of_value(place: Place, text: &'t str) -> Self {
        Self { text, origin: Origin::Value(place), line_ends: Vec::new() }
    }

    /// The place of a part of the text.
    pub(crate) fn place(&self, span: &Range<usize>) -> Place {
        match &self.origin {
            Origin::File(path) => Place::Line(path.clone(), self.line(span.start)),
            Origin::Value(place) => place.clone(),
        }
    }

    /// The line of a byte offset, from 1.
    fn line(&self, offset: usize) -> usize {
        self.line_ends.partition_point(|&end| end < offset) + 1
    }

    /// The line of a byte offset, without its end.
    fn line_around(&self, offset: usize) -> Range<usize> {
        let line = self.line_ends.partition_point(|&end| end < offset);
        let start = line.checked_sub(1).map_or(0, |before| self.line_ends[before] + 1);
        start..self.line_ends.get(line).copied().unwrap_or(self.text.len())
    }

    /// Where an excerpt of a line begins that shows an offset in it.
    fn start_before(&self, offset: usize, line_start: usize) -> usize {
        let before = self.text.get(line_start..offset).unwrap_or_default();
        let far = before.char_indices().rev().nth(MAX_EXCERPT / 2).map_or(0, |(at, _)| at);
        if before.chars().count() < MAX_EXCERPT { line_start } else { line_start + far }
    }

    /// A part of the text, on one line and shortened for a message.
    pub(crate) fn excerpt(&self, span: &Range<usize>) -> String {
        let written = self.text.get(span.clone()).unwrap_or_default();
        let mut words = written.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some((end, _)) = words.char_indices().nth(MAX_EXCERPT) {
            words.truncate(end);
            words.push('…');
        }
        words
    }

    /// The type of a value, and the value as it was written: "a text `\"five\"`".
    pub(crate) fn describe(&self, value: &Spanned<DeValue<'_>>) -> String {
        let kind = match value.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        let excerpt = self.excerpt(&value.span());
        // The span of a table that has a header is the header.
        let needless = excerpt.is_empty() || (value.get_ref().is_table() && !excerpt.starts_with('{'));
        if needless { kind.to_owned() } else { format!("{kind} `{excerpt}`") }
    }

    /// Parses the text as a file; every error of syntax is a fault.
    pub(crate) fn parse(&self, layer: &Layer) -> Result<DeTable<'t>, Faults> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        let mut faults: Vec<Fault> = errors.iter().map(|error| self.syntax_fault(error, layer)).collect();
        faults.sort_by_key(|fault| fault.place.position());
        // Further errors on the same line are mostly consequences of the first.
        faults.dedup_by_key(|fault| fault.place.position().1);
        Faults::unless(faults, table.into_inner())
    }

    fn syntax_fault(&self, error: &toml::de::Error, layer: &Layer) -> Fault {
        let offset = error.span().map_or(0, |span| span.start);
        let place = match &self.origin {
            Origin::File(path) => {
                let line_start = self.line_around(offset).start;
                let column = self.text.get(line_start..offset).map_or(0, |before| before.chars().count()) + 1;
                Place::Column(path.clone(), self.line(offset), column)
            }
            Origin::Value(place) => place.clone(),
        };
        let line = self.line_around(offset);
        let written = self.excerpt(&(self.start_before(offset, line.start)..line.end));
        let fault = |message| Fault::new(place, Some(layer.clone()), "", Problem::Syntax(message));
        let is_first = self.text[..line.start].trim().is_empty();
        // The parser's own guess would lead elsewhere.
        if let Some(hint) = syntax_hint(&self.text[line.clone()], offset - line.start, is_first) {
            return fault(format!("`{written}`")).expected(hint);
        }
        let message = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
        fault(if written.is_empty() { message } else { format!("{message} in `{written}`") })
    }
}

/// Reads an experiment file of at most [`MAX_BYTES`].
pub(crate) fn read_text(path: &Path) -> Result<String, Faults> {
    let unreadable = |error: &io::Error| {
        let fault =
            Fault::new(Place::File(path.to_owned()), None, "", Problem::Unreadable(error.to_string()));
        Faults::from(fault.expected("a TOML file of at most 1 MiB in UTF-8"))
    };
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_string(&mut text));
    match read {
        Err(error) => Err(unreadable(&error)),
        Ok(length) if length as u64 > MAX_BYTES => Err(unreadable(&io::Error::other("it is too long"))),
        Ok(_) => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_lines_from_one() {
        let document = Document::of_file(Path::new("a.toml"), "a = 1\nb = 2\n");
        assert_eq!(document.place(&(0..1)).to_string(), "a.toml:1");
        assert_eq!(document.place(&(6..7)).to_string(), "a.toml:2");
        assert_eq!(document.place(&(999..1000)).to_string(), "a.toml:3");
    }

    #[test]
    fn excerpts_are_short_and_on_one_line() {
        let document = Document::of_file(Path::new("a.toml"), "[1,\n   2]");
        assert_eq!(document.excerpt(&(0..9)), "[1, 2]");
        let long = "é".repeat(100);
        let document = Document::of_file(Path::new("a.toml"), &long);
        assert_eq!(document.excerpt(&(0..long.len())).chars().count(), MAX_EXCERPT + 1);
    }

    #[test]
    fn a_file_that_is_too_long_is_not_read_to_its_end() {
        let fault = read_text(Path::new("/dev/zero")).unwrap_err();
        assert!(fault.to_string().contains("too long"), "{fault}");
    }
}
