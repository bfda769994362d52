//! Proposals, compared with those of a second implementation: `tests/golden/search_values.py`.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::parzen::Parzen;
use crate::{Dimension, Settings, Space, Trial, propose};

#[derive(Deserialize)]
struct Golden {
    spaces: BTreeMap<String, Vec<GoldenDimension>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct GoldenDimension {
    real: Option<[f64; 2]>,
    integer: Option<[u64; 2]>,
    choice: Option<usize>,
    #[serde(default)]
    log: bool,
}

#[derive(Deserialize)]
struct Case {
    space: String,
    trials: Vec<GoldenTrial>,
    uniforms: Vec<f64>,
    proposal: Proposal,
}

#[derive(Deserialize)]
struct GoldenTrial {
    point: Vec<Option<f64>>,
    value: Option<f64>,
}

#[derive(Deserialize)]
struct Proposal {
    point: Vec<f64>,
    good: f64,
    bad: f64,
}

impl GoldenDimension {
    fn dimension(&self) -> Dimension {
        let log = self.log;
        match (self.real, self.integer, self.choice) {
            (Some([low, high]), None, None) => Dimension::Real { low, high, log },
            (None, Some([low, high]), None) => Dimension::Integer { low, high, log },
            (None, None, Some(choices)) => Dimension::Choice(choices),
            _ => panic!("a dimension has one kind"),
        }
    }
}

fn effects(space: &str, point: &[f64]) -> Vec<bool> {
    if space == "conditional" { vec![true, point[0] < 0.5, point[0] > 0.5] } else { vec![true; point.len()] }
}

fn near(ours: f64, theirs: f64) -> bool {
    (ours - theirs).abs() <= 1e-8 * theirs.abs().max(1.0)
}

#[test]
fn proposals_and_densities_are_those_of_the_reference() {
    let golden: Golden = serde_json::from_str(include_str!("../../../tests/golden/search.json")).unwrap();
    assert!(golden.cases.len() >= 12);
    for (index, case) in golden.cases.iter().enumerate() {
        let space = Space::new(golden.spaces[&case.space].iter().map(GoldenDimension::dimension).collect());
        let trials: Vec<Trial> =
            case.trials.iter().map(|it| Trial { point: it.point.clone(), value: it.value }).collect();
        let mut uniforms = case.uniforms.iter().copied();
        let point =
            propose(&space, &trials, Settings::default(), &mut || uniforms.next().unwrap(), &mut |point| {
                Some(effects(&case.space, point))
            })
            .unwrap();
        assert_eq!(
            uniforms.next(),
            None,
            "case {index} draws one number for the kernel and one for each dimension"
        );
        let same = point.iter().zip(&case.proposal.point).all(|(ours, theirs)| near(*ours, *theirs));
        assert!(same, "case {index}: {point:?}, not {:?}", case.proposal.point);
        check_densities(&space, case, index);
    }
}

/// Compares both densities at the reference's proposal.
fn check_densities(space: &Space, case: &Case, index: usize) {
    let mut known: Vec<&GoldenTrial> = case.trials.iter().filter(|trial| trial.value.is_some()).collect();
    known.sort_by(|a, b| a.value.unwrap().total_cmp(&b.value.unwrap()));
    let (good, bad) = known.split_at(known.len().div_ceil(10).min(25));
    let open = case.trials.iter().filter(|trial| trial.value.is_none());
    let bad: Vec<&GoldenTrial> = bad.iter().copied().chain(open).collect();
    let Proposal { point, good: of_good, bad: of_bad } = &case.proposal;
    let has_effect = effects(&case.space, point);
    for (trials, theirs) in [(good, of_good), (&bad, of_bad)] {
        let parzen = Parzen::new(space, trials.iter().map(|trial| trial.point.as_slice()));
        let ours = parzen.log_density(point, &has_effect);
        assert!(near(ours, *theirs), "case {index}: {ours}, not {theirs}");
    }
}
