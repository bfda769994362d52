//! Pruning at rungs: successive halving (Jamieson and Talwalkar 2016), Hyperband (Li et al. 2018) and ASHA (Li et al.
//! 2020).
//!
//! A run pauses by itself at each rung. Of `n` configs that have come to a rung, the best `n / factor`, rounded down, go
//! on. Successive halving decides once all have come, ASHA whenever a slot is free, about those that have come so far. In
//! both, once nothing else is left to train, at least one goes on, so that some config always reaches the budget. A
//! config without a value does not go on.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use gansweep_config::{PlannedRun, Prune, PruneMethod, RunId, RunState};
use gansweep_protocol::Metric;
use gansweep_store::{RungDecision, RungRow};

use super::units::{Member, Priced, Units, ordinal, share};
use super::{AddedRun, Decision, EpochReport, Pruner};

/// Lets runs go on from rung to rung.
#[derive(Debug)]
pub struct RungPruner {
    prune: Prune,
    units: Units,
    /// By unit.
    brackets: Vec<u32>,
    /// Number of units in each bracket, by data.
    dealt: HashMap<String, Vec<u64>>,
    rungs: BTreeMap<Rung, Ranking>,
    /// The score of each unit that has come to a rung.
    scores: HashMap<(usize, u32), f64>,
    promoted: BTreeSet<(usize, u32)>,
    restored: HashMap<RunId, Vec<RungRow>>,
    /// The latest row of each run and rung.
    rows: HashMap<(RunId, u32), RungRow>,
    changed: BTreeSet<(RunId, u32)>,
}

/// A rung of a bracket: configs on the same data are compared there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Rung {
    data: String,
    bracket: u32,
    epochs: u32,
}

/// The units that have come to a rung, the best first; equal ones by id.
type Ranking = BTreeSet<Ranked>;

#[derive(Debug, Clone, PartialEq)]
struct Ranked {
    /// Not NaN.
    score: f64,
    id: String,
    unit: usize,
}

impl Eq for Ranked {}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.score.total_cmp(&other.score).then_with(|| self.id.cmp(&other.id))
    }
}

/// What the ranking of a rung says of a unit.
struct Verdict {
    unit: usize,
    goes_on: bool,
    reason: String,
}

impl RungPruner {
    /// A pruner by a method with rungs. `metric` is the one that `prune` names.
    pub fn new(prune: Prune, metric: Metric) -> Self {
        Self {
            units: Units::new(prune.seeds, metric),
            prune,
            brackets: Vec::new(),
            dealt: HashMap::new(),
            rungs: BTreeMap::new(),
            scores: HashMap::new(),
            promoted: BTreeSet::new(),
            restored: HashMap::new(),
            rows: HashMap::new(),
            changed: BTreeSet::new(),
        }
    }

    /// The rungs at which a unit is compared, ascending: those of its bracket.
    fn rungs_of(&self, unit: usize) -> Vec<u32> {
        let rungs = self.prune.rungs(self.units.budget(unit));
        rungs.into_iter().skip(self.brackets[unit] as usize).collect()
    }

    fn rung(&self, unit: usize, epochs: u32) -> Rung {
        Rung { data: self.units.unit(unit).data.clone(), bracket: self.brackets[unit], epochs }
    }

    /// Whether a unit may go on from a rung: it was decided, or all of its runs have gone on anyway.
    fn is_promoted(&self, unit: usize, epochs: u32) -> bool {
        let mut due = self.due(unit, epochs).filter(|member| !member.is_dead()).peekable();
        self.promoted.contains(&(unit, epochs))
            || (due.peek().is_some() && due.all(|member| member.is_beyond(epochs)))
    }

    /// The runs of a unit that come by a rung.
    fn due(&self, unit: usize, epochs: u32) -> impl Iterator<Item = &Member> {
        self.units.members_of(unit).filter(move |member| member.budget > epochs)
    }

    /// The score of a unit at a rung; `None` while one of its runs is on its way.
    fn score(&self, unit: usize, epochs: u32) -> Option<f64> {
        let is_coming = |member: &Member| !member.has_reached(epochs) && !member.is_dead();
        let mut due = self.due(unit, epochs).peekable();
        if due.peek().is_none() || due.any(is_coming) {
            return None;
        }
        Some(self.units.mean_score(self.due(unit, epochs), epochs))
    }

