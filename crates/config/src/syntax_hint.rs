//! What to write in place of what is no TOML, where other languages write it so.

/// What is expected at an offset of a text that is no TOML, if what is there is known from elsewhere. `line` is the line of
/// the offset, which is in it; `is_first` says that nothing but space is before it.
pub(crate) fn syntax_hint(line: &str, offset: usize, is_first: bool) -> Option<String> {
    let (before, after) = line.split_at_checked(offset)?;
    if is_first && line.trim_start().starts_with('{') {
        return Some("TOML and not JSON: `recipe = \"fast\"`".to_owned());
    }
    if !line.contains('=') {
        return hint_of_colon(line);
    }
    // In keys and comments nothing is known.
    if !before.contains('=') || before.contains('#') {
        return None;
    }
    if before.rsplit('"').next().is_some_and(|text| text.len() < before.len() && text.contains('\\')) {
        return Some("a string with backslashes in single quotes, such as `'C:\\images'`".to_owned());
    }
    let depth = |open: char, close: char| {
        let count = |wanted: char| before.matches(wanted).count();
        count(open) > count(close)
    };
    let (is_in_list, is_in_table) = (depth('[', ']'), depth('{', '}'));
    let end = after.find([',', ']', '}', '#']).unwrap_or(after.len());
    let start = before.rfind(['=', '[', ',', '{']).map_or(0, |at| at + 1);
    let value = line[start..offset + end].trim();
    // `1,000` and `0,5` have their other half behind the comma.
    let is_followed = !is_in_list && !is_in_table && after[end..].starts_with(',');
    if value.is_empty() || is_followed || before[start..].trim_end().ends_with('"') {
        return None;
    }
    if is_in_table && value.contains('=') {
        return Some("commas between the keys of a table: `{ a = 1, b = 2 }`".to_owned());
    }
    hint_of_value(value, is_in_list)
}

/// YAML's `key: value`.
fn hint_of_colon(line: &str) -> Option<String> {
    let (key, value) = line.split_once(':')?;
    let (key, value) = (key.trim(), value.trim());
    let is_key = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "_.-".contains(c));
    is_key.then(|| match value {
        "" => format!("a table: `[{key}]`"),
        value => format!("`{key} = {value}`, with quotes around a string"),
    })
}

fn hint_of_value(value: &str, is_in_list: bool) -> Option<String> {
    let parts: Vec<&str> = value.split_whitespace().collect();
    if let [single] = parts[..] {
        return hint_of_word(single);
    }
    let is_value = |part: &&str| part.parse::<f64>().is_ok_and(f64::is_finite) || is_quoted(part);
    (is_in_list && parts.iter().all(is_value))
        .then(|| format!("commas between values: `{}`", parts.join(", ")))
}

fn is_quoted(part: &str) -> bool {
    ['"', '\''].iter().any(|quote| part.len() > 1 && part.starts_with(*quote) && part.ends_with(*quote))
}

fn hint_of_word(word: &str) -> Option<String> {
    if word.contains(['\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}']) {
        return Some("straight quotes, `\"`".to_owned());
    }
    if let Some(word) = word.strip_suffix(';') {
        return word.parse::<f64>().is_ok().then(|| "no `;` at the end of a line".to_owned());
    }
    match word.to_ascii_lowercase().as_str() {
        "true" | "false" | "yes" | "no" | "on" | "off" => return Some("`true` or `false`".to_owned()),
        "none" => return Some("`\"none\"` in quotes, or no key at all where there is no value".to_owned()),
        "null" | "nil" => return Some("no key at all where there is no value".to_owned()),
        _ => {}
    }
    let digits = word.trim_start_matches(['+', '-']);
    let sign = if word.starts_with('-') { "-" } else { "" };
    if let Ok(number) = digits.parse::<f64>() {
        if !number.is_finite() {
            return None;
        }
        if digits.len() > 1
            && digits.starts_with('0')
            && let Ok(integer) = digits.parse::<u64>()
        {
            return Some(format!("no leading zeros: `{sign}{integer}`"));
        }
        let whole = match (digits.strip_prefix('.'), digits.strip_suffix('.')) {
            (Some(after), _) => format!("0.{after}"),
            (_, Some(before)) => format!("{before}.0"),
            _ => return None,
        };
        return Some(format!("digits on both sides of the point: `{sign}{whole}`"));
    }
    if word.contains('\\') {
        return Some(format!("a string in single quotes: `'{word}'`"));
    }
    let is_word =
        word.starts_with(char::is_alphabetic) && !word.contains(['"', '\'', '(', '=', ';', '[', ':']);
    is_word.then(|| format!("a string in quotes: `\"{word}\"`"))
}
