//! The space of an adaptive search: points of numbers, and the runs that they stand for.

use std::collections::BTreeMap;

use gansweep_search::Space;

use crate::draw::{self, Draw};
use crate::expand::assigned;
use crate::plan::trained_config;
use crate::schema::Key;
use crate::sweep::Factor;
use crate::{
    Assignment, AxisKind, Config, DataIdentity, DataRequest, Experiment, Plan, PlannedRun, Search, Value,
};

/// The space of an experiment's search. A point has a coordinate for each axis of `[sweep.random.keys]`: a number, or the
/// index of a choice.
#[derive(Debug, Clone)]
pub struct SearchSpace<'e> {
    experiment: &'e Experiment,
    search: &'e Search,
    /// The data that there is. A proposal that asks for other data cannot be trained.
    data: BTreeMap<DataRequest, DataIdentity>,
}

impl<'e> SearchSpace<'e> {
    /// The space of an experiment; `None` if it has no search. `data` returns what runs that ask for some images really train
    /// on, and is called for the images that the drawn trials ask for.
    pub fn new(experiment: &'e Experiment, data: &dyn Fn(DataRequest) -> DataIdentity) -> Option<Self> {
        let search = experiment.search.as_ref()?;
        let data = experiment.data_requests().into_iter().map(|asked| (asked, data(asked))).collect();
        Some(Self { experiment, search, data })
    }

    /// The settings.
    pub fn search(&self) -> &Search {
        self.search
    }

    /// The dimensions, in the order of the axes.
    pub fn dimensions(&self) -> Space {
        Space::new(self.axes().map(|(_, draw)| draw.dimension()).collect())
    }

    /// The number of dimensions.
    pub fn dimension_count(&self) -> usize {
        self.axes().count()
    }

    /// The points of the drawn trials.
    pub fn startup(&self) -> Vec<Vec<f64>> {
        let point = |trial: usize| {
            let axes = self.experiment.sweep.axes();
            let coordinate =
                |axis: &crate::Axis| axis.draw.as_ref()?.coordinate_of(&axis.values.get(trial)?.to_json());
            axes.map(coordinate).collect::<Option<Vec<f64>>>()
        };
        (0..self.search.startup).filter_map(point).collect()
    }

    /// Random numbers from 0 to below 1 for one trial.
    pub fn uniforms(&self, trial: usize) -> impl FnMut() -> f64 + use<> {
        draw::uniforms(self.search.seed, trial)
    }

    /// The runs of a point, one for each seed. None if the point is excluded, if its values conflict, or if its data is not
    /// at hand.
    pub fn runs(&self, point: &[f64]) -> Vec<PlannedRun> {
        let Some(values) = self.values(point) else { return Vec::new() };
        if self.config(&values).is_none() {
            return Vec::new();
        }
        let mut one = self.experiment.clone();
        let axes = one.sweep.factors.iter().flat_map(|factor| factor.axes.clone()).zip(values);
        let axes = axes.map(|(axis, value)| crate::Axis { values: vec![value], ..axis }).collect();
        one.sweep.factors = vec![Factor { kind: AxisKind::Random, axes }];
        Plan::new(&one, &|asked| self.data[&asked].clone()).map(|plan| plan.runs).unwrap_or_default()
    }

    /// Which axes change what is trained at a point: another value there gives another config.
    pub fn effects(&self, point: &[f64]) -> Vec<bool> {
        let Some(values) = self.values(point) else { return vec![false; point.len()] };
        let trained = self.config(&values);
        let has_effect = |(axis, (_, draw)): (usize, (&Key, &Draw))| {
            draw.others(&values[axis]).into_iter().any(|other| {
                let mut changed = values.clone();
                changed[axis] = other;
                self.config(&changed) != trained
            })
        };
        self.axes().enumerate().map(has_effect).collect()
    }

    /// The values of a point, for the record.
    pub fn assignments(&self, point: &[f64]) -> Vec<Assignment> {
        let values = self.values(point).unwrap_or_default();
        let assignment = |((key, _), value): ((&Key, _), Value)| Assignment {
            key: key.path.to_owned(),
            value: value.to_json(),
        };
        self.axes().zip(values).map(assignment).collect()
    }

    /// The point with these values; `None` if the space has no such point, because the experiment has other axes now.
    pub fn point(&self, assignments: &[Assignment]) -> Option<Vec<f64>> {
        let axes: Vec<(&Key, &Draw)> = self.axes().collect();
        let coordinate = |((key, draw), assignment): (&(&Key, &Draw), &Assignment)| {
            (key.path == assignment.key).then(|| draw.coordinate_of(&assignment.value))?
        };
        (axes.len() == assignments.len()).then(|| axes.iter().zip(assignments).map(coordinate).collect())?
    }

    fn axes(&self) -> impl Iterator<Item = (&'e Key, &'e Draw)> + use<'e> {
        self.experiment.sweep.axes().filter_map(|axis| Some((axis.key, axis.draw.as_ref()?)))
    }

    fn values(&self, point: &[f64]) -> Option<Vec<Value>> {
        self.axes().zip(point).map(|((_, draw), coordinate)| draw.value_at(*coordinate)).collect()
    }

    /// What is trained with these values; `None` if the data is not at hand.
    fn config(&self, values: &[Value]) -> Option<Config> {
        let chosen: Vec<(&Key, &Value)> = self.axes().map(|(key, _)| key).zip(values).collect();
        let (run, _) = assigned(self.experiment, &chosen);
        let identity = self.data.get(&DataRequest::from(&run.config.data))?;
        Some(trained_config(&run.config, identity))
    }
}
