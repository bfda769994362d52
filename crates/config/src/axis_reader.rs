//! Reading axes: lists, ranges and distributions.

use std::borrow::Cow;
use std::ops::Range;

use gansweep_base::spelling;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::axis::{AxisKind, AxisSpec, AxisValues};
use crate::draw::Draw;
use crate::range::{self, Spacing};
use crate::reader::Reader;
use crate::schema::{Key, Kind};
use crate::value_names::{ValueNames, expected_name, is_value_name};
use crate::{Problem, Value};

/// The most values of a range.
const MAX_POINTS: u64 = 10_000;

/// The axis that is being read.
#[derive(Clone, Copy)]
pub(crate) struct AxisContext<'s> {
    pub(crate) kind: AxisKind,
    pub(crate) key: &'s Key,
    /// The full path, axis table included, for messages.
    pub(crate) path: &'s str,
}

/// Values that are listed one by one, and their names.
struct Listed {
    values: Vec<Value>,
    names: ValueNames,
}

impl Listed {
    fn into_spec(self) -> AxisSpec {
        AxisSpec { values: AxisValues::Listed(self.values), names: self.names }
    }

    fn into_choice(self) -> AxisSpec {
        AxisSpec { values: AxisValues::Drawn(Draw::Choice(self.values)), names: self.names }
    }
}

