//! The median stopping rule (Golovin et al. 2017, section 3.2.2).
//!
//! A config ends at an epoch if its best value by then is worse than the median, over the configs that are completed, of
//! the running average of each up to that epoch.

use std::collections::{BTreeMap, HashMap, HashSet};

use gansweep_base::text;
use gansweep_config::{PlannedRun, Prune, RunId, RunState};
use gansweep_protocol::Metric;
use gansweep_statistics::median;
use gansweep_store::{RungDecision, RungRow};

use super::units::{Member, Units};
use super::{AddedRun, Decision, EpochReport, Pruner};

/// Completed configs that the rule needs. With fewer, one good config would end all others.
pub(super) const NEEDED: usize = 3;

/// Ends runs that are worse than the median of the completed ones.
#[derive(Debug)]
pub struct MedianPruner {
    prune: Prune,
    units: Units,
    /// Units whose runs are asked to end.
    stopped: HashSet<usize>,
    /// What is to be recorded of them once they have ended: a run may be over before it hears of it.
    asked: HashMap<RunId, RungRow>,
    changed: Vec<RungRow>,
}

impl MedianPruner {
    /// A pruner. `metric` is the one that `prune` names.
    pub fn new(prune: Prune, metric: Metric) -> Self {
        let units = Units::new(prune.seeds, metric);
        Self { prune, units, stopped: HashSet::new(), asked: HashMap::new(), changed: Vec::new() }
    }

    /// The scores of a unit at the epochs up to `last` at which all of its runs have a value.
    fn scores(&self, unit: usize, last: u32) -> BTreeMap<u32, f64> {
        let mut members = self.units.members_of(unit);
        let Some(first) = members.next() else { return BTreeMap::new() };
        let common = |epoch: &u32| self.units.members_of(unit).all(|member| member.value(*epoch).is_some());
        let epochs = first.values().range(..=last).map(|(epoch, _)| *epoch).filter(common);
        epochs.map(|epoch| (epoch, self.units.mean_score(self.units.members_of(unit), epoch))).collect()
    }

    /// The mean of a completed unit's scores up to an epoch; `None` for one that is not completed, and for one with a figure
    /// that is not finite.
    ///
    /// Runs that diverged or failed are not completed. With their averages as infinite, a sweep in which half of the configs
    /// diverge would have an infinite median, and no run would ever be worse.
    fn running_average(&self, unit: usize, last: u32) -> Option<f64> {
        if self.units.members_of(unit).any(|member| member.state != RunState::Completed) {
            return None;
        }
        let scores = self.scores(unit, last);
        let average = scores.values().sum::<f64>() / scores.len() as f64;
        average.is_finite().then_some(average)
    }

    /// The median of the completed units' running averages, and the number of these; `None` if they are too few.
    fn median(&self, of: usize, last: u32) -> Option<(f64, usize)> {
        let data = &self.units.unit(of).data;
        let others = (0..self.units.len()).filter(|unit| *unit != of && self.units.unit(*unit).data == *data);
        let averages: Vec<f64> = others.filter_map(|unit| self.running_average(unit, last)).collect();
        if averages.len() < NEEDED {
            return None;
        }
        Some((median(&averages)?, averages.len()))
    }

    /// Why a unit ends at an epoch; `None` if it goes on.
    fn verdict(&self, unit: usize, epoch: u32) -> Option<String> {
        if epoch < self.prune.min_epochs || epoch >= self.units.budget(unit) {
            return None;
        }
        let best = self.scores(unit, epoch).into_values().reduce(f64::min)?;
        let (median, count) = self.median(unit, epoch)?;
        let sign = self.units.score(1.0);
        let (best_value, median_value) = (text::measured(best * sign), text::measured(median * sign));
        (best > median).then(|| {
            format!(
                "after {}: best {} {best_value}, median of {count} completed {median_value}",
                text::count(epoch as usize, "epoch"),
                self.prune.metric
            )
        })
    }
}

impl Pruner for MedianPruner {
    fn metric(&self) -> Option<Metric> {
        Some(self.units.metric())
    }

    fn add(&mut self, runs: &[AddedRun<'_>]) {
        for added in runs {
            self.units.add(added);
        }
    }

    fn admits(&mut self, _run: &PlannedRun, state: RunState) -> bool {
        state != RunState::Pruned
    }

    fn observe(&mut self, report: &EpochReport<'_>) -> Vec<Decision> {
        let Some(member) = self.units.observe(report) else { return Vec::new() };
        let unit = self.units.member(member).unit;
        let members = || self.units.members_of(unit);
        if self.stopped.contains(&unit) || !members().all(|member| member.value(report.epoch).is_some()) {
            return Vec::new();
        }
        let Some(reason) = self.verdict(unit, report.epoch) else { return Vec::new() };
        let stop = |member: &Member| Decision::Stop { run: member.run.clone(), cause: reason.clone() };
        let row = |member: &Member| RungRow {
            run: member.run.clone(),
            epochs: report.epoch,
            bracket: 0,
            value: member.value(report.epoch),
            decision: RungDecision::Stopped,
            reason: reason.clone(),
        };
        let (decisions, rows): (Vec<_>, Vec<_>) =
            members().map(|member| (stop(member), (member.run.clone(), row(member)))).unzip();
        self.asked.extend(rows);
        self.stopped.insert(unit);
        decisions
    }

    fn ended(&mut self, run: &RunId, state: RunState, _step: u64) {
        let Some(member) = self.units.find(run) else { return };
        self.units.member_mut(member).state = state;
        match self.asked.remove(run) {
            Some(row) if state == RunState::Pruned => self.changed.push(row),
            // It has lost its worker, say: if it goes on, it is judged again.
            Some(_) => drop(self.stopped.remove(&self.units.member(member).unit)),
            None => {}
        }
    }

    fn on_idle(&mut self) -> Vec<Decision> {
        Vec::new()
    }

    fn take_rungs(&mut self) -> Vec<RungRow> {
        std::mem::take(&mut self.changed)
    }
}
