//! Reading the variants of `[sweep.variants]`.

use std::borrow::Cow;
use std::collections::HashMap;

use toml::Spanned;
use toml::de::DeValue;

use crate::leaf::{Leaf, leaves};
use crate::reader::Reader;
use crate::schema::{self, Key, VARIANTS};
use crate::value_names::{expected_name, is_value_name};
use crate::variant::{Variant, VariantValue};
use crate::{Place, Problem};

const EXPECTED: &str = "a table of keys for each variant, `[sweep.variants.NAME]`";

impl Reader<'_> {
    /// Reads a table of variants; `None` if it is faulty as a whole.
    pub(crate) fn variants(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Vec<Variant>> {
        let Some(table) = value.get_ref().as_table().filter(|table| !table.is_empty()) else {
            let problem = Problem::WrongType(self.document.describe(value));
            let fault = self.fault(&value.span(), VARIANTS, problem);
            self.faults.push(fault.expected(EXPECTED));
            return None;
        };
        let mut items: Vec<_> = table.iter().collect();
        // The TOML parser sorts tables by name; axes keep the order of the file.
        items.sort_by_key(|(name, _)| name.span().start);
        let mut variants = Vec::with_capacity(items.len());
        let mut earlier = HashMap::with_capacity(items.len());
        for (name, value) in items {
            if let Some(variant) = self.variant(name, value, &earlier) {
                earlier.insert(variant.name.to_ascii_lowercase(), variant.place.clone());
                variants.push(variant);
            }
        }
        Some(variants)
    }

    fn variant(
        &mut self,
        name: &Spanned<Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
        earlier: &HashMap<String, Place>,
    ) -> Option<Variant> {
        let text = name.get_ref().to_string();
        let path = format!("{VARIANTS}.{text}");
        let table = value.get_ref().as_table();
        // A key in `[sweep.variants]` itself belongs to no variant.
        let paths = match table {
            Some(table) => leaves(&text, table).into_iter().map(|leaf| leaf.path).collect(),
            None => vec![text.clone()],
        };
        if let Some(key) = paths.iter().find_map(|path| schema::find(path)) {
            let fault = self.fault(&name.span(), VARIANTS, Problem::UnknownTable).expected(EXPECTED);
            self.faults.push(fault.nearest(Some(format!("{VARIANTS}.NAME.{}", key.path))));
            return None;
        }
        let Some(table) = table else {
            let problem = Problem::WrongType(self.document.describe(value));
            let fault = self.fault(&value.span(), &path, problem);
            self.faults.push(fault.expected(EXPECTED));
            return None;
        };
        if !is_value_name(&text) {
            let fault = self.fault(&name.span(), VARIANTS, Problem::Unacceptable(text));
            self.faults.push(fault.expected(expected_name()));
            return None;
        }
        if let Some(first) = earlier.get(&text.to_ascii_lowercase()) {
            let fault = self.fault(&name.span(), &path, Problem::Repeated(first.clone()));
            self.faults.push(fault.expected("names that differ in more than the case of letters"));
            return None;
        }
        let mut variant =
            Variant { name: text, values: Vec::new(), place: self.document.place(&name.span()) };
        for leaf in leaves("", table) {
            let full_path = format!("{path}.{}", leaf.path);
            let place = self.document.place(&leaf.at);
            let Some(key) = schema::find(&leaf.path) else {
                if let Some(name) = name_with_dots(&variant.name, &leaf) {
                    let fault = self.fault(&leaf.at, &full_path, Problem::UnknownTable);
                    let expected = format!("quotes around a name with dots: `[{VARIANTS}.\"{name}\"]`");
                    self.faults.push(fault.expected(expected));
                    continue;
                }
                self.unknown_key(&full_path, &leaf.path, &leaf.at, leaf.value, &Key::is_sweepable);
                continue;
            };
            let problem = match variant.values.iter().find(|it| it.key == key) {
                Some(first) => Some(Problem::Repeated(first.place.clone())),
                None => (!key.is_sweepable()).then_some(Problem::NotSweepable),
            };
            if let Some(problem) = problem {
                let fault = self.fault(&leaf.at, &full_path, problem);
                self.faults.push(fault);
            } else if let Some(value) = self.check(key, &full_path, leaf.value) {
                variant.values.push(VariantValue { key, value, place });
            }
        }
        Some(variant)
    }
}

/// The name that TOML reads as a table in a table, `[sweep.variants.wgan.gp]`: what is below it are keys, as in a variant.
fn name_with_dots(before: &str, leaf: &Leaf<'_>) -> Option<String> {
    let name = format!("{before}.{}", leaf.path);
    let below = leaves("", leaf.value.get_ref().as_table()?);
    let has_keys = below.iter().any(|leaf| schema::find(&leaf.path).is_some());
    if has_keys || (below.is_empty() && schema::nearest_table(&leaf.path).is_none()) {
        return is_value_name(&name).then_some(name);
    }
    match &below[..] {
        [only] => name_with_dots(&name, only),
        _ => None,
    }
}
