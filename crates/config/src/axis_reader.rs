//! Reading axes: lists, ranges and distributions.

use gansweep_base::spelling;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::axis::{AxisKind, AxisSpec};
use crate::draw::Draw;
use crate::range::{self, Spacing};
use crate::reader::Reader;
use crate::schema::{Key, Kind};
use crate::{Problem, Value};

/// The most values of a range.
const MAX_POINTS: u64 = 10_000;

/// The axis that is being read.
#[derive(Clone, Copy)]
struct Context<'s> {
    kind: AxisKind,
    key: &'s Key,
    /// The full path, axis table included, for messages.
    path: &'s str,
}

impl Reader<'_> {
    /// Reads the values of an axis.
    pub(crate) fn axis_spec(
        &mut self,
        kind: AxisKind,
        key: &Key,
        path: &str,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<AxisSpec> {
        let context = Context { kind, key, path };
        match value.get_ref() {
            DeValue::Array(_) if kind != AxisKind::Random => {
                self.axis_values(context, value).map(AxisSpec::Values)
            }
            DeValue::Table(table) => self.axis_form(context, table, value),
            _ => self.not_an_axis(context, value),
        }
    }

    /// The values of a list; each one that is faulty is a fault of its own.
    fn axis_values(&mut self, context: Context<'_>, list: &Spanned<DeValue<'_>>) -> Option<Vec<Value>> {
        let Some(items) = list.get_ref().as_array() else { return self.not_an_axis(context, list) };
        if items.is_empty() {
            let fault = self.fault(&list.span(), context.path, Problem::EmptyAxis);
            self.faults.push(fault.expected("at least one value"));
            return None;
        }
        let values: Vec<_> = items.iter().map(|item| self.check(context.key, context.path, item)).collect();
        values.into_iter().collect()
    }

    /// An axis written as a table: `{ log = [a, b], n = N }`.
    fn axis_form(
        &mut self,
        context: Context<'_>,
        table: &DeTable<'_>,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<AxisSpec> {
        let words = context.kind.words();
        let unknown: Vec<_> = table.keys().filter(|word| !words.contains(&&**word.get_ref())).collect();
        for word in &unknown {
            let nearest = spelling::nearest(word.get_ref(), words.iter().copied());
            let path = format!("{}.{}", context.path, word.get_ref());
            let fault = self.fault(&word.span(), &path, Problem::UnknownKey);
            self.faults.push(fault.expected(context.kind.expected()).nearest(nearest));
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
            ("values", None) => self.axis_values(context, argument).map(AxisSpec::Values),
            ("choice", _) => {
                self.axis_values(context, argument).map(|values| AxisSpec::Draw(Draw::Choice(values)))
            }
            (form @ ("linear" | "log"), Some(n)) => self.axis_range(context, form, argument, n),
            (form @ ("uniform" | "log_uniform" | "integer" | "log_integer"), _) => {
                self.axis_draw(context, form, argument).map(AxisSpec::Draw)
            }
            _ => self.not_an_axis(context, value),
        }
    }

    fn axis_range(
        &mut self,
        context: Context<'_>,
        form: &str,
        bounds: &Spanned<DeValue<'_>>,
        n: &Spanned<DeValue<'_>>,
    ) -> Option<AxisSpec> {
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
            return Some(AxisSpec::Values(numbers.into_iter().map(Value::Number).collect()));
        }
        let mut integers = range::integers(spacing, first, last, n);
        // In a grid, a second equal value is a second equal config. A zipped axis keeps its length, because
        // its values go with those of others.
        if context.kind == AxisKind::Grid {
            integers.dedup();
        }
        Some(AxisSpec::Values(integers.into_iter().map(Value::Integer).collect()))
    }

    fn axis_draw(&mut self, context: Context<'_>, form: &str, bounds: &Spanned<DeValue<'_>>) -> Option<Draw> {
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
        context: Context<'_>,
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

    fn not_an_axis<T>(&mut self, context: Context<'_>, value: &Spanned<DeValue<'_>>) -> Option<T> {
        let problem = Problem::WrongType(self.document.describe(value));
        let fault = self.fault(&value.span(), context.path, problem);
        self.faults.push(fault.expected(context.kind.expected()));
        None
    }
}
