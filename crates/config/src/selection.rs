//! A selection of a plan's runs by the values of their keys, in the words of the report's filter.

use std::fmt;

use gansweep_base::spelling::nearest;

use crate::{AxisSummary, Plan, PlannedRun, label};

/// Conditions that a run must satisfy, all of them.
///
/// | condition | runs |
/// |---|---|
/// | `lr=1e-3` | with that value; numbers compare as numbers |
/// | `seed=1,2` | with one of the values |
/// | `lr!=1e-3` | with none of the values |
/// | `lr<1e-3`, `<=`, `>`, `>=` | with a number in that range |
///
/// A key is called by its full name, or by a part at its end or start that no other swept key has.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    conditions: Vec<Condition>,
}

/// A selection that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// Not of the form `KEY=VALUE`; the word.
    #[error("`{0}` is no condition; expected one such as `lr=1e-3`, `seed=1,2`, `lr!=1e-3` or `lr<=1e-3`")]
    NoCondition(String),
    /// The runs of the plan have no such key in their labels.
    #[error("the runs do not differ in a key `{key}`{}; they differ in {}", suggestion(.nearest.as_ref()), .known.join(", "))]
    UnknownKey {
        /// The name.
        key: String,
        /// The key that is spelt most alike.
        nearest: Option<String>,
        /// The keys, each by its short name.
        known: Vec<String>,
    },
    /// Several keys have that name.
    #[error("`{key}` may be {}", .names.join(" or "))]
    AmbiguousKey {
        /// The name.
        key: String,
        /// The keys' full names.
        names: Vec<String>,
    },
    /// A value that is no number, and the key.
    #[error("`{0}` is no number to compare `{1}` with")]
    NoNumber(String, String),
    /// A condition behind a comma, which separates the values of one: the word, and the same with spaces.
    #[error("`{0}`: a comma separates values of one condition, and a space separates conditions: `{1}`")]
    Comma(String, String),
    /// No run satisfies the conditions, or has the values in one of them: the conditions, and the values in the plan of the keys in them.
    #[error("no run of the plan satisfies {0}; there are {1}")]
    NoRun(String, String),
}

fn suggestion(nearest: Option<&String>) -> String {
    nearest.map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"))
}

#[derive(Debug, Clone, PartialEq)]
struct Condition {
    key: KeyName,
    operator: Operator,
    /// In lower case; truth values are `true` and `false`.
    values: Vec<String>,
    /// As it was written.
    text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct KeyName {
    full: String,
    short: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Is,
    IsNot,
    Less,
    AtMost,
    More,
    AtLeast,
}

/// The longer first: `<` is the beginning of `<=`.
const OPERATORS: [(&str, Operator); 6] = [
    ("<=", Operator::AtMost),
    (">=", Operator::AtLeast),
    ("!=", Operator::IsNot),
    ("=", Operator::Is),
    ("<", Operator::Less),
    (">", Operator::More),
];

const SEED: &str = "seed";

impl Selection {
    /// Reads conditions on the runs of a plan. Each text has one or several, between spaces.
    ///
    /// # Errors
    /// The first condition that means nothing in this plan or has a value of no run, or the conditions if no run satisfies all
    /// of them.
    pub fn new<T: AsRef<str>>(texts: &[T], plan: &Plan) -> Result<Self, SelectionError> {
        let words = texts.iter().flat_map(|text| text.as_ref().split_whitespace());
        let conditions = words.map(|word| Condition::new(word, &plan.axes)).collect::<Result<_, _>>()?;
        let selection = Self { conditions };
        for condition in &selection.conditions {
            condition.check_values(plan)?;
        }
        if plan.runs.iter().any(|run| selection.has(run)) {
            return Ok(selection);
        }
        Err(SelectionError::NoRun(selection.to_string(), selection.values_in(plan)))
    }

    /// Whether a run satisfies all conditions.
    pub fn has(&self, run: &PlannedRun) -> bool {
        self.conditions.iter().all(|condition| condition.holds(&value_of(run, &condition.key.full)))
    }

