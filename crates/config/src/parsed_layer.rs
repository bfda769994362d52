//! One layer as it was read: its values, axes and exclusions, each checked against the schema.

use std::ops::Range;

use gansweep_base::spelling::nearest;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::axis::{AxisKind, AxisSpec};
use crate::axis_reader::AxisContext;
use crate::document::Document;
use crate::leaf::leaves;
use crate::reader::Reader;
use crate::schema::{self, EXCLUDE, Key, Kind, VARIANT, VARIANTS};
use crate::sweep::Exclusion;
use crate::variant::Variant;
use crate::{Fault, Layer, Place, Problem, Value};

/// The valid contents of one layer. Faulty values are left out; their faults are kept elsewhere.
#[derive(Debug, Clone)]
pub(crate) struct ParsedLayer {
    pub(crate) layer: Layer,
    pub(crate) values: Vec<ParsedValue>,
    pub(crate) axes: Vec<ParsedAxis>,
    /// `None` if the layer has no `[sweep.variants]`, so that those of an earlier layer stay in force.
    pub(crate) variants: Option<Vec<Variant>>,
    /// `None` if the layer has no `[[sweep.exclude]]`, so that those of an earlier layer stay in force.
    pub(crate) exclude: Option<Vec<Exclusion>>,
}

/// The value that a layer gives to a key.
#[derive(Debug, Clone)]
pub(crate) struct ParsedValue {
    pub(crate) key: &'static Key,
    pub(crate) value: Value,
    pub(crate) place: Place,
}

/// The axis that a layer gives to a key.
#[derive(Debug, Clone)]
pub(crate) struct ParsedAxis {
    pub(crate) kind: AxisKind,
    pub(crate) key: &'static Key,
    pub(crate) spec: AxisSpec,
    pub(crate) place: Place,
}

impl ParsedLayer {
    pub(crate) fn new(layer: Layer) -> Self {
        Self { layer, values: Vec::new(), axes: Vec::new(), variants: None, exclude: None }
    }

    /// The value that the layer gives to the key with that path.
    pub(crate) fn value(&self, path: &str) -> Option<&ParsedValue> {
        self.values.iter().find(|parsed| parsed.key.path == path)
    }

    /// Whether a value of the layer's axis on that key has the name, in any case of letters.
    pub(crate) fn has_name(&self, key: &Key, name: &str) -> bool {
        let of_axis = |axis: &ParsedAxis| axis.key == key && axis.spec.names.value(name).is_some();
        let mut variants = self.variants.iter().flatten().filter(|_| *key == VARIANT);
        self.axes.iter().any(of_axis) || variants.any(|variant| variant.name.eq_ignore_ascii_case(name))
    }

    /// Reads every key of a table at the top of a document.
    pub(crate) fn read_table(
        &mut self,
        document: &Document<'_>,
        table: &DeTable<'_>,
        faults: &mut Vec<Fault>,
    ) {
        let mut parser = Parser::new(document, self, faults);
        for leaf in leaves("", table) {
            parser.read_leaf(&leaf.path, &leaf.at, leaf.value);
        }
    }

    /// Reads a document that is the value of one key, or a table of keys.
    pub(crate) fn read_entry(
        &mut self,
        document: &Document<'_>,
        path: &str,
        value: &Spanned<DeValue<'_>>,
        faults: &mut Vec<Fault>,
    ) {
        let mut parser = Parser::new(document, self, faults);
        match value.get_ref().as_table() {
            Some(table) if schema::is_table(path) => {
                for leaf in leaves(path, table) {
                    parser.read_leaf(&leaf.path, &leaf.at, leaf.value);
                }
            }
            _ => parser.read_leaf(path, &value.span(), value),
        }
    }
}

/// Reads a document into a layer.
struct Parser<'p> {
    reader: Reader<'p>,
    parsed: &'p mut ParsedLayer,
}

impl<'p> Parser<'p> {
    fn new(document: &'p Document<'p>, parsed: &'p mut ParsedLayer, faults: &'p mut Vec<Fault>) -> Self {
        Self { reader: Reader { document, layer: parsed.layer.clone(), faults }, parsed }
    }

    fn read_leaf(&mut self, path: &str, at: &Range<usize>, value: &Spanned<DeValue<'_>>) {
        if path == EXCLUDE {
            self.read_exclusions(value);
        } else if path == VARIANTS {
            self.parsed.variants = self.reader.variants(value);
        } else if path == VARIANT.path {
            self.misplaced_variant(path, at);
        } else if let Some((table, rest)) = schema::split_axis(path) {
            self.read_axis(AxisKind::ALL[table], rest, at, value);
        } else if let Some(key) = schema::find(path) {
            self.read_value(key, at, value);
        } else if path.strip_prefix(VARIANTS).is_some_and(|rest| rest.starts_with('.')) {
            // From the command line or a variable. In a file, variants are read with their table.
            let fault = self.reader.fault(at, path, Problem::UnknownKey);
            self.reader
                .faults
                .push(fault.expected(format_args!("all variants at once, `{VARIANTS}={{...}}`")));
        } else {
            self.reader.unknown_key(path, path, at, value, &|_| true);
        }
    }

