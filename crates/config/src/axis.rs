//! Axes: swept keys and their values, as experiment files write them.

use serde::Serialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::draw::Draw;
use crate::given::Reader;
use crate::schema::{self, AXIS_TABLES, Key, Kind};
use crate::{Problem, Value, range};

/// The most values of a range.
const MAX_POINTS: u64 = 10_000;

/// How an axis combines with the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AxisKind {
    /// Each value with each value of the others.
    Grid,
    /// In step with the other zipped axes.
    Zip,
    /// Drawn, in step with the other drawn axes.
    Random,
}

impl AxisKind {
    /// Every kind, in the order in which they nest: the first changes slowest.
    pub const ALL: [Self; 3] = [Self::Grid, Self::Zip, Self::Random];

    /// The table of the experiment file with the axes of this kind.
    pub const fn table(self) -> &'static str {
        match self {
            Self::Grid => AXIS_TABLES[0],
            Self::Zip => AXIS_TABLES[1],
            Self::Random => AXIS_TABLES[2],
        }
    }

    /// What an axis of this kind looks like.
    const fn expected(self) -> &'static str {
        match self {
            Self::Grid | Self::Zip => {
                "a list of values, `{ values = [...] }`, `{ linear = [a, b], n = N }` or `{ log = [a, b], n = N }`"
            }
            Self::Random => {
                "`{ uniform = [a, b] }`, `{ log_uniform = [a, b] }`, `{ integer = [a, b] }`, \
                 `{ log_integer = [a, b] }` or `{ choice = [...] }`"
            }
        }
    }

    /// The words that may stand in an axis of this kind.
    const fn words(self) -> &'static [&'static str] {
        match self {
            Self::Grid | Self::Zip => &["values", "linear", "log", "n"],
            Self::Random => &["uniform", "log_uniform", "integer", "log_integer", "choice"],
        }
    }
}

/// The values of an axis: listed, or still to be drawn.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum AxisSpec {
    Values(Vec<Value>),
    Draw(Draw),
}

