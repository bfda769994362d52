//! Checks that a filter of the user is a single SQL expression.
//!
//! The filter is put into parentheses, on lines of its own, inside of a statement of this crate. Text like
//! `0) OR (1` would close those parentheses and change the meaning of the rest.

/// Says why a text, put into parentheses, would not be one expression of its own: unbalanced parentheses, an
/// unfinished string or comment, several statements, or a parameter, which would take its value from the
/// surrounding statement. SQLite finds all other errors.
pub(super) fn check(filter: &str) -> Result<(), String> {
    let mut depth = 0_usize;
    let mut characters = filter.chars().peekable();
    let mut previous = ' ';
    while let Some(c) = characters.next() {
        match (c, characters.peek()) {
            ('\'' | '"' | '`' | '[', _) => {
                let end = if c == '[' { ']' } else { c };
                // A doubled quote inside of a string ends one string and starts the next: no difference here.
                if !characters.any(|inner| inner == end) {
                    return Err(format!("the text that begins with {c} has no end"));
                }
            }
            ('-', Some('-')) => drop(characters.find(|&inner| inner == '\n')),
            ('/', Some('*')) => skip_comment(&mut characters)?,
            ('(', _) => depth += 1,
            (')', _) => {
                depth = depth.checked_sub(1).ok_or("it closes a parenthesis that it has not opened")?;
            }
            (';', _) => return Err("it has more than one statement".to_owned()),
            ('?' | ':' | '@' | '#', _) => return Err(format!("it has a parameter ({c})")),
            ('$', _) if !is_identifier(previous) => return Err("it has a parameter ($)".to_owned()),
            _ => {}
        }
        previous = c;
    }
    match depth {
        0 => Ok(()),
        _ => Err("it opens a parenthesis that it does not close".to_owned()),
    }
}

/// Skips the rest of a comment that has begun with `/` before a `*`. SQLite would let it run on to the end of
/// the whole statement.
fn skip_comment(characters: &mut impl Iterator<Item = char>) -> Result<(), String> {
    let (mut before, mut length) = (' ', 0);
    for c in characters {
        // The star that opens the comment does not close it: `/*/`.
        if before == '*' && c == '/' && length > 1 {
            return Ok(());
        }
        (before, length) = (c, length + 1);
    }
    Err("its comment has no end".to_owned())
}

fn is_identifier(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_expression_passes() {
        for filter in [
            "state = 'failed'",
            "label LIKE '%) OR (%' AND (seed > 1 OR seed = 0)",
            "\"state\" = 'it''s; -- /* ?'",
            "[state] = `state` AND 3 - 2 > 0",
            "seed IN (SELECT 1 UNION SELECT 2)",
            "seed = 1 -- ) the first",
            "seed /* ) */ = 1 /*/ ) */",
        ] {
            assert_eq!(check(filter), Ok(()), "{filter}");
        }
    }

    #[test]
    fn what_would_leave_its_parentheses_is_refused() {
        for filter in [
            "0) OR (1",
            "1) --",
            "1) -- (",
            "1 /* ",
            "1 /*/",
            "(1",
            "1; SELECT 1",
            "'open",
            "\"open",
            "[open",
            "sweep = ?1",
            "sweep = :name OR 1",
            "seed = $1",
        ] {
            assert!(check(filter).is_err(), "{filter}");
        }
    }
}
