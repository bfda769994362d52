//! What pruning has decided, by rung.

use std::collections::BTreeMap;

use gansweep_base::text::count;
use gansweep_store::{RungDecision, RungRow};

use crate::context::Rung;

/// One row per bracket and rung, ascending.
pub(super) fn rungs(rows: &[RungRow]) -> Vec<Rung> {
    let mut rungs: BTreeMap<(u32, u32), Rung> = BTreeMap::new();
    let brackets = rows.iter().map(|row| row.bracket).max().unwrap_or(0);
    for row in rows.iter().filter(|row| row.epochs > 0) {
        let rung = rungs.entry((row.bracket, row.epochs)).or_insert_with(|| Rung {
            bracket: (brackets > 0).then_some(row.bracket + 1),
            after: count(row.epochs as usize, "epoch"),
            runs: 0,
            promoted: 0,
            stays: 0,
            waits: 0,
            stopped: 0,
        });
        rung.runs += 1;
        match row.decision {
            RungDecision::Begun => {}
            RungDecision::Waits => rung.waits += 1,
            RungDecision::Promoted => rung.promoted += 1,
            RungDecision::Stays => rung.stays += 1,
            RungDecision::Stopped => rung.stopped += 1,
        }
    }
    rungs.into_values().collect()
}

#[cfg(test)]
mod tests {
    use gansweep_config::RunId;

    use super::*;

    fn row(epochs: u32, bracket: u32, decision: RungDecision) -> RungRow {
        let run = RunId::parse("0123456789abcdef").unwrap();
        RungRow { run, epochs, bracket, value: Some(1.0), decision, reason: String::new() }
    }

    #[test]
    fn decisions_are_counted_by_rung() {
        use RungDecision::{Promoted, Stays, Waits};
        let rows = [row(3, 0, Waits), row(1, 0, Promoted), row(1, 0, Stays), row(1, 0, Stays)];
        let rungs = rungs(&rows);
        let counts: Vec<_> =
            rungs.iter().map(|it| (it.after.as_str(), it.runs, it.promoted, it.stays, it.waits)).collect();
        assert_eq!(counts, [("1 epoch", 3, 1, 2, 0), ("3 epochs", 1, 0, 0, 1)]);
        assert!(rungs.iter().all(|rung| rung.bracket.is_none()), "one bracket needs no number");
    }

    #[test]
    fn brackets_are_numbered_from_one_and_dealing_is_no_rung() {
        use RungDecision::{Begun, Stays};
        let rungs = rungs(&[row(0, 0, Begun), row(0, 1, Begun), row(1, 0, Stays), row(3, 1, Stays)]);
        let found: Vec<_> = rungs.iter().map(|rung| (rung.bracket, rung.after.as_str())).collect();
        assert_eq!(found, [(Some(1), "1 epoch"), (Some(2), "3 epochs")]);
    }
}
