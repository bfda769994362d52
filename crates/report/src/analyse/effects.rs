//! What each key explains, and what its values do.

use gansweep_base::text::count;
use gansweep_compare::{AxisEffects, SweepComparison, sentences};
use gansweep_statistics::{Effect, Interval, Noise};

use super::scale::Scale;
use super::text;
use crate::context::{Explained, KeyEffects, Level, Number};

/// What explains the variance, the largest share first, and what limits that.
pub(super) fn shares(comparison: &SweepComparison) -> (Vec<Explained>, Vec<String>) {
    let Some(variance) = &comparison.variance else { return (Vec::new(), Vec::new()) };
    let mut shares: Vec<Explained> = variance
        .axes
        .iter()
        .map(|axis| {
            let known = axis.share.freedom > 0;
            let bins = axis.bins.map_or_else(String::new, |bins| format!(" (in {bins} bins)"));
            let title = format!("{}{bins}", axis.short);
            explained(axis.keys.clone(), &title, known.then_some(axis.share.share), axis.share.interval)
        })
        .collect();
    let place = |share: &Explained| share.percent.map_or(f64::INFINITY, |percent| -percent.0);
    shares.sort_by(|a, b| place(a).total_cmp(&place(b)));
    let rest = |title: &str, share: f64| explained(Vec::new(), title, Some(share), None);
    match variance.noise_source {
        Noise::Seeds | Noise::Configs => {
            shares.push(rest("interactions", variance.interactions));
            shares.push(rest("seed", variance.seed));
        }
        Noise::Interactions => shares.push(rest("interactions and seed", variance.seed)),
        Noise::Unknown => {}
    }
    (shares, sentences::about_variance(comparison, variance))
}

fn explained(keys: Vec<String>, title: &str, share: Option<f64>, interval: Option<Interval>) -> Explained {
    let percent = |share: f64| Number::rounded((1000.0 * share).round() / 10.0);
    let range = |it: Interval| format!(" ({:.0} to {:.0} %)", 100.0 * it.low, 100.0 * it.high);
    let text = match share {
        Some(share) => format!("{:.0} %{}", 100.0 * share, interval.map(range).unwrap_or_default()),
        None => "not separable".to_owned(),
    };
    Explained {
        keys,
        title: title.to_owned(),
        percent: share.map(percent),
        interval: interval.map(|it| [percent(it.low), percent(it.high)]),
        text,
        significant: interval.map(|it| it.low > 0.0),
    }
}

/// What the values of each key do, on one scale for all keys, in the order of the shares.
pub(super) fn effects(axes: &[AxisEffects], shares: &[Explained]) -> Vec<KeyEffects> {
    let all = axes.iter().flat_map(|axis| &axis.levels).filter_map(|level| level.effect);
    let ends = |effect: Effect| (effect.effect, effect.interval.map(|it| (it.low, it.high)));
    // The mean of all runs is on the scale, since effects are differences from it.
    let Some(scale) = Scale::of(all.map(ends).chain([(0.0, None)])) else { return Vec::new() };
    let known = axes.iter().flat_map(|axis| &axis.levels).filter_map(|level| level.effect);
    let decimals = text::decimals(known.map(|effect| effect.effect));
    let level = |level: &gansweep_compare::LevelEffect| {
        let mark = level.effect.map(|effect| {
            let (value, span) = ends(effect);
            scale.mark(value, span, effect_text(&effect, decimals))
        });
        let interval = level.effect.and_then(|effect| effect.interval);
        Level {
            text: level.text.clone(),
            mark,
            significant: interval.is_some_and(|interval| !interval.contains(0.0)),
        }
    };
    let of_share = |share: &Explained| {
        let axis = axes.iter().find(|axis| axis.keys == share.keys)?;
        Some(KeyEffects {
            keys: axis.keys.clone(),
            title: axis.short.clone(),
            levels: axis.levels.iter().map(level).collect(),
            zero: scale.place(0.0),
        })
    };
    shares.iter().filter_map(of_share).collect()
}

/// `-1.2 ± 0.3, 12 runs`.
fn effect_text(effect: &Effect, decimals: usize) -> String {
    let half = effect.interval.map(|it| format!(" ± {}", text::fixed(it.half_width(), decimals)));
    let sign = if effect.effect > 0.0 { "+" } else { "" };
    format!(
        "{sign}{}{}, {}",
        text::fixed(effect.effect, decimals),
        half.unwrap_or_default(),
        count(effect.count, "run")
    )
}
