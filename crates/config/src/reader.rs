//! Reading values: each is checked against the schema, and each fault is kept with its place.

use std::ops::Range;

use gansweep_base::spelling;
use toml::Spanned;
use toml::de::DeValue;

use crate::document::{Document, Origin};
use crate::network_layer_reader::LayerFault;
use crate::schema::{self, InvalidValue, Key, Kind};
use crate::{Fault, Layer, Problem, Value};

/// Reads the values of one document.
pub(crate) struct Reader<'r> {
    pub(crate) document: &'r Document<'r>,
    /// The layer that the document belongs to.
    pub(crate) layer: Layer,
    pub(crate) faults: &'r mut Vec<Fault>,
}

impl Reader<'_> {
    /// The value, if the key accepts it; else adds a fault.
    pub(crate) fn check(
        &mut self,
        key: &Key,
        full_path: &str,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<Value> {
        // Without quotes, `--set name=2024` is TOML's integer 2024. Keys of texts take it as a text.
        let bare = matches!(self.document.origin, Origin::Value(_));
        if bare && matches!(key.kind, Kind::Text | Kind::Name) && !value.get_ref().is_str() {
            let text = DeValue::String(self.document.text.into());
            return self.check_kind(key.kind, full_path, &Spanned::new(value.span(), text));
        }
        self.check_kind(key.kind, full_path, value)
    }

    /// The same for a value of a kind without a key.
    pub(crate) fn check_kind(
        &mut self,
        kind: Kind,
        full_path: &str,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<Value> {
        let invalid = match kind.read(value.get_ref()) {
            Ok(value) => return Some(value),
            Err(invalid) => invalid,
        };
        let is_of_another_type = invalid == InvalidValue::Type;
        let problem = match invalid {
            InvalidValue::Layers(layers) => {
                for LayerFault { at, problem, expected, nearest } in layers {
                    let fault = self.fault(&at, full_path, Problem::Layer(problem));
                    self.faults.push(fault.expected(expected).nearest(nearest));
                }
                return None;
            }
            InvalidValue::Type => Problem::WrongType(self.document.describe(value)),
            InvalidValue::Range => Problem::Unacceptable(self.document.excerpt(&value.span())),
            InvalidValue::Repeated(seed) => Problem::RepeatedSeed(seed),
        };
        let nearest = match (kind, value.get_ref()) {
            (Kind::Choice(words), DeValue::String(word)) => schema::value_called(word, full_path)
                .map(str::to_owned)
                .or_else(|| spelling::nearest(word, words.iter().copied())),
            _ => None,
        };
        let several = matches!(value.get_ref(), DeValue::Array(_) | DeValue::Table(_));
        let swept = several && is_of_another_type && schema::find(full_path).is_some_and(Key::is_sweepable);
        let hint = if swept { " (what is to be swept stands in `[sweep.grid]`)" } else { "" };
        let fault = self.fault(&value.span(), full_path, problem);
        self.faults.push(fault.expected(format_args!("{kind}{hint}")).nearest(nearest));
        None
    }

    /// Adds a fault for a name that is no key: it may be a table, or a misspelt key or table. Only keys
    /// that satisfy `wanted` are suggested.
    pub(crate) fn unknown_key(
        &mut self,
        full_path: &str,
        path: &str,
        at: &Range<usize>,
        value: &Spanned<DeValue<'_>>,
        wanted: &dyn Fn(&Key) -> bool,
    ) {
        // Within an axis or a variant, a table of a sweep is not what was meant.
        let of_sweep = schema::table_of_sweep(path).filter(|_| full_path == path);
        let fault = if let Some(table) = of_sweep {
            let inner = value.get_ref().as_table();
            let problem = if inner.is_some() { Problem::UnknownTable } else { Problem::UnknownKey };
            // Variants are written with their names in the heading.
            let variant = inner.filter(|_| table == schema::VARIANTS).and_then(|variants| {
                let named = variants.iter().filter(|(_, value)| value.get_ref().is_table());
                named.map(|(name, _)| name).min_by_key(|name| name.span().start)
            });
            let meant = variant.map_or_else(|| table.clone(), |name| format!("{table}.{}", name.get_ref()));
            self.fault(at, full_path, problem).nearest(Some(meant))
        } else if schema::is_table(path) {
            let problem = Problem::WrongType(self.document.describe(value));
            let is_below = |key: &&Key| key.path.starts_with(&format!("{path}."));
            // The path of an axis is longer than that of its key.
            let first = schema::keys().filter(|_| full_path != path).find(|key| is_below(key) && wanted(key));
            let expected = first.map_or_else(
                || "a table of keys".to_owned(),
                |key| format!("one of its keys, such as `{}`", key.path),
            );
            self.fault(at, full_path, problem).expected(expected)
        } else if value.get_ref().is_table() && !schema::is_rather_a_key(path) {
            let fault = self.fault(at, full_path, Problem::UnknownTable);
            // A dotted key below a table's heading is a part of that table.
            match path.split_once('.').filter(|(table, own)| schema::is_table(table) && schema::is_table(own)) {
                Some((table, own)) => fault.expected(format!(
                    "`{own}` above `[{table}]`, or as `[{own}]`: a line belongs to the table that begins above it"
                )),
                None => fault.nearest(schema::nearest_table(path)),
            }
        } else {
            let nearest = schema::nearest_key(path, wanted);
            self.fault(at, full_path, Problem::UnknownKey).nearest(nearest)
        };
        self.faults.push(fault);
    }

    /// A fault of this document, to be completed and added to [`Self::faults`].
    pub(crate) fn fault(&self, at: &Range<usize>, key: &str, problem: Problem) -> Fault {
        Fault::new(self.document.place(at), Some(self.layer.clone()), key, problem)
    }
}