    /// Puts a unit into the rankings of the rungs that it has come to, in the place that it has by now.
    fn rank(&mut self, unit: usize) {
        let mut may_come = true;
        for epochs in self.rungs_of(unit) {
            let score = if may_come { self.score(unit, epochs) } else { None };
            self.set_score(unit, epochs, score);
            may_come &= self.is_promoted(unit, epochs);
        }
    }

    fn set_score(&mut self, unit: usize, epochs: u32, score: Option<f64>) {
        let before = self.scores.get(&(unit, epochs)).copied();
        if before == score {
            return;
        }
        let ranking = self.rungs.entry(self.rung(unit, epochs)).or_default();
        let id = &self.units.unit(unit).id;
        if let Some(score) = before {
            ranking.remove(&Ranked { score, id: id.clone(), unit });
            self.scores.remove(&(unit, epochs));
        }
        if let Some(score) = score {
            ranking.insert(Ranked { score, id: id.clone(), unit });
            self.scores.insert((unit, epochs), score);
        }
    }

    /// Puts new units into brackets: as Hyperband does, so that each bracket has its share of all. By id, which has
    /// nothing to do with the values of axes.
    fn deal(&mut self, mut new: Vec<usize>) {
        new.sort_by(|a, b| self.units.unit(*a).id.cmp(&self.units.unit(*b).id));
        self.brackets.resize(self.units.len(), 0);
        let restored = |pruner: &Self, unit: usize| {
            let mut rows =
                pruner.units.members_of(unit).filter_map(|member| pruner.restored.get(&member.run));
            rows.find_map(|rows| rows.first()).map(|row| row.bracket)
        };
        let (known, unknown): (Vec<usize>, Vec<usize>) =
            new.into_iter().partition(|unit| restored(self, *unit).is_some());
        for unit in known {
            let bracket = restored(self, unit).unwrap_or(0);
            self.put_into(unit, bracket);
        }
        for unit in unknown {
            let bracket = match self.prune.method {
                PruneMethod::Hyperband => self.next_bracket(unit),
                _ => 0,
            };
            self.put_into(unit, bracket);
        }
    }

    fn put_into(&mut self, unit: usize, bracket: u32) {
        self.brackets[unit] = bracket;
        let counts = self.dealt.entry(self.units.unit(unit).data.clone()).or_default();
        let index = bracket as usize;
        if counts.len() <= index {
            counts.resize(index + 1, 0);
        }
        counts[index] += 1;
        if self.prune.method == PruneMethod::Hyperband {
            // Without this row, a sweep that is killed before the first rung would deal anew.
            for run in self.units.members_of(unit).map(|member| member.run.clone()).collect::<Vec<_>>() {
                self.note(RungRow {
                    run,
                    epochs: 0,
                    bracket,
                    value: None,
                    decision: RungDecision::Begun,
                    reason: String::new(),
                });
            }
        }
    }

    /// The bracket that is furthest behind its share. Bracket `b` of `m` rungs begins at rung `b` and has, as published,
    /// `ceil((m + 1) / (s + 1) factor^s)` of a round's configs, with `s = m - b`.
    fn next_bracket(&self, unit: usize) -> u32 {
        let rungs = self.prune.rungs(self.units.budget(unit)).len() as u32;
        let share = |bracket: u32| {
            let s = rungs - bracket;
            let power = u64::from(self.prune.factor).saturating_pow(s);
            (u64::from(rungs) + 1).saturating_mul(power).div_ceil(u64::from(s) + 1)
        };
        let counts = self.dealt.get(&self.units.unit(unit).data);
        let count =
            |bracket: u32| counts.and_then(|counts| counts.get(bracket as usize)).copied().unwrap_or(0);
        let load = |bracket: &u32| (count(*bracket) + 1) as f64 / share(*bracket) as f64;
        (0..=rungs).min_by(|a, b| load(a).total_cmp(&load(b))).unwrap_or(0)
    }

    /// Decides at every rung where it is time to, and lets runs go on.
    fn decide(&mut self, all_proposed: bool, is_idle: bool) -> Vec<Decision> {
        let mut decisions = Vec::new();
        let rungs: Vec<Rung> = self.rungs.keys().cloned().collect();
        for rung in rungs {
            let is_last_word = match self.prune.method {
                PruneMethod::Asha => is_idle,
                _ => is_idle || (all_proposed && self.is_complete(&rung)),
            };
            if is_last_word || self.prune.method == PruneMethod::Asha {
                self.decide_at(&rung, is_last_word, &mut decisions);
            }
        }
        decisions
    }

