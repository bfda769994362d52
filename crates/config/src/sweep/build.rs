//! The sweep that the layers define together, with its axes checked against each other.

use gansweep_base::spelling::nearest;

use super::declared::{Declared, Drawn};
use super::declared_variants::{DeclaredVariants, ONE_BUDGET};
use super::{Exclusion, Factor, Pinned, Sweep};
use crate::axis::AxisKind;
use crate::merge::SweepSettings;
use crate::parsed_layer::{ParsedAxis, ParsedLayer, ParsedValue};
use crate::schema::{EXCLUDE, Effect, Key, VARIANT, VARIANTS, find};
use crate::{Fault, Layer, Problem, Search, Variant};

impl Sweep {
    /// Merges the axes and exclusions of the layers, the lowest layer first.
    pub(crate) fn new(
        layers: &[ParsedLayer],
        settings: &SweepSettings,
        search: Option<&Search>,
        faults: &mut Vec<Fault>,
    ) -> Self {
        let mut pinned = Vec::new();
        let declared = declared_axes(layers, &mut pinned, faults);
        report_overlaps(&declared, faults);
        let mut replaced = Vec::new();
        let variants = DeclaredVariants::new(layers, &declared, &mut replaced, faults);
        let n = if let Some(search) = search {
            report_searched(&declared, variants.as_ref(), layers, faults);
            search.startup
        } else {
            report_random(&declared, layers, settings, &pinned, faults);
            settings.random.n.unwrap_or(0)
        };
        pinned.extend(replaced);
        // The layer that pins an axis, or a later one, may have an axis or variants of its own on the key.
        pinned.retain(|pinned| {
            let decides = |key: &Key| {
                let mut axes = declared.iter();
                axes.any(|axis| axis.axis.key.overlaps(key))
                    || (!pinned.is_of_variants && variants.as_ref().is_some_and(|it| it.decide(key)))
            };
            !find(pinned.key).is_some_and(decides)
        });
        let drawn = Drawn { seed: settings.random.seed, n };
        let variants_kind = if search.is_some() { AxisKind::Random } else { AxisKind::Grid };
        let mut factors = Vec::new();
        for kind in AxisKind::ALL {
            let ours = declared.iter().filter(|declared| declared.axis.kind == kind);
            let variants = variants.iter().filter(|_| kind == variants_kind);
            let axes = variants.map(|variants| variants.resolve(kind, drawn));
            let axes = axes.chain(ours.map(|declared| declared.resolve(drawn)));
            match kind {
                AxisKind::Grid => factors.extend(axes.map(|axis| Factor { kind, axes: vec![axis] })),
                AxisKind::Zip | AxisKind::Random => factors.push(Factor { kind, axes: axes.collect() }),
            }
        }
        for factor in &factors {
            report_lengths(factor, faults);
        }
        factors.retain(|factor| !factor.is_empty());
        let variants = variants.map_or_else(Vec::new, |declared| declared.variants);
        let seeds = settings.seeds.clone();
        let places = |(place, variant): (usize, &Variant)| (variant.name.clone(), place);
        let variant_places = variants.iter().enumerate().map(places).collect();
        let mut sweep = Self { seeds, variants, variant_places, factors, exclude: Vec::new(), pinned };
        if let Some((layer, rules)) =
            layers.iter().rev().find_map(|it| Some((&it.layer, it.exclude.as_ref()?)))
        {
            let with_values = |rule| sweep.with_values(rule, layer, layers, faults);
            sweep.exclude = rules.iter().filter_map(with_values).collect();
        }
        sweep
    }
}