    /// `lr=2e-4,1e-3 seed=1,2`: the values that the conditions could have named.
    fn values_in(&self, plan: &Plan) -> String {
        let mut keys: Vec<&KeyName> = Vec::new();
        for Condition { key, .. } in &self.conditions {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        keys.into_iter().map(|key| key.with(&key.values_in(plan))).collect::<Vec<_>>().join(" ")
    }
}

impl KeyName {
    /// The values of the runs, in their order.
    fn values_in(&self, plan: &Plan) -> Vec<String> {
        let mut values: Vec<String> = Vec::new();
        for value in plan.runs.iter().map(|run| value_of(run, &self.full)) {
            if !values.contains(&value) {
                values.push(value);
            }
        }
        values
    }

    fn with(&self, values: &[String]) -> String {
        format!("{}={}", self.short, values.join(","))
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<&str> = self.conditions.iter().map(|condition| condition.text.as_str()).collect();
        f.write_str(&texts.join(" "))
    }
}

impl Condition {
    fn new(word: &str, axes: &[AxisSummary]) -> Result<Self, SelectionError> {
        let no_condition = || SelectionError::NoCondition(word.to_owned());
        let at = word.find(['<', '>', '=', '!']).ok_or_else(no_condition)?;
        let (key, rest) = word.split_at(at);
        let found = OPERATORS.iter().find_map(|(sign, operator)| Some((rest.strip_prefix(sign)?, *operator)));
        let (value, operator) = found.ok_or_else(no_condition)?;
        let values: Vec<String> = match operator {
            Operator::Is | Operator::IsNot => value.split(',').filter(|value| !value.is_empty()).collect(),
            _ => vec![value],
        }
        .into_iter()
        .map(str::to_lowercase)
        .collect();
        if key.is_empty() || value.is_empty() || values.is_empty() {
            return Err(no_condition());
        }
        let key = find_key(key, axes)?;
        let is_range = !matches!(operator, Operator::Is | Operator::IsNot);
        if is_range && number(value).is_none() {
            return Err(SelectionError::NoNumber(value.to_owned(), key.short));
        }
        Ok(Self { key, operator, values, text: word.to_owned() })
    }

    /// Refuses values that no run has: one of several would be left out without a word, and one behind `!=` would exclude
    /// nothing.
    fn check_values(&self, plan: &Plan) -> Result<(), SelectionError> {
        if !matches!(self.operator, Operator::Is | Operator::IsNot) {
            return Ok(());
        }
        let known = self.key.values_in(plan);
        let is_unknown = |wanted: &&String| !known.iter().any(|value| is_same(value, wanted));
        let unknown: Vec<String> = self.values.iter().filter(is_unknown).cloned().collect();
        if unknown.iter().any(|value| value.contains(['=', '<', '>'])) {
            return Err(SelectionError::Comma(self.text.clone(), with_spaces(&self.text)));
        }
        if unknown.is_empty() {
            return Ok(());
        }
        Err(SelectionError::NoRun(self.key.with(&unknown), self.key.with(&known)))
    }

