//! What one layer gives: its values and axes, each checked against the schema.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::axis::AxisSpec;
use crate::document::Document;
use crate::schema::{self, EXCLUDE, Key, Misfit};
use crate::sweep::Exclusion;
use crate::{AxisKind, Fault, Layer, Place, Problem, Value};

/// What one layer gives. Faulty values are left out; the faults stand elsewhere.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    pub(crate) layer: Layer,
    pub(crate) values: Vec<GivenValue>,
    pub(crate) axes: Vec<GivenAxis>,
    /// `None` if the layer says nothing about exclusions.
    pub(crate) exclude: Option<Vec<Exclusion>>,
}

/// A value of a key.
#[derive(Debug, Clone)]
pub(crate) struct GivenValue {
    pub(crate) key: &'static Key,
    pub(crate) value: Value,
    pub(crate) place: Place,
}

/// An axis on a key.
#[derive(Debug, Clone)]
pub(crate) struct GivenAxis {
    pub(crate) kind: AxisKind,
    pub(crate) key: &'static Key,
    pub(crate) spec: AxisSpec,
    pub(crate) place: Place,
}

impl Given {
    pub(crate) fn new(layer: Layer) -> Self {
        Self { layer, values: Vec::new(), axes: Vec::new(), exclude: None }
    }

    /// The value of a key, if the layer gives one.
    pub(crate) fn value(&self, path: &str) -> Option<&GivenValue> {
        self.values.iter().find(|given| given.key.path == path)
    }
}

/// Reads a document into what its layer gives.
pub(crate) struct Reader<'r> {
    pub(crate) document: &'r Document<'r>,
    pub(crate) given: &'r mut Given,
    pub(crate) faults: &'r mut Vec<Fault>,
}

/// A value that is no table of keys, with its full path and the place of its key.
struct Leaf<'l> {
    path: String,
    at: Range<usize>,
    value: &'l Spanned<DeValue<'l>>,
}

