//! What to write in place of what is no TOML, where other languages write it so.

/// What is expected at an offset of a line that is no TOML, if what is there is known from elsewhere.
pub(crate) fn syntax_hint(line: &str, offset: usize) -> Option<String> {
    let (before, after) = line.split_at_checked(offset)?;
    if line.trim_start().starts_with('{') {
        return Some("TOML and not JSON: `recipe = \"fast\"`".to_owned());
    }
    if !line.contains('=') {
        return hint_of_colon(line);
    }
    if line.contains(['\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}']) {
        return Some("straight quotes, `\"`".to_owned());
    }
    if !before.contains('=') {
        return None;
    }
    if before.rsplit('"').next().is_some_and(|text| text.len() < before.len() && text.contains('\\')) {
        return Some("a path with backslashes in single quotes: `'C:\\images'`".to_owned());
    }
    if before.contains('{') && after.split(['}', ',']).next().is_some_and(|rest| rest.contains('=')) {
        return Some("commas between the keys of a table: `{ a = 1, b = 2 }`".to_owned());
    }
    let start = before.rfind(['=', '[', ',', '{']).map_or(0, |at| at + 1);
    let end = offset + after.find([',', ']', '}', '#']).unwrap_or(after.len());
    hint_of_value(line[start..end].trim())
}

/// YAML's `key: value`.
fn hint_of_colon(line: &str) -> Option<String> {
    let (key, value) = line.split_once(':')?;
    let (key, value) = (key.trim(), value.trim());
    let is_key = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "_.-".contains(c));
    is_key.then(|| match value {
        "" => format!("a table: `[{key}]`"),
        value => format!("`{key} = {value}`, with quotes around a text"),
    })
}

fn hint_of_value(value: &str) -> Option<String> {
    if let Some(value) = value.strip_suffix(';') {
        return Some(format!("`{}` without `;`", value.trim_end()));
    }
    match value.to_ascii_lowercase().as_str() {
        "true" | "false" | "yes" | "no" | "on" | "off" => return Some("`true` or `false`".to_owned()),
        "none" | "null" | "nil" => return Some("no key at all where there is no value".to_owned()),
        _ => {}
    }
    if let Ok(integer) = value.parse::<i64>() {
        return Some(format!("`{integer}`"));
    }
    if let Ok(number) = value.parse::<f64>() {
        return Some(format!("digits on both sides of the point: `{number:?}`"));
    }
    let parts: Vec<&str> = value.split_whitespace().collect();
    let is_value = |part: &&str| part.parse::<f64>().is_ok() || part.starts_with(['"', '\'']);
    if parts.len() > 1 && parts.iter().all(is_value) {
        return Some(format!("commas between values: `{}`", parts.join(", ")));
    }
    let is_word = value.starts_with(char::is_alphabetic) && !value.contains(['"', '\'', '(']);
    is_word.then(|| format!("a text in quotes: `\"{value}\"`"))
}