    fn holds(&self, value: &str) -> bool {
        let is_one = || self.values.iter().any(|wanted| is_same(value, wanted));
        let compares = |holds: fn(f64, f64) -> bool| {
            number(value).zip(number(&self.values[0])).is_some_and(|(value, limit)| holds(value, limit))
        };
        match self.operator {
            Operator::Is => is_one(),
            Operator::IsNot => !is_one(),
            Operator::Less => compares(|value, limit| value < limit),
            Operator::AtMost => compares(|value, limit| value <= limit),
            Operator::More => compares(|value, limit| value > limit),
            Operator::AtLeast => compares(|value, limit| value >= limit),
        }
    }
}

/// The text with a space in place of each comma that a condition follows.
fn with_spaces(text: &str) -> String {
    let parts =
        text.split(',').enumerate().map(|(index, part)| match (index, part.contains(['=', '<', '>'])) {
            (0, _) => part.to_owned(),
            (_, true) => format!(" {part}"),
            (_, false) => format!(",{part}"),
        });
    parts.collect()
}

/// The key of that name, or the only one whose name ends or begins with it.
fn find_key(name: &str, axes: &[AxisSummary]) -> Result<KeyName, SelectionError> {
    let seed = KeyName { full: SEED.to_owned(), short: SEED.to_owned() };
    let swept = axes.iter().map(|axis| KeyName { full: axis.key.clone(), short: axis.short.clone() });
    let keys: Vec<KeyName> = swept.chain([seed]).collect();
    let wanted = name.to_lowercase();
    let end = format!(".{wanted}");
    let rules: [&dyn Fn(&str) -> bool; 3] =
        [&|name| name == wanted, &|name| name.ends_with(&end), &|name| name.starts_with(&wanted)];
    for rule in rules {
        let fits = |key: &&KeyName| rule(&key.full) || rule(&key.short);
        let found: Vec<&KeyName> = keys.iter().filter(fits).collect();
        match found[..] {
            [] => {}
            [key] => return Ok(key.clone()),
            _ => {
                let names = found.into_iter().map(|key| key.full.clone()).collect();
                return Err(SelectionError::AmbiguousKey { key: name.to_owned(), names });
            }
        }
    }
    let last = |key: &'_ str| key.rfind('.').map_or(0, |dot| dot + 1);
    let names = keys.iter().flat_map(|key| [&key.full[last(&key.full)..], &key.short, &key.full]);
    let nearest = nearest(&wanted, names);
    let known = keys.iter().map(|key| key.short.clone()).collect();
    Err(SelectionError::UnknownKey { key: name.to_owned(), nearest, known })
}

/// A run's value of a swept key as its label has it, or its seed.
fn value_of(run: &PlannedRun, key: &str) -> String {
    if key == SEED {
        return run.seed.to_string();
    }
    let assignment = run.assignments.iter().find(|assignment| assignment.key == key);
    assignment.map_or_else(String::new, |assignment| label::value_text(&assignment.value))
}

/// Whether a value is the one that is written so. Numbers are written in many ways: `2e-4`, `0.0002`.
fn is_same(value: &str, wanted: &str) -> bool {
    match (number(value), number(wanted)) {
        // Both are read from decimal digits, so that equal numbers have equal bits.
        (Some(value), Some(wanted)) => value.total_cmp(&wanted).is_eq(),
        _ => truth(&value.to_lowercase()) == truth(wanted),
    }
}

/// The report says `yes` and `no`.
fn truth(text: &str) -> &str {
    match text {
        "yes" => "true",
        "no" => "false",
        other => other,
    }
}

/// The number that a text is. Adding a zero makes `-0` zero.
fn number(text: &str) -> Option<f64> {
    let number: f64 = text.replace('_', "").parse().ok()?;
    (!number.is_nan()).then_some(number + 0.0)
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::fixtures;

    fn plan() -> &'static Plan {
        static PLAN: LazyLock<Plan> = LazyLock::new(|| fixtures::plan(TEXT));
        &PLAN
    }

    const TEXT: &str = r#"
sweep.seeds = [1, 2, 3]
[sweep.grid]
"optimizer.generator.lr" = [2e-4, 1e-3]
"optimizer.discriminator.lr" = [1e-4, 3e-4]
"model.generator.hidden" = [[16, 8], 32]
"model.generator.batch_norm" = [true, false]
"#;

    /// Number of runs that satisfy the conditions.
    fn count(texts: &[&str]) -> usize {
        let plan = plan();
        let selection = Selection::new(texts, plan).unwrap();
        plan.runs.iter().filter(|run| selection.has(run)).count()
    }

    fn refused(text: &str) -> String {
        Selection::new(&[text], plan()).unwrap_err().to_string()
    }

    #[test]
    fn numbers_compare_as_numbers_however_they_are_written() {
        assert_eq!(count(&[]), 48);
        for text in ["generator.lr=2e-4", "generator.lr=0.0002", "GENERATOR.LR=0.000_200"] {
            assert_eq!(count(&[text]), 24, "{text}");
        }
        assert_eq!((count(&["seed<2"]), count(&["seed<=2"])), (16, 32));
        assert_eq!((count(&["seed>2"]), count(&["seed>=2"])), (16, 32));
        assert_eq!((count(&["seed=1,3.0"]), count(&["seed!=1,3"])), (32, 16));
    }