    /// Whether every unit has come to a rung that comes there at all.
    fn is_complete(&self, rung: &Rung) -> bool {
        let comes = |unit: usize| {
            let rungs = self.rungs_of(unit);
            let place = rungs.iter().position(|epochs| *epochs == rung.epochs);
            place.is_some_and(|place| place == 0 || self.is_promoted(unit, rungs[place - 1]))
        };
        let of_bracket =
            |unit: &usize| self.brackets[*unit] == rung.bracket && self.units.unit(*unit).data == rung.data;
        let coming = (0..self.units.len()).filter(of_bracket).filter(|unit| comes(*unit)).count();
        self.rungs.get(rung).is_some_and(|ranking| ranking.len() == coming)
    }

    fn decide_at(&mut self, rung: &Rung, is_last_word: bool, decisions: &mut Vec<Decision>) {
        for verdict in self.verdicts(rung, is_last_word) {
            let Verdict { unit, goes_on, reason } = verdict;
            let is_new = goes_on && self.promoted.insert((unit, rung.epochs));
            let decision = if goes_on { RungDecision::Promoted } else { RungDecision::Stays };
            let due: Vec<(RunId, Option<f64>, bool)> = self
                .due(unit, rung.epochs)
                .map(|member| (member.run.clone(), member.value(rung.epochs), member.stands_at(rung.epochs)))
                .collect();
            for (run, value, stands_there) in due {
                if is_new && stands_there {
                    decisions.push(Decision::Resume { run: run.clone() });
                }
                if is_new || !goes_on {
                    self.note(RungRow {
                        run,
                        epochs: rung.epochs,
                        bracket: rung.bracket,
                        value,
                        decision,
                        reason: reason.clone(),
                    });
                }
            }
        }
    }

    /// What the ranking says of the units that have come to a rung and have not gone on: of the best alone unless it is
    /// the last word.
    fn verdicts(&self, rung: &Rung, is_last_word: bool) -> Vec<Verdict> {
        let Some(ranking) = self.rungs.get(rung) else { return Vec::new() };
        let quota = match is_last_word {
            true => share(&self.prune, ranking.len()),
            false => ranking.len() / self.prune.factor as usize,
        };
        let with_value = ranking.iter().take(quota).filter(|ranked| ranked.score.is_finite()).count();
        let (so_far, verb) =
            (if is_last_word { "" } else { " so far" }, if with_value == 1 { "goes" } else { "go" });
        let judged = ranking.iter().enumerate().take(if is_last_word { ranking.len() } else { quota });
        // ASHA lets configs go on that were among the best of those that had come by then.
        let earlier =
            ranking.iter().skip(with_value).filter(|it| self.is_promoted(it.unit, rung.epochs)).count();
        let earlier = if earlier > 0 { format!(", {earlier} went on earlier") } else { String::new() };
        let open = judged.filter(|(_, ranked)| !self.is_promoted(ranked.unit, rung.epochs));
        let verdict = |(place, ranked): (usize, &Ranked)| {
            let (goes_on, rank) = (place < with_value, ordinal(place + 1));
            let reason = match ranked.score.is_finite() {
                true => format!("{rank} of {}{so_far}, {with_value} {verb} on{earlier}", ranking.len()),
                false => format!(
                    "no {} to compare, {with_value} of {} {verb} on{earlier}",
                    self.prune.metric,
                    ranking.len()
                ),
            };
            let reason =
                format!("rung of {}: {reason}", gansweep_base::text::count(rung.epochs as usize, "epoch"));
            Verdict { unit: ranked.unit, goes_on, reason }
        };
        open.map(verdict).collect()
    }

    /// The configs that are compared with each other: those on the same data in a bracket.
    pub(super) fn competitors(&self) -> Vec<Vec<Priced>> {
        let mut competitors: BTreeMap<(&str, u32), Vec<Priced>> = BTreeMap::new();
        for unit in 0..self.units.len() {
            let budgets = self.units.members_of(unit).map(|member| member.budget).collect();
            let key = (self.units.unit(unit).data.as_str(), self.brackets[unit]);
            competitors.entry(key).or_default().push(Priced { rungs: self.rungs_of(unit), budgets });
        }
        competitors.into_values().collect()
    }