impl Reader<'_> {
    /// Reads every key of a table at the top of a document.
    pub(crate) fn read_table(&mut self, table: &DeTable<'_>) {
        for leaf in leaves("", table) {
            self.read_leaf(&leaf.path, &leaf.at, leaf.value);
        }
    }

    /// Reads one key, or all keys of a table of keys.
    pub(crate) fn read_entry(&mut self, path: &str, value: &Spanned<DeValue<'_>>) {
        match value.get_ref().as_table() {
            Some(table) if schema::is_table(path) => {
                for leaf in leaves(path, table) {
                    self.read_leaf(&leaf.path, &leaf.at, leaf.value);
                }
            }
            _ => self.read_leaf(path, &value.span(), value),
        }
    }

    fn read_leaf(&mut self, path: &str, at: &Range<usize>, value: &Spanned<DeValue<'_>>) {
        if path == EXCLUDE {
            self.read_exclusions(value);
        } else if let Some((table, rest)) = schema::split_axis(path) {
            self.read_axis(AxisKind::ALL[table], rest, at, value);
        } else if let Some(key) = schema::find(path) {
            self.read_value(key, at, value);
        } else {
            self.unknown(path, path, at, value, &|_| true);
        }
    }

    fn read_value(&mut self, key: &'static Key, at: &Range<usize>, value: &Spanned<DeValue<'_>>) {
        let place = self.document.place(at);
        if let Some(earlier) = self.given.value(key.path) {
            if self.given.layer != Layer::Set {
                return self.fault(at, key.path, Problem::Repeated(earlier.place.clone()));
            }
            self.given.values.retain(|given| given.key != key);
        }
        let Some(value) = self.check(key, key.path, value) else { return };
        self.given.values.push(GivenValue { key, value, place });
    }

    fn read_axis(&mut self, kind: AxisKind, path: &str, at: &Range<usize>, value: &Spanned<DeValue<'_>>) {
        let full_path = format!("{}.\"{path}\"", kind.table());
        let Some(key) = schema::find(path) else {
            return self.unknown(&full_path, path, at, value, &Key::is_sweepable);
        };
        if !key.is_sweepable() {
            return self.fault(at, &full_path, Problem::NotSweepable);
        }
        let place = self.document.place(at);
        if let Some(earlier) = self.given.axes.iter().find(|axis| axis.key == key) {
            if self.given.layer != Layer::Set {
                let problem = Problem::TwoAxes(key.path.to_owned(), earlier.place.clone());
                return self.fault(at, &full_path, problem);
            }
            self.given.axes.retain(|axis| axis.key != key);
        }
        if let Some(spec) = self.axis_spec(kind, key, &full_path, value) {
            self.given.axes.push(GivenAxis { kind, key, spec, place });
        }
    }

    fn read_exclusions(&mut self, value: &Spanned<DeValue<'_>>) {
        let Some(rules) = value.get_ref().as_array() else {
            let problem = Problem::WrongType(self.document.describe(value));
            return self.push(
                self.new_fault(&value.span(), EXCLUDE, problem)
                    .expected("tables, each headed `[[sweep.exclude]]`"),
            );
        };
        let mut exclusions = Vec::new();
        for rule in rules {
            exclusions.extend(self.read_exclusion(rule));
        }
        self.given.exclude = Some(exclusions);
    }

    fn read_exclusion(&mut self, rule: &Spanned<DeValue<'_>>) -> Option<Exclusion> {
        let expected = "keys with one value each: a run that has all of them is left out";
        let leaves = match rule.get_ref().as_table() {
            Some(table) if !table.is_empty() => leaves("", table),
            _ => {
                let problem = Problem::WrongType(self.document.describe(rule));
                self.push(self.new_fault(&rule.span(), EXCLUDE, problem).expected(expected));
                return None;
            }
        };
        let mut exclusion = Exclusion::new(self.document.place(&rule.span()));
        let faults_before = self.faults.len();
        for leaf in leaves {
            let full_path = format!("{EXCLUDE}.\"{}\"", leaf.path);
            if leaf.path == Exclusion::SEED {
                exclusion.seed = self.check_seed(&full_path, leaf.value);
                continue;
            }
            match schema::find(&leaf.path) {
                Some(key) if key.is_sweepable() => {
                    exclusion
                        .values
                        .extend(self.check(key, &full_path, leaf.value).map(|value| (key, value)));
                }
                Some(_) => self.fault(&leaf.at, &full_path, Problem::NotSweepable),
                None => self.unknown(&full_path, &leaf.path, &leaf.at, leaf.value, &Key::is_sweepable),
            }
        }
        // A rule without its faulty key would leave out more than it was meant to.
        (self.faults.len() == faults_before).then_some(exclusion)
    }

    fn check_seed(&mut self, full_path: &str, value: &Spanned<DeValue<'_>>) -> Option<u64> {
        let kind = schema::Kind::Integer(0, schema::MAX_SEED);
        match self.check_kind(kind, full_path, value)? {
            Value::Integer(seed) => Some(seed),
            _ => None,
        }
    }

    /// A value of a key, or a fault.
    pub(crate) fn check(
        &mut self,
        key: &Key,
        full_path: &str,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<Value> {
        // A text that looks like a number or a truth value is still a text where one is wanted.
        let bare = matches!(self.document.origin, crate::document::Origin::Value(_));
        if bare && matches!(key.kind, schema::Kind::Text | schema::Kind::Name) && !value.get_ref().is_str() {
            let text = DeValue::String(self.document.text.into());
            return self.check_kind(key.kind, full_path, &Spanned::new(value.span(), text));
        }
        self.check_kind(key.kind, full_path, value)
    }

    fn check_kind(
        &mut self,
        kind: schema::Kind,
        full_path: &str,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<Value> {
        let misfit = match kind.read(value.get_ref()) {
            Ok(value) => return Some(value),
            Err(misfit) => misfit,
        };
        let problem = match misfit {
            Misfit::Type => Problem::WrongType(self.document.describe(value)),
            Misfit::Range => Problem::Unacceptable(self.document.excerpt(&value.span())),
            Misfit::Repeated(seed) => Problem::RepeatedSeed(seed),
        };
        let nearest = match (kind, value.get_ref()) {
            (schema::Kind::Choice(words), DeValue::String(word)) => {
                schema::nearest(word, words.iter().copied())
            }
            _ => None,
        };
        let several = matches!(value.get_ref(), DeValue::Array(_) | DeValue::Table(_));
        let swept =
            several && misfit == Misfit::Type && schema::find(full_path).is_some_and(Key::is_sweepable);
        let hint = if swept { " (what is to be swept stands in `[sweep.grid]`)" } else { "" };
        let fault = self.new_fault(&value.span(), full_path, problem);
        self.push(fault.expected(format_args!("{kind}{hint}")).nearest(nearest));
        None
    }

    fn unknown(
        &mut self,
        full_path: &str,
        path: &str,
        at: &Range<usize>,
        value: &Spanned<DeValue<'_>>,
        wanted: &dyn Fn(&Key) -> bool,
    ) {
        let fault = if schema::is_table(path) {
            let problem = Problem::WrongType(self.document.describe(value));
            self.new_fault(at, full_path, problem).expected("a table of keys")
        } else if value.get_ref().is_table() && !schema::is_rather_a_key(path) {
            self.new_fault(at, full_path, Problem::UnknownTable).nearest(schema::nearest_table(path))
        } else {
            let nearest = match path {
                "seed" | "seeds" => Some("sweep.seeds".to_owned()),
                _ => schema::nearest_key(path, wanted),
            };
            self.new_fault(at, full_path, Problem::UnknownKey).nearest(nearest)
        };
        self.push(fault);
    }

    pub(crate) fn new_fault(&self, at: &Range<usize>, key: &str, problem: Problem) -> Fault {
        Fault::new(self.document.place(at), Some(self.given.layer.clone()), key, problem)
    }

    pub(crate) fn push(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    fn fault(&mut self, at: &Range<usize>, key: &str, problem: Problem) {
        self.push(self.new_fault(at, key, problem));
    }
}

/// The values below a table, in the order of the text; tables of keys are gone through.
fn leaves<'l>(prefix: &str, table: &'l DeTable<'l>) -> Vec<Leaf<'l>> {
    let mut leaves = Vec::new();
    for (name, value) in table {
        let path = if prefix.is_empty() {
            name.get_ref().to_string()
        } else {
            format!("{prefix}.{}", name.get_ref())
        };
        match value.get_ref().as_table() {
            Some(inner) if schema::is_table(&path) => leaves.extend(self::leaves(&path, inner)),
            _ => leaves.push(Leaf { path, at: name.span(), value }),
        }
    }
    // The parser keeps tables sorted by name.
    leaves.sort_by_key(|leaf| leaf.at.start);
    leaves
}