/// An axis that is being read.
#[derive(Clone, Copy)]
struct Site<'s> {
    kind: AxisKind,
    key: &'s Key,
    /// The key with its table, for messages.
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
        let site = Site { kind, key, path };
        match value.get_ref() {
            DeValue::Array(_) if kind != AxisKind::Random => {
                self.axis_values(site, value).map(AxisSpec::Values)
            }
            DeValue::Table(table) => self.axis_form(site, table, value),
            _ => self.no_axis(site, value),
        }
    }

    /// The values of a list; each one that is faulty is a fault of its own.
    fn axis_values(&mut self, site: Site<'_>, list: &Spanned<DeValue<'_>>) -> Option<Vec<Value>> {
        let Some(items) = list.get_ref().as_array() else { return self.no_axis(site, list) };
        if items.is_empty() {
            self.push(
                self.new_fault(&list.span(), site.path, Problem::EmptyAxis).expected("at least one value"),
            );
            return None;
        }
        let values: Vec<_> = items.iter().map(|item| self.check(site.key, site.path, item)).collect();
        values.into_iter().collect()
    }

    /// An axis written as a table: `{ log = [a, b], n = N }`.
    fn axis_form(
        &mut self,
        site: Site<'_>,
        table: &DeTable<'_>,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<AxisSpec> {
        let words = site.kind.words();
        let unknown: Vec<_> = table.keys().filter(|word| !words.contains(&&**word.get_ref())).collect();
        for word in &unknown {
            let nearest = schema::nearest(word.get_ref(), words.iter().copied());
            let path = format!("{}.{}", site.path, word.get_ref());
            let fault = self.new_fault(&word.span(), &path, Problem::UnknownKey);
            self.push(fault.expected(site.kind.expected()).nearest(nearest));
        }
        if !unknown.is_empty() {
            return None;
        }
        let mut forms = table.iter().filter(|(word, _)| word.get_ref() != "n");
        let (Some((word, argument)), None) = (forms.next(), forms.next()) else {
            return self.no_axis(site, value);
        };
        let n = table.get("n");
        match (word.get_ref().as_ref(), n) {
            ("values", None) => self.axis_values(site, argument).map(AxisSpec::Values),
            ("choice", _) => {
                self.axis_values(site, argument).map(|values| AxisSpec::Draw(Draw::Choice(values)))
            }
            (form @ ("linear" | "log"), Some(n)) => self.axis_range(site, form, argument, n),
            (form @ ("uniform" | "log_uniform" | "integer" | "log_integer"), _) => {
                self.axis_draw(site, form, argument).map(AxisSpec::Draw)
            }
            _ => self.no_axis(site, value),
        }
    }

    fn axis_range(
        &mut self,
        site: Site<'_>,
        form: &str,
        bounds: &Spanned<DeValue<'_>>,
        n: &Spanned<DeValue<'_>>,
    ) -> Option<AxisSpec> {
        let ends = self.axis_bounds(site, form, bounds);
        let count = Kind::Integer(2, MAX_POINTS);
        let Ok(Value::Integer(n)) = count.read(n.get_ref()) else {
            let problem = Problem::Unacceptable(self.document.excerpt(&n.span()));
            self.push(self.new_fault(&n.span(), &format!("{}.n", site.path), problem).expected(count));
            return None;
        };
        let (first, last) = ends?;
        let numbers = if form == "log" { range::log(first, last, n) } else { range::linear(first, last, n) };
        Some(AxisSpec::Values(range::of_kind(&numbers, site.key.kind)))
    }

    fn axis_draw(&mut self, site: Site<'_>, form: &str, bounds: &Spanned<DeValue<'_>>) -> Option<Draw> {
        let whole = form.ends_with("integer");
        if site.key.kind.is_numeric() && whole != matches!(site.key.kind, Kind::Integer(..)) {
            let path = format!("{}.{form}", site.path);
            let expected = if whole { "`uniform` or `log_uniform`" } else { "`integer` or `log_integer`" };
            let reason = format!("`{form}` for {}", site.key.kind);
            self.push(self.new_fault(&bounds.span(), &path, Problem::WrongType(reason)).expected(expected));
            return None;
        }
        let (low, high) = self.axis_bounds(site, form, bounds)?;
        if low >= high {
            let problem = Problem::Unacceptable(self.document.excerpt(&bounds.span()));
            let path = format!("{}.{form}", site.path);
            self.push(
                self.new_fault(&bounds.span(), &path, problem)
                    .expected("the lower bound before the upper one"),
            );
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
        site: Site<'_>,
        form: &str,
        bounds: &Spanned<DeValue<'_>>,
    ) -> Option<(f64, f64)> {
        let path = format!("{}.{form}", site.path);
        if !site.key.kind.is_numeric() {
            let problem = Problem::Unacceptable(form.to_owned());
            let expected = format!("values listed one by one, each {}", site.key.kind);
            self.push(self.new_fault(&bounds.span(), &path, problem).expected(expected));
            return None;
        }
        let items = bounds.get_ref().as_array().filter(|items| items.len() == 2);
        let Some(items) = items else {
            let problem = Problem::WrongType(self.document.describe(bounds));
            self.push(self.new_fault(&bounds.span(), &path, problem).expected("two numbers, `[a, b]`"));
            return None;
        };
        let ends: Vec<_> = items.iter().map(|item| self.check(site.key, &path, item)).collect();
        let numbers: Vec<f64> =
            ends.into_iter().map(|end| end.and_then(|end| end.as_number())).collect::<Option<_>>()?;
        let (first, last) = (numbers[0], numbers[1]);
        if form.starts_with("log") && (first <= 0.0 || last <= 0.0) {
            let problem = Problem::Unacceptable(self.document.excerpt(&bounds.span()));
            self.push(self.new_fault(&bounds.span(), &path, problem).expected("two numbers above 0"));
            return None;
        }
        Some((first, last))
    }

    fn no_axis<T>(&mut self, site: Site<'_>, value: &Spanned<DeValue<'_>>) -> Option<T> {
        let problem = Problem::WrongType(self.document.describe(value));
        self.push(self.new_fault(&value.span(), site.path, problem).expected(site.kind.expected()));
        None
    }
}
