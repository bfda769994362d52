//! A sweep: axes, seeds and exclusions of an experiment, checked against each other.

use serde::Serialize;

use crate::axis::{AxisKind, AxisSpec};
use crate::given::{Given, GivenAxis};
use crate::merge::SweepSettings;
use crate::schema::{self, Key};
use crate::{Fault, Layer, Place, Problem, Value};

/// What is swept.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Sweep {
    /// The seeds that every config is trained with.
    pub seeds: Vec<u64>,
    /// What combines with each other freely; the first changes slowest.
    pub factors: Vec<Factor>,
    /// Runs to leave out.
    pub exclude: Vec<Exclusion>,
    /// Axes without effect, because a later layer gives their key one value.
    pub pinned: Vec<Pinned>,
}

/// Axes that are walked together: a single one of the grid, all zipped ones, or all drawn ones.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Factor {
    /// How they combine with other factors.
    pub kind: AxisKind,
    /// At least one; all of one length.
    pub axes: Vec<Axis>,
}

/// A swept key and its values.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Axis {
    /// The key.
    pub key: &'static Key,
    /// Its values, in order.
    pub values: Vec<Value>,
    /// Where it stands.
    pub place: Place,
    /// The layer it came from.
    pub layer: Layer,
}

/// A partial assignment; a run that has all of its values is left out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Exclusion {
    /// Keys and their values.
    pub values: Vec<(&'static Key, Value)>,
    /// The seed, if it matters.
    pub seed: Option<u64>,
    /// Where it stands.
    pub place: Place,
}

/// An axis without effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pinned {
    /// Its key.
    pub key: &'static str,
    /// The layer that gives the key one value.
    pub layer: Layer,
}

impl Exclusion {
    /// The name under which a rule gives a seed.
    pub(crate) const SEED: &'static str = "seed";

    pub(crate) fn new(place: Place) -> Self {
        Self { values: Vec::new(), seed: None, place }
    }
}

impl Factor {
    /// How many steps it is walked in: as many as its shortest axis has values.
    pub fn len(&self) -> usize {
        self.axes.iter().map(|axis| axis.values.len()).min().unwrap_or(0)
    }

    /// Whether it has no values; never so for one of an experiment.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Sweep {
    /// Every axis, in the order of a run's assignments.
    pub fn axes(&self) -> impl Iterator<Item = &Axis> {
        self.factors.iter().flat_map(|factor| &factor.axes)
    }

    /// Configs before any is excluded or merged.
    pub fn configs(&self) -> u128 {
        self.factors.iter().map(|factor| factor.len() as u128).fold(1, u128::saturating_mul)
    }

    /// Builds the sweep that the layers (the lowest first) give together.
    pub(crate) fn new(layers: &[Given], settings: &SweepSettings, faults: &mut Vec<Fault>) -> Self {
        let mut pinned = Vec::new();
        let declared = declared_axes(layers, &mut pinned, faults);
        report_overlaps(&declared, faults);
        report_random(&declared, layers, settings, &pinned, faults);
        let n = settings.random.n.unwrap_or(0);
        let mut factors = Vec::new();
        for kind in AxisKind::ALL {
            let ours = declared.iter().filter(|declared| declared.axis.kind == kind);
            let axes = ours.map(|declared| declared.resolve(settings.random.seed, n));
            match kind {
                AxisKind::Grid => factors.extend(axes.map(|axis| Factor { kind, axes: vec![axis] })),
                AxisKind::Zip | AxisKind::Random => factors.push(Factor { kind, axes: axes.collect() }),
            }
        }
        for factor in &factors {
            report_lengths(factor, faults);
        }
        factors.retain(|factor| !factor.is_empty());
        let exclude = layers.iter().rev().find_map(|given| given.exclude.clone()).unwrap_or_default();
        Self { seeds: settings.seeds.clone(), factors, exclude, pinned }
    }
}