impl Reader<'_> {
    /// Reads the values of an axis.
    pub(crate) fn axis_spec(
        &mut self,
        context: AxisContext<'_>,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<AxisSpec> {
        match value.get_ref() {
            DeValue::Array(_) if context.kind != AxisKind::Random => {
                self.axis_values(context, value).map(Listed::into_spec)
            }
            DeValue::Table(table) => self.axis_form(context, table, value),
            _ => self.not_an_axis(context, value),
        }
    }

    /// Reads what stands behind [`AxisKind::listing`].
    pub(crate) fn listing(
        &mut self,
        context: AxisContext<'_>,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<AxisSpec> {
        let listed = self.axis_values(context, value)?;
        Some(match context.kind {
            AxisKind::Grid | AxisKind::Zip => listed.into_spec(),
            AxisKind::Random => listed.into_choice(),
        })
    }

    /// The values of a list or of a table of names; each one that is faulty is a fault of its own.
    fn axis_values(&mut self, context: AxisContext<'_>, list: &Spanned<DeValue<'_>>) -> Option<Listed> {
        let is_empty = match list.get_ref() {
            DeValue::Array(items) => items.is_empty(),
            DeValue::Table(table) => table.is_empty(),
            _ => return self.not_an_axis(context, list),
        };
        if is_empty {
            let fault = self.fault(&list.span(), context.path, Problem::EmptyAxis);
            self.faults.push(fault.expected("at least one value"));
            return None;
        }
        if let Some(table) = list.get_ref().as_table() {
            return self.named_values(context, table, list);
        }
        let items = list.get_ref().as_array().into_iter().flatten();
        if context.key.kind == Kind::Layers
            && let Some(item) = items.clone().find(|item| !item.get_ref().is_array())
        {
            let problem = Problem::WrongType(self.document.describe(item));
            let fault = self.fault(&item.span(), context.path, problem);
            self.faults.push(fault.expected("a list of lists of layers, `[[...], [...]]`"));
            return None;
        }
        let values: Vec<_> = items.map(|item| self.check(context.key, context.path, item)).collect();
        let values: Vec<Value> = values.into_iter().collect::<Option<_>>()?;
        Some(Listed { names: ValueNames::by_place(&values), values })
    }

    /// Values with names: `{ shallow = [...], deep = [...] }`.
    fn named_values(
        &mut self,
        context: AxisContext<'_>,
        table: &DeTable<'_>,
        list: &Spanned<DeValue<'_>>,
    ) -> Option<Listed> {
        if !context.key.kind.is_list() {
            let problem = Problem::WrongType(self.document.describe(list));
            let fault = self.fault(&list.span(), context.path, problem);
            self.faults.push(fault.expected("a list of values: names are for lists of layers or widths"));
            return None;
        }
        let mut items: Vec<_> = table.iter().collect();
        // The TOML parser sorts tables by name; axes keep the order of the file.
        items.sort_by_key(|(name, _)| name.span().start);
        let faults_before = self.faults.len();
        let mut names: Vec<(&str, Range<usize>)> = Vec::with_capacity(items.len());
        for (name, _) in &items {
            self.check_value_name(context, name, &names);
            names.push((name.get_ref(), name.span()));
        }
        let values: Vec<_> =
            items.iter().map(|(_, item)| self.check(context.key, context.path, item)).collect();
        let values: Vec<Value> = values.into_iter().collect::<Option<_>>()?;
        for (place, value) in values.iter().enumerate() {
            if let Some(first) = values[..place].iter().position(|earlier| earlier == value) {
                let problem = Problem::TwoNames(names[place].0.to_owned(), names[first].0.to_owned());
                let fault = self.fault(&names[place].1, context.path, problem);
                self.faults
                    .push(fault.expected("one name for a list; in `[sweep.zip]`, lists without names"));
            }
        }
        let names = ValueNames::given(&values, names.into_iter().map(|(name, _)| name.to_owned()));
        (self.faults.len() == faults_before).then_some(Listed { values, names })
    }

    fn check_value_name(
        &mut self,
        context: AxisContext<'_>,
        name: &Spanned<Cow<'_, str>>,
        earlier: &[(&str, Range<usize>)],
    ) {
        let text = name.get_ref();
        if !is_value_name(text) {
            let fault = self.fault(&name.span(), context.path, Problem::Unacceptable(text.to_string()));
            self.faults.push(fault.expected(expected_name()));
        } else if let Some((_, first)) =
            earlier.iter().find(|(earlier, _)| earlier.eq_ignore_ascii_case(text))
        {
            let problem = Problem::Repeated(self.document.place(first));
            let fault = self.fault(&name.span(), &format!("{}.{text}", context.path), problem);
            self.faults.push(fault.expected("names that differ in more than the case of letters"));
        }
    }

    /// An axis written as a table: `{ log = [a, b], n = N }`.
    fn axis_form(
        &mut self,
        context: AxisContext<'_>,
        table: &DeTable<'_>,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<AxisSpec> {
        let words = context.kind.words();
        let unknown: Vec<_> = table.keys().filter(|word| !words.contains(&&**word.get_ref())).collect();
        for word in &unknown {
            let nearest = spelling::nearest(word.get_ref(), words.iter().copied());
            let path = format!("{}.{}", context.path, word.get_ref());
            let fault = self.fault(&word.span(), &path, Problem::UnknownKey);
            self.faults.push(fault.expected(context.kind.expected(context.key.kind)).nearest(nearest));
        }
        if !unknown.is_empty() {
            return None;
        }
        let mut forms = table.iter().filter(|(word, _)| word.get_ref() != "n");
        let (Some((word, argument)), None) = (forms.next(), forms.next()) else {
            return self.not_an_axis(context, value);
        };
        let n = table.get("n");
        match (word.get_ref().as_ref(), n) {
            ("values", None) => self.axis_values(context, argument).map(Listed::into_spec),
            ("choice", _) => self.axis_values(context, argument).map(Listed::into_choice),
            (form @ ("linear" | "log"), Some(n)) => self
                .axis_range(context, form, argument, n)
                .map(AxisValues::Listed)
                .map(AxisSpec::without_names),
            (form @ ("uniform" | "log_uniform" | "integer" | "log_integer"), _) => {
                self.axis_draw(context, form, argument).map(AxisValues::Drawn).map(AxisSpec::without_names)
            }
            _ => self.not_an_axis(context, value),
        }
    }

    fn axis_range(
        &mut self,
        context: AxisContext<'_>,
        form: &str,
        bounds: &Spanned<DeValue<'_>>,
        n: &Spanned<DeValue<'_>>,
    ) -> Option<Vec<Value>> {
        let ends = self.axis_bounds(context, form, bounds);
        let count = Kind::Integer(2, MAX_POINTS);
        let Ok(Value::Integer(n)) = count.read(n.get_ref()) else {
            let problem = Problem::Unacceptable(self.document.excerpt(&n.span()));
            let fault = self.fault(&n.span(), &format!("{}.n", context.path), problem);
            self.faults.push(fault.expected(count));
            return None;
        };
        let (first, last) = ends?;
        let spacing = if form == "log" { Spacing::Log } else { Spacing::Linear };
        if !matches!(context.key.kind, Kind::Integer(..)) {
            let numbers = range::numbers(spacing, first, last, n);
            return Some(numbers.into_iter().map(Value::Number).collect());
        }
        let mut integers = range::integers(spacing, first, last, n);
        // In a grid, a second equal value is a second equal config. A zipped axis keeps its length, because
        // its values go with those of others.
        if context.kind == AxisKind::Grid {
            integers.dedup();
        }
        Some(integers.into_iter().map(Value::Integer).collect())
    }

    fn axis_draw(
        &mut self,
        context: AxisContext<'_>,
        form: &str,
        bounds: &Spanned<DeValue<'_>>,
    ) -> Option<Draw> {
        let whole = form.ends_with("integer");
        if context.key.kind.is_numeric() && whole != matches!(context.key.kind, Kind::Integer(..)) {
            let path = format!("{}.{form}", context.path);
            let expected = if whole { "`uniform` or `log_uniform`" } else { "`integer` or `log_integer`" };
            let reason = format!("`{form}` for {}", context.key.kind);
            let fault = self.fault(&bounds.span(), &path, Problem::WrongType(reason));
            self.faults.push(fault.expected(expected));
            return None;
        }
        let (low, high) = self.axis_bounds(context, form, bounds)?;
        if low >= high {
            let problem = Problem::Unacceptable(self.document.excerpt(&bounds.span()));
            let path = format!("{}.{form}", context.path);
            let fault = self.fault(&bounds.span(), &path, problem);
            self.faults.push(fault.expected("the lower bound before the upper one"));
            return None;
        }
        Some(match form {
            "uniform" => Draw::Uniform(low, high),
            "log_uniform" => Draw::LogUniform(low, high),
            "integer" => Draw::Integer(low as u64, high as u64),
            _ => Draw::LogInteger(low as u64, high as u64),
        })
    }

    /// The two ends of a range, both values of the key.
    fn axis_bounds(
        &mut self,
        context: AxisContext<'_>,
        form: &str,
        bounds: &Spanned<DeValue<'_>>,
    ) -> Option<(f64, f64)> {
        let path = format!("{}.{form}", context.path);
        if !context.key.kind.is_numeric() {
            let problem = Problem::Unacceptable(form.to_owned());
            let expected = format!("values listed one by one, each {}", context.key.kind);
            let fault = self.fault(&bounds.span(), &path, problem);
            self.faults.push(fault.expected(expected));
            return None;
        }
        let items = bounds.get_ref().as_array().filter(|items| items.len() == 2);
        let Some(items) = items else {
            let problem = Problem::WrongType(self.document.describe(bounds));
            let fault = self.fault(&bounds.span(), &path, problem);
            self.faults.push(fault.expected("two numbers, `[a, b]`"));
            return None;
        };
        let ends: Vec<_> = items.iter().map(|item| self.check(context.key, &path, item)).collect();
        let numbers: Vec<f64> =
            ends.into_iter().map(|end| end.and_then(|end| end.as_number())).collect::<Option<_>>()?;
        let (first, last) = (numbers[0], numbers[1]);
        if form.starts_with("log") && (first <= 0.0 || last <= 0.0) {
            let problem = Problem::Unacceptable(self.document.excerpt(&bounds.span()));
            let fault = self.fault(&bounds.span(), &path, problem);
            self.faults.push(fault.expected("two numbers above 0"));
            return None;
        }
        Some((first, last))
    }

    fn not_an_axis<T>(&mut self, context: AxisContext<'_>, value: &Spanned<DeValue<'_>>) -> Option<T> {
        let problem = Problem::WrongType(self.document.describe(value));
        let fault = self.fault(&value.span(), context.path, problem);
        self.faults.push(fault.expected(context.kind.expected(context.key.kind)));
        None
    }
}
