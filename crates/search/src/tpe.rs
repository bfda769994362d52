//! The proposal of a point.

use crate::parzen::Parzen;
use crate::space::Space;

/// Rounds of candidates that may all be unusable before the space counts as exhausted.
const ROUNDS: usize = 20;

/// Parameters of the method.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// The share of the trials that count as good.
    pub good_share: f64,
    /// The most trials that count as good.
    pub most_good: usize,
    /// Candidates of which the best becomes the proposal.
    pub candidates: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { good_share: 0.1, most_good: 25, candidates: 24 }
    }
}

/// A point that was proposed before.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Its coordinates; `None` for a dimension that has no effect at this point.
    pub point: Vec<Option<f64>>,
    /// Its value, smaller is better; infinite if it failed, `None` while it is not known.
    pub value: Option<f64>,
}

/// Proposes the next point; `None` if no usable one is found.
///
/// `uniform` gives random numbers from 0 to below 1. `effects` says which dimensions have an effect at a point, or `None` if
/// the point cannot be used: it is excluded, or has been tried.
///
/// Trials without a value count as bad (the constant liar of Ginsbourger et al. 2010 with the worst value), so that the points
/// of several proposals in flight lie apart. Without any value, the point is drawn from the whole space.
pub fn propose(
    space: &Space,
    trials: &[Trial],
    settings: Settings,
    uniform: &mut dyn FnMut() -> f64,
    effects: &mut dyn FnMut(&[f64]) -> Option<Vec<bool>>,
) -> Option<Vec<f64>> {
    let (good, bad) = split(trials, settings);
    let (good, bad) = (estimator(space, &good), estimator(space, &bad));
    let everywhere = estimator(space, &[]);
    for round in 0..ROUNDS {
        // Where all candidates of the good region are unusable, more of them would be unusable too.
        let source = if round == 0 { &good } else { &everywhere };
        let mut best: Option<(f64, Vec<f64>)> = None;
        for _ in 0..settings.candidates {
            let point = source.sample(uniform);
            let Some(has_effect) = effects(&point) else { continue };
            let gain = good.log_density(&point, &has_effect) - bad.log_density(&point, &has_effect);
            if best.as_ref().is_none_or(|(most, _)| gain > *most) {
                best = Some((gain, point));
            }
        }
        if let Some((_, point)) = best {
            return Some(point);
        }
    }
    None
}

/// The good trials and the others. Of equal values the earlier counts as better.
fn split(trials: &[Trial], settings: Settings) -> (Vec<&Trial>, Vec<&Trial>) {
    let mut known: Vec<(f64, &Trial)> =
        trials.iter().filter_map(|trial| Some((trial.value?, trial))).collect();
    known.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let most = ((known.len() as f64 * settings.good_share).ceil() as usize).min(settings.most_good);
    let good = known.iter().take(most).take_while(|(value, _)| value.is_finite()).count();
    let open = trials.iter().filter(|trial| trial.value.is_none());
    let ranked = known.into_iter().map(|(_, trial)| trial);
    (ranked.clone().take(good).collect(), ranked.skip(good).chain(open).collect())
}

fn estimator<'s>(space: &'s Space, trials: &[&Trial]) -> Parzen<'s> {
    Parzen::new(space, trials.iter().map(|trial| trial.point.as_slice()))
}