impl Sweep {
    /// The rule with the values that its names stand for; `None` if no layer has such a name. A name that a later layer has
    /// replaced stays, and no run has it.
    fn with_values(
        &self,
        rule: &Exclusion,
        layer: &Layer,
        layers: &[ParsedLayer],
        faults: &mut Vec<Fault>,
    ) -> Option<Exclusion> {
        let mut rule = rule.clone();
        for (key, value) in &mut rule.values {
            let Some(name) = value.as_text().filter(|_| key.kind.is_list() || **key == VARIANT) else {
                continue;
            };
            let axis = self.axes().find(|axis| axis.key == *key);
            if let Some(named) = axis.and_then(|axis| axis.names.value(name)) {
                *value = named;
                continue;
            }
            // A later layer has replaced the axis that the rule is about: the rule matches no run. Or the axis is faulty.
            let is_replaced = layers.iter().any(|parsed| parsed.has_name(key, name));
            if is_replaced || faults.iter().any(|fault| fault.casts_doubt_on(key)) {
                continue;
            }
            let known: Vec<&str> = axis.map_or_else(Vec::new, |axis| axis.names.all());
            let path = format!("{EXCLUDE}.\"{}\"", key.path);
            let problem = Problem::Unacceptable(name.to_owned());
            let fault = Fault::new(rule.place.clone(), Some(layer.clone()), path, problem);
            let expected = match known[..] {
                [] if **key == VARIANT => format!("variants, `[{VARIANTS}.NAME]`"),
                [] => format!("{}, or the name of a value of its axis", key.kind),
                _ => format!("a value of the axis: {}", known.join(", ")),
            };
            faults.push(fault.expected(expected).nearest(nearest(name, known)));
            return None;
        }
        Some(rule)
    }
}

/// The axes in force. A later layer's axis replaces an earlier one on the same key, and a later layer's
/// single value removes it.
fn declared_axes<'g>(
    layers: &'g [ParsedLayer],
    pinned: &mut Vec<Pinned>,
    faults: &mut Vec<Fault>,
) -> Vec<Declared<'g>> {
    let mut declared: Vec<Declared<'g>> = Vec::new();
    for parsed in layers {
        for value in &parsed.values {
            declared.retain(|earlier| {
                let covered = value.key.covers(earlier.axis.key);
                if covered {
                    pinned.push(Pinned {
                        key: earlier.axis.key.path,
                        value: value.value.clone(),
                        layer: parsed.layer.clone(),
                        is_of_variants: false,
                    });
                } else if value.key.overlaps(earlier.axis.key) {
                    let key = earlier.axis.key.path;
                    let problem = Problem::PartOfAxis(key.to_owned(), earlier.axis.place.clone());
                    let fault =
                        Fault::new(value.place.clone(), Some(parsed.layer.clone()), value.key.path, problem);
                    faults.push(fault.expected(format_args!("a value for `{key}`, or another axis")));
                }
                !covered
            });
        }
        for axis in &parsed.axes {
            report_parts(parsed, axis, faults);
            let axis = Declared { axis, layer: &parsed.layer };
            match declared.iter_mut().find(|earlier| earlier.axis.key == axis.axis.key) {
                Some(earlier) => *earlier = axis,
                None => declared.push(axis),
            }
        }
    }
    declared
}

/// Reports values beside an axis, in one layer, that set a part of what it sweeps: the axis would replace them in every run.
fn report_parts(parsed: &ParsedLayer, axis: &ParsedAxis, faults: &mut Vec<Fault>) {
    let is_part = |value: &&ParsedValue| value.key.overlaps(axis.key) && !value.key.covers(axis.key);
    for value in parsed.values.iter().filter(is_part) {
        let problem = Problem::PartOfAxis(axis.key.path.to_owned(), axis.place.clone());
        let fault = Fault::new(value.place.clone(), Some(parsed.layer.clone()), value.key.path, problem);
        faults.push(fault.expected("no value, or axes on the other parts alone"));
    }
}