/// An axis with the layer that gives it.
struct Declared<'g> {
    axis: &'g GivenAxis,
    layer: &'g Layer,
}

impl Declared<'_> {
    fn resolve(&self, seed: u64, n: usize) -> Axis {
        let GivenAxis { key, spec, place, .. } = self.axis;
        let values = match spec {
            AxisSpec::Values(values) => values.clone(),
            AxisSpec::Draw(draw) => draw.values(seed, key.path, n),
        };
        Axis { key, values, place: place.clone(), layer: self.layer.clone() }
    }

    fn path(&self) -> String {
        format!("{}.\"{}\"", self.axis.kind.table(), self.axis.key.path)
    }

    fn fault(&self, problem: Problem) -> Fault {
        Fault::new(self.axis.place.clone(), Some(self.layer.clone()), self.path(), problem)
    }
}

/// The axes that count: of two on the same key that of the later layer, and none whose key a later
/// layer gives one value.
fn declared_axes<'g>(
    layers: &'g [Given],
    pinned: &mut Vec<Pinned>,
    faults: &mut Vec<Fault>,
) -> Vec<Declared<'g>> {
    let mut declared: Vec<Declared<'g>> = Vec::new();
    for given in layers {
        for value in &given.values {
            declared.retain(|earlier| {
                let covered = value.key.covers(earlier.axis.key);
                if covered {
                    pinned.push(Pinned { key: earlier.axis.key.path, layer: given.layer.clone() });
                } else if value.key.overlaps(earlier.axis.key) {
                    let key = earlier.axis.key.path;
                    let problem = Problem::PartOfAxis(key.to_owned(), earlier.axis.place.clone());
                    let fault =
                        Fault::new(value.place.clone(), Some(given.layer.clone()), value.key.path, problem);
                    faults.push(fault.expected(format_args!("a value for `{key}`, or another axis")));
                }
                !covered
            });
        }
        for axis in &given.axes {
            let axis = Declared { axis, layer: &given.layer };
            match declared.iter_mut().find(|earlier| earlier.axis.key == axis.axis.key) {
                Some(earlier) => *earlier = axis,
                None => declared.push(axis),
            }
        }
    }
    declared
}

/// Two axes on one key, by itself and through a shorthand.
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

/// Axes to draw without a number of draws, and the other way round.
fn report_random(
    declared: &[Declared<'_>],
    layers: &[Given],
    settings: &SweepSettings,
    pinned: &[Pinned],
    faults: &mut Vec<Fault>,
) {
    let n = "sweep.random.n";
    let drawn = declared.iter().find(|declared| declared.axis.kind == AxisKind::Random);
    match (drawn, settings.random.n) {
        (Some(drawn), None) => {
            let fault = Fault::new(drawn.axis.place.clone(), Some(drawn.layer.clone()), n, Problem::Missing);
            faults.push(fault.expected("the number of draws, `n = 20`, in `[sweep.random]`"));
        }
        // Where an axis to draw is faulty or pinned, there was something to draw.
        (None, Some(_))
            if pinned.is_empty() && !faults.iter().any(|fault| fault.key.starts_with("sweep.random.")) =>
        {
            let given = layers.iter().rev().find_map(|given| Some((given.value(n)?, &given.layer)));
            if let Some((value, layer)) = given {
                let fault = Fault::new(value.place.clone(), Some(layer.clone()), n, Problem::Useless);
                faults.push(fault.expected("keys to draw in `[sweep.random.keys]`"));
            }
        }
        _ => {}
    }
}

/// Axes that are walked together and differ in length.
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

/// The recipes that an axis goes through.
pub(crate) fn swept_recipes(sweep: &Sweep) -> impl Iterator<Item = &str> {
    let axes = sweep.axes().filter(|axis| axis.key.path == schema::RECIPE);
    axes.flat_map(|axis| &axis.values).filter_map(Value::as_text)
}