    /// Notes a row that is to be recorded, if it says anything new.
    fn note(&mut self, row: RungRow) {
        let key = (row.run.clone(), row.epochs);
        if self.rows.get(&key).is_none_or(|known| !known.says(&row)) {
            self.rows.insert(key.clone(), row);
            self.changed.insert(key);
        }
    }
}

impl Pruner for RungPruner {
    fn metric(&self) -> Option<Metric> {
        Some(self.units.metric())
    }

    fn restore(&mut self, rungs: Vec<RungRow>) {
        for row in rungs {
            self.rows.insert((row.run.clone(), row.epochs), row.clone());
            self.restored.entry(row.run.clone()).or_default().push(row);
        }
    }

    fn add(&mut self, runs: &[AddedRun<'_>]) {
        let before = self.units.len();
        let units: BTreeSet<usize> = runs.iter().map(|added| self.units.add(added)).collect();
        self.deal((before..self.units.len()).collect());
        for added in runs {
            let Some(member) = self.units.find(&added.run.id) else { continue };
            let unit = self.units.member(member).unit;
            for row in self.restored.get(&added.run.id).into_iter().flatten() {
                if row.decision == RungDecision::Promoted {
                    self.promoted.insert((unit, row.epochs));
                }
            }
        }
        for unit in units {
            self.rank(unit);
        }
    }

    /// A run that stands at a rung waits there. A run that an earlier pruner left elsewhere goes on to the next rung.
    fn admits(&mut self, run: &PlannedRun, _state: RunState) -> bool {
        let Some(member) = self.units.find(&run.id) else { return true };
        let member = self.units.member(member);
        let waits = |epochs: &u32| {
            *epochs < member.budget && member.stands_at(*epochs) && !self.is_promoted(member.unit, *epochs)
        };
        !self.rungs_of(member.unit).iter().any(waits)
    }

    fn rungs(&self, run: &RunId) -> Vec<u32> {
        let Some(member) = self.units.find(run).map(|member| self.units.member(member)) else {
            return Vec::new();
        };
        let mut rungs = self.rungs_of(member.unit);
        rungs.retain(|epochs| *epochs < member.budget);
        rungs
    }

    fn pauses_at(&self, run: &RunId, step: u64) -> Option<u32> {
        let member = self.units.member(self.units.find(run)?);
        let pauses = |epochs: &u32| {
            *epochs < member.budget
                && member.step_of(*epochs) >= step
                && !self.is_promoted(member.unit, *epochs)
        };
        self.rungs_of(member.unit).into_iter().find(pauses)
    }

    fn observe(&mut self, report: &EpochReport<'_>) -> Vec<Decision> {
        if let Some(member) = self.units.observe(report) {
            let unit = self.units.member(member).unit;
            // It does not pause there.
            if self.promoted.contains(&(unit, report.epoch)) {
                self.units.member_mut(member).reach(report.step);
                self.rank(unit);
            }
        }
        Vec::new()
    }

    fn ended(&mut self, run: &RunId, state: RunState, step: u64) {
        let Some(member) = self.units.find(run) else { return };
        let ended = self.units.member_mut(member);
        ended.state = state;
        match state {
            RunState::Paused => ended.pause(step),
            RunState::Completed => ended.reach(step),
            _ => {}
        }
        let (unit, bracket) = (ended.unit, self.brackets[ended.unit]);
        self.rank(unit);
        let member = self.units.member(member);
        let at = self.rungs_of(unit).into_iter().find(|epochs| member.stands_at(*epochs));
        if let Some(epochs) = at.filter(|_| state == RunState::Paused) {
            let (value, decision, reason) = (member.value(epochs), RungDecision::Waits, String::new());
            self.note(RungRow { run: run.clone(), epochs, bracket, value, decision, reason });
        }
    }

    fn on_free_slot(&mut self, all_proposed: bool) -> Vec<Decision> {
        self.decide(all_proposed, false)
    }

    fn on_idle(&mut self) -> Vec<Decision> {
        self.decide(true, true)
    }

    fn take_rungs(&mut self) -> Vec<RungRow> {
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().filter_map(|key| self.rows.get(&key).cloned()).collect()
    }
}
