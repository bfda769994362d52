//! Text from outside (names, descriptions, cells of the database, file names) made safe for a terminal.
//!
//! Control characters could move the cursor, change the terminal's settings or have it type answers. They
//! become escapes as in Rust source: `\n`, `\u{1b}`.

use std::borrow::Cow;
use std::fmt::Write as _;

/// One line of text: line feeds and tabs are escaped too.
pub fn line(text: &str) -> Cow<'_, str> {
    escape(text, &|_| false)
}

/// Text of several lines: line feeds and tabs stay.
pub fn lines(text: &str) -> Cow<'_, str> {
    escape(text, &|c| matches!(c, '\n' | '\t'))
}

fn escape<'a>(text: &'a str, allowed: &dyn Fn(char) -> bool) -> Cow<'a, str> {
    let keeps = |c: char| !is_unsafe(c) || allowed(c);
    if text.chars().all(keeps) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            c if keeps(c) => escaped.push(c),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            // Writing to a `String` cannot fail.
            c => drop(write!(escaped, "\\u{{{:x}}}", u32::from(c))),
        }
    }
    Cow::Owned(escaped)
}

/// Control characters (C0, DEL, C1), line and paragraph separators, and the controls of bidirectional text,
/// which let a line show something else than it says.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn control_characters_are_escaped_and_other_text_is_not_touched() {
        assert_eq!(line("lr=1e-4 größer 漢字 🙂"), "lr=1e-4 größer 漢字 🙂");
        assert_eq!(line("a\x1b[31mb\nc\td\r\0"), "a\\u{1b}[31mb\\nc\\td\\r\\u{0}");
        assert_eq!(line("\u{9b}2J \u{202e}txt \u{7f}"), "\\u{9b}2J \\u{202e}txt \\u{7f}");
        assert_eq!(lines("two\n\tlines\x07"), "two\n\tlines\\u{7}");
    }

    proptest! {
        #[test]
        fn nothing_unsafe_is_left(text in any::<String>(), control in "[\\x00-\\x1f\\x7f-\u{9f}]{0,4}") {
            let text = format!("{text}{control}{text}");
            prop_assert!(!line(&text).chars().any(is_unsafe));
            prop_assert!(!lines(&text).chars().any(|c| is_unsafe(c) && !matches!(c, '\n' | '\t')));
        }
    }
}