/// Reports two axes that set a common key, one of them through a shorthand.
fn report_overlaps(declared: &[Declared<'_>], faults: &mut Vec<Fault>) {
    for (index, later) in declared.iter().enumerate() {
        for earlier in &declared[..index] {
            if later.axis.key.overlaps(earlier.axis.key) {
                let problem = Problem::TwoAxes(earlier.axis.key.path.to_owned(), earlier.axis.place.clone());
                faults.push(later.fault(problem).expected("one of them"));
            }
        }
    }
}

/// Reports drawn axes without a number of draws, and a number of draws without axes.
fn report_random(
    declared: &[Declared<'_>],
    layers: &[ParsedLayer],
    settings: &SweepSettings,
    pinned: &[Pinned],
    faults: &mut Vec<Fault>,
) {
    let n = "sweep.random.n";
    let drawn = declared.iter().find(|declared| declared.axis.kind == AxisKind::Random);
    match (drawn, settings.random.n) {
        (Some(drawn), None) => {
            let fault = Fault::new(drawn.axis.place.clone(), Some(drawn.layer.clone()), n, Problem::Missing);
            faults.push(fault.expected("the number of draws, `n = 20`, in `[sweep.random]`, or a search, `method = \"tpe\"`, in `[search]`"));
        }
        // A drawn axis that is faulty or pinned is not here, but the number of draws was meant for it.
        (None, Some(_))
            if pinned.is_empty() && !faults.iter().any(|fault| fault.key.starts_with("sweep.random.")) =>
        {
            let last = layers.iter().rev().find_map(|parsed| Some((parsed.value(n)?, &parsed.layer)));
            if let Some((value, layer)) = last {
                let fault = Fault::new(value.place.clone(), Some(layer.clone()), n, Problem::Useless);
                faults.push(fault.expected("keys to draw in `[sweep.random.keys]`"));
            }
        }
        _ => {}
    }
}

/// Reports what an adaptive search does not take: listed values, a budget, no axes, a number of draws.
fn report_searched(
    declared: &[Declared<'_>],
    variants: Option<&DeclaredVariants<'_>>,
    layers: &[ParsedLayer],
    faults: &mut Vec<Fault>,
) {
    for axis in declared.iter().filter(|declared| declared.axis.kind != AxisKind::Random) {
        let fault = axis.fault(Problem::NotSearchable("an axis of `[sweep.random.keys]` can"));
        faults.push(
            fault.expected("`{ choice = [...] }` in `[sweep.random.keys]`, or `search.method = \"none\"`"),
        );
    }
    let random = || declared.iter().filter(|declared| declared.axis.kind == AxisKind::Random);
    for axis in random().filter(|declared| matches!(declared.axis.key.effect, Effect::Budget)) {
        let fault = axis.fault(Problem::NotSearchable(ONE_BUDGET));
        faults.push(fault.expected(format_args!("one value for `{}`", axis.axis.key.path)));
    }
    let given =
        |path: &str| layers.iter().rev().find_map(|parsed| Some((parsed.value(path)?, &parsed.layer)));
    let n = "sweep.random.n";
    if let Some((value, layer)) = given(n) {
        let fault = Fault::new(value.place.clone(), Some(layer.clone()), n, Problem::Useless);
        faults.push(fault.expected("`search.startup`, the number of drawn trials"));
    }
    let is_reported = faults.iter().any(|fault| fault.key.starts_with("sweep.random."));
    if let Some(variants) = variants {
        variants.report_budgets(faults);
    }
    if random().next().is_none()
        && variants.is_none()
        && !is_reported
        && let Some((value, layer)) = given("search.method")
    {
        let keys = AxisKind::Random.table();
        let fault = Fault::new(value.place.clone(), Some(layer.clone()), keys, Problem::Missing);
        faults.push(
            fault.expected("keys to search, such as `\"optimizer.lr\" = { log_uniform = [1e-5, 1e-2] }`"),
        );
    }
}

/// Reports axes of one factor that differ in length.
fn report_lengths(factor: &Factor, faults: &mut Vec<Fault>) {
    let Some((first, others)) = factor.axes.split_first() else { return };
    for other in others.iter().filter(|axis| axis.values.len() != first.values.len()) {
        let problem = Problem::ZipLengths(
            other.values.len(),
            first.key.path.to_owned(),
            first.values.len(),
            first.place.clone(),
        );
        let path = format!("{}.\"{}\"", factor.kind.table(), other.key.path);
        let fault = Fault::new(other.place.clone(), Some(other.layer.clone()), path, problem);
        faults.push(fault.expected("the same number of values"));
    }
}