    fn read_value(&mut self, key: &'static Key, at: &Range<usize>, value: &Spanned<DeValue<'_>>) {
        let place = self.reader.document.place(at);
        if let Some(earlier) = self.parsed.value(key.path) {
            if self.reader.layer != Layer::Set {
                return self.add_fault(at, key.path, Problem::Repeated(earlier.place.clone()));
            }
            self.parsed.values.retain(|parsed| parsed.key != key);
        }
        let Some(value) = self.reader.check(key, key.path, value) else { return };
        self.parsed.values.push(ParsedValue { key, value, place });
    }

    fn read_axis(&mut self, kind: AxisKind, path: &str, at: &Range<usize>, value: &Spanned<DeValue<'_>>) {
        // `--set` and variables may name the values by their own path: `sweep.grid."optimizer.lr".values`.
        let (path, is_inside) =
            match path.strip_suffix(kind.listing()).and_then(|path| path.strip_suffix('.')) {
                Some(outer) if schema::find(path).is_none() && schema::find(outer).is_some() => (outer, true),
                _ => (path, false),
            };
        let full_path = format!("{}.\"{path}\"", kind.table());
        let Some(key) = schema::find(path) else {
            return self.reader.unknown_key(&full_path, path, at, value, &Key::is_sweepable);
        };
        if *key == VARIANT {
            return self.misplaced_variant(&full_path, at);
        }
        if !key.is_sweepable() {
            return self.add_fault(at, &full_path, Problem::NotSweepable);
        }
        let place = self.reader.document.place(at);
        if let Some(earlier) = self.parsed.axes.iter().find(|axis| axis.key == key) {
            if self.reader.layer != Layer::Set {
                let problem = Problem::TwoAxes(key.path.to_owned(), earlier.place.clone());
                return self.add_fault(at, &full_path, problem);
            }
            self.parsed.axes.retain(|axis| axis.key != key);
        }
        let context = AxisContext { kind, key, path: &full_path };
        let spec = match is_inside {
            true => self.reader.listing(context, value),
            false => self.reader.axis_spec(context, value),
        };
        if let Some(spec) = spec {
            self.parsed.axes.push(ParsedAxis { kind, key, spec, place });
        }
    }

    fn misplaced_variant(&mut self, full_path: &str, at: &Range<usize>) {
        let fault = self.reader.fault(at, full_path, Problem::UnknownKey);
        self.reader.faults.push(fault.expected(format_args!(
            "`[{VARIANTS}.NAME]` with the values of each variant; `--only {}=NAME` selects runs",
            VARIANT.path
        )));
    }

    fn read_exclusions(&mut self, value: &Spanned<DeValue<'_>>) {
        let Some(rules) = value.get_ref().as_array() else {
            let problem = Problem::WrongType(self.reader.document.describe(value));
            let fault = self.reader.fault(&value.span(), EXCLUDE, problem);
            return self.reader.faults.push(fault.expected("tables, each headed `[[sweep.exclude]]`"));
        };
        let mut exclusions = Vec::new();
        for rule in rules {
            exclusions.extend(self.read_exclusion(rule));
        }
        self.parsed.exclude = Some(exclusions);
    }

    fn read_exclusion(&mut self, rule: &Spanned<DeValue<'_>>) -> Option<Exclusion> {
        let expected = "keys with one value each: a run that has all of them is left out";
        let leaves = match rule.get_ref().as_table() {
            Some(table) if !table.is_empty() => leaves("", table),
            _ => {
                let problem = Problem::WrongType(self.reader.document.describe(rule));
                let fault = self.reader.fault(&rule.span(), EXCLUDE, problem);
                self.reader.faults.push(fault.expected(expected));
                return None;
            }
        };
        let mut exclusion = Exclusion::new(self.reader.document.place(&rule.span()));
        let faults_before = self.reader.faults.len();
        for leaf in leaves {
            let full_path = format!("{EXCLUDE}.\"{}\"", leaf.path);
            if leaf.path == Exclusion::SEED {
                exclusion.seed = self.check_seed(&full_path, leaf.value);
                continue;
            }
            match schema::find(&leaf.path) {
                Some(key) if key.is_sweepable() || *key == VARIANT => {
                    let value = match leaf.value.get_ref() {
                        // Which value has that name is known once the axes of all layers are.
                        DeValue::String(name) if key.kind.is_list() => Some(Value::Text(name.to_string())),
                        _ => self.reader.check(key, &full_path, leaf.value),
                    };
                    exclusion.values.extend(value.map(|value| (key, value)));
                }
                Some(_) => self.add_fault(&leaf.at, &full_path, Problem::NotSweepable),
                None if nearest(&leaf.path, [VARIANT.path]).is_some() => {
                    let fault = self.reader.fault(&leaf.at, &full_path, Problem::UnknownKey);
                    self.reader.faults.push(fault.nearest(Some(VARIANT.path.to_owned())));
                }
                None => {
                    self.reader.unknown_key(&full_path, &leaf.path, &leaf.at, leaf.value, &Key::is_sweepable);
                }
            }
        }
        // Without its faulty key the rule would match more runs than it should.
        (self.reader.faults.len() == faults_before).then_some(exclusion)
    }

    fn check_seed(&mut self, full_path: &str, value: &Spanned<DeValue<'_>>) -> Option<u64> {
        let kind = Kind::Integer(0, schema::MAX_SEED);
        match self.reader.check_kind(kind, full_path, value)? {
            Value::Integer(seed) => Some(seed),
            _ => None,
        }
    }

    fn add_fault(&mut self, at: &Range<usize>, key: &str, problem: Problem) {
        self.reader.faults.push(self.reader.fault(at, key, problem));
    }
}