    #[test]
    fn all_conditions_must_hold_in_one_text_or_in_several() {
        assert_eq!(count(&["seed=1 discriminator.lr=1e-4"]), 8);
        assert_eq!(count(&["seed=1", "discriminator.lr=1e-4"]), 8);
    }

    #[test]
    fn lists_and_truth_values_are_as_labels_and_the_report_have_them() {
        assert_eq!((count(&["hidden=16x8"]), count(&["hidden=32"])), (24, 24));
        assert_eq!((count(&["batch_norm=true"]), count(&["batch_norm=no"])), (24, 24));
    }

    #[test]
    fn a_key_is_called_by_the_part_of_its_name_that_no_other_has() {
        for name in ["optimizer.discriminator.lr", "discriminator.lr", "optimizer.d"] {
            assert_eq!(count(&[&format!("{name}=1e-4")]), 24, "{name}");
        }
        assert_eq!(refused("lr=1e-4"), "`lr` may be optimizer.generator.lr or optimizer.discriminator.lr");
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_most_similar_one() {
        let known =
            "they differ in generator.lr, discriminator.lr, generator.hidden, generator.batch_norm, seed";
        let unknown = "the runs do not differ in a key";
        assert_eq!(refused("hiden=16x8"), format!("{unknown} `hiden` (did you mean `hidden`?); {known}"));
        assert_eq!(refused("dataset=mnist"), format!("{unknown} `dataset`; {known}"));
    }

    #[test]
    fn what_is_no_condition_or_selects_nothing_is_refused() {
        for word in ["hidden", "=3", "seed=", "seed=,", "seed!3", "seed<"] {
            assert!(refused(word).starts_with(&format!("`{word}` is no condition")), "{word}");
        }
        assert_eq!(refused("seed<many"), "`many` is no number to compare `seed` with");
        assert_eq!(
            refused("seed<2 seed>2"),
            "no run of the plan satisfies seed<2 seed>2; there are seed=1,2,3"
        );
    }

    #[test]
    fn every_value_of_a_condition_must_be_one_of_a_run() {
        let there_are = "there are seed=1,2,3";
        for (text, unknown) in [
            ("seed=0", "seed=0"),
            ("seed=1,7,9", "seed=7,9"),
            ("seed!=7", "seed=7"),
            ("batch_norm=no seed=2,x", "seed=x"),
        ] {
            assert_eq!(
                refused(text),
                format!("no run of the plan satisfies {unknown}; {there_are}"),
                "{text}"
            );
        }
        assert_eq!(
            refused("generator.lr=5 seed=1"),
            "no run of the plan satisfies generator.lr=5; there are generator.lr=2e-4,1e-3"
        );
    }

    #[test]
    fn conditions_between_commas_are_told_from_values() {
        for (text, right) in [
            ("generator.lr=1e-3,seed=1", "generator.lr=1e-3 seed=1"),
            ("generator.lr=1e-3,seed=1,2,hidden!=32", "generator.lr=1e-3 seed=1,2 hidden!=32"),
            ("seed=1,generator.lr<=1e-3", "seed=1 generator.lr<=1e-3"),
        ] {
            let said = refused(text);
            assert!(said.starts_with(&format!("`{text}`: a comma separates values")), "{said}");
            assert!(said.ends_with(&format!("a space separates conditions: `{right}`")), "{said}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_ends_in_a_panic(text in "\\PC{0,30}") {
            let _ = Selection::new(&[text], plan());
        }

        #[test]
        fn a_condition_and_its_opposite_divide_the_plan(value in "[0-9a-z.,-]{1,6}", key in "seed|hidden|batch_norm") {
            let plan = plan();
            let select = |operator: &str| Condition::new(&format!("{key}{operator}{value}"), &plan.axes);
            if let (Ok(is), Ok(is_not)) = (select("="), select("!=")) {
                for run in &plan.runs {
                    let value = value_of(run, &is.key.full);
                    proptest::prop_assert_ne!(is.holds(&value), is_not.holds(&value));
                }
            }
        }
    }
}
