//! Names of an axis' values, for lists that are too long to be read in labels.

use crate::Value;

/// Names of an axis' values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ValueNames {
    /// Values with their names; all others have none.
    Given(Vec<(Value, String)>),
    /// The values are texts that are their own names. There may be thousands of them, and looking each up would take long.
    Themselves(Vec<String>),
}

impl Default for ValueNames {
    fn default() -> Self {
        Self::Given(Vec::new())
    }
}

impl ValueNames {
    /// Names that the experiment file gives, in the order of the values.
    pub(crate) fn given(values: &[Value], names: impl IntoIterator<Item = String>) -> Self {
        Self::Given(values.iter().cloned().zip(names).collect())
    }

    /// `list-1`, `list-2`, ... for lists of layers, by their places in the experiment file. Other values are short.
    pub(crate) fn by_place(values: &[Value]) -> Self {
        let are_layers = |(_, value): &(usize, &Value)| matches!(value, Value::Layers(_));
        let name = |(place, value): (usize, &Value)| (value.clone(), format!("list-{}", place + 1));
        Self::Given(values.iter().enumerate().filter(are_layers).map(name).collect())
    }

    /// The name of a value; `None` if it is written out. Of equal values, all have the name of the first.
    pub(crate) fn of<'n>(&'n self, value: &'n Value) -> Option<&'n str> {
        match self {
            Self::Given(names) => {
                names.iter().find(|(named, _)| named == value).map(|(_, name)| name.as_str())
            }
            Self::Themselves(_) => value.as_text(),
        }
    }

    /// The value of that name, in any case of letters.
    pub(crate) fn value(&self, name: &str) -> Option<Value> {
        match self {
            Self::Given(names) => names
                .iter()
                .find(|(_, known)| known.eq_ignore_ascii_case(name))
                .map(|(value, _)| value.clone()),
            Self::Themselves(names) => {
                names.iter().find(|known| known.eq_ignore_ascii_case(name)).cloned().map(Value::Text)
            }
        }
    }

    pub(crate) fn all(&self) -> Vec<&str> {
        match self {
            Self::Given(names) => names.iter().map(|(_, name)| name.as_str()).collect(),
            Self::Themselves(names) => names.iter().map(String::as_str).collect(),
        }
    }

    /// The value as the runs of a sweep record it: its name, if it has one.
    pub(crate) fn recorded(&self, value: &Value) -> serde_json::Value {
        self.of(value).map_or_else(|| value.to_json(), Into::into)
    }
}

/// The longest name of a value, in characters.
const MAX_VALUE_NAME: usize = 40;

/// What is accepted as the name of a value, for messages.
pub(crate) fn expected_name() -> String {
    format!(
        "a name: a letter, then letters, digits, `-`, `_` or `.`, at most {MAX_VALUE_NAME} in all, and not `none`, \
         `true`, `false`, `yes`, `no` or a number"
    )
}

/// Whether a text may be the name of a value. A condition such as `layers=deep` must be able to hold it, so it has no spaces and
/// no signs of comparison; `none` is what the report calls a key without effect.
pub(crate) fn is_value_name(text: &str) -> bool {
    let begins_well = text.starts_with(|first: char| first.is_ascii_alphabetic());
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_number = text.parse::<f64>().is_ok();
    let is_taken = ["none", "true", "false", "yes", "no"].iter().any(|word| text.eq_ignore_ascii_case(word));
    begins_well && text.chars().all(is_allowed) && text.len() <= MAX_VALUE_NAME && !is_number && !is_taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NetworkLayer;

    #[test]
    fn names_are_words_that_a_condition_can_hold() {
        for name in ["a", "deep", "wide-2", "x8.b", "Two_Blocks", "list-1", "infinite"] {
            assert!(is_value_name(name), "{name}");
        }
        let long = "a".repeat(MAX_VALUE_NAME + 1);
        for name in
            ["", "2x", "-a", "a b", "a,b", "a=b", "a<b", "é", "inf", "NaN", "none", "True", "no", &long]
        {
            assert!(!is_value_name(name), "{name}");
        }
    }

    #[test]
    fn lists_of_layers_are_called_by_their_places_and_other_values_by_nothing() {
        let list = |width| Value::Layers(vec![NetworkLayer::Linear { outputs: width, bias: true }]);
        let names = ValueNames::by_place(&[list(3), list(5), list(3)]);
        assert_eq!(
            (names.of(&list(3)), names.of(&list(5)), names.of(&list(7))),
            (Some("list-1"), Some("list-2"), None)
        );
        assert_eq!((names.value("LIST-2"), names.value("list-4")), (Some(list(5)), None));
        assert_eq!(ValueNames::by_place(&[Value::Width(3), Value::Number(1.0)]), ValueNames::default());
    }
}
