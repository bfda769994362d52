//! What a comparison means, in sentences.

use std::collections::BTreeMap;

use gansweep_base::text;
use gansweep_config::Assignment;
use gansweep_statistics::{ALPHA, GroupResult, Method, Noise, Verdict};

use crate::axes::EPOCHS;
use crate::values::EARLIER;
use crate::{ComparedConfig, ReplacedData, SweepComparison, Unit, Untested, Variance};

/// The most configs that a sentence names.
const MOST_NAMED: usize = 4;
/// The most keys beside the budget in a command.
const MOST_KEYS: usize = 3;

/// The label of a config.
pub fn label(comparison: &SweepComparison, group: usize) -> &str {
    let label = comparison.configs.get(group).map_or("", |config| config.label.as_str());
    if label.is_empty() { "the only config" } else { label }
}

/// When runs are compared: `after 5 epochs`.
pub fn when(comparison: &SweepComparison) -> String {
    match comparison.budget.is_best {
        true => format!("at their best checkpoints within {}", epochs(comparison)),
        false => format!("after {}", epochs(comparison)),
    }
}

/// The budget of the comparison: `5 epochs`, `5 to 20 epochs`.
pub fn epochs(comparison: &SweepComparison) -> String {
    let budget = comparison.budget;
    match budget.is_own && budget.largest > budget.epochs {
        true => format!("{} to {} epochs", budget.epochs, budget.largest),
        false => text::count(budget.epochs as usize, "epoch"),
    }
}

/// A p-value with three decimals.
pub fn p_value(p: f64) -> String {
    if p < 0.001 { "<0.001".to_owned() } else { format!("{p:.3}") }
}

/// The verdict first, then how it was reached and what limits it: the text below the table of `gansweep compare`.
pub fn about(comparison: &SweepComparison) -> Vec<String> {
    let mut sentences = vec![verdict(comparison, "--metric")];
    sentences.extend(failures_of_the_best(comparison));
    sentences.extend(method(comparison));
    sentences.extend(limits(comparison));
    sentences
}

/// What the numbers do not show by themselves: which values were compared, and which runs have none.
pub fn limits(comparison: &SweepComparison) -> Vec<String> {
    let mut sentences = budgets(comparison);
    sentences.extend(comparison.images.map(|images| {
        format!(
            "{} is that of {} of each run; values of other numbers of images are not comparable.",
            comparison.metric.title,
            text::count(images as usize, "generated image")
        )
    }));
    sentences.extend(pruned(comparison));
    sentences.extend(failures(comparison));
    if comparison.datasets > 1 && comparison.untested != Some(Untested::OtherData) {
        sentences.push(format!(
            "The runs train on {}: values of different data may not be comparable.",
            text::count(comparison.datasets, "dataset")
        ));
    }
    sentences.extend(comparison.replaced_data.iter().map(|ReplacedData { variant, asked, used }| {
        format!("The variant {variant} was trained on {used}, the fallback, since {asked} was not at hand.")
    }));
    sentences
}

/// What follows from the tests, in a sentence or two. `option` names the option that chooses another metric.
pub fn verdict(comparison: &SweepComparison, option: &str) -> String {
    let groups = &comparison.comparison.groups;
    let best = groups.first().map_or("", |best| label(comparison, best.group));
    match &comparison.comparison.verdict {
        Verdict::NotRanked => not_ranked(comparison, option),
        Verdict::NoValue => "No run has a value to compare.".to_owned(),
        Verdict::OneGroup if groups.len() == 1 => {
            "One config: there is nothing to compare it with.".to_owned()
        }
        Verdict::OneGroup => format!("Only {best} has a value: there is nothing to compare it with."),
        Verdict::Winner { largest_p } => {
            let others = match groups.iter().filter(|group| group.count > 0).count() {
                compared if compared < groups.len() => "all others with a value are",
                2 => "the other config is",
                _ => "all others are",
            };
            format!("{best} is best: {others} worse (p {}).", at_most(*largest_p))
        }
        Verdict::BestHasFailures { largest_p } => format!(
            "No winner: all others are worse than the runs of {best} that have a value (p {}), and some have none.",
            at_most(*largest_p)
        ),
        Verdict::Untested => match comparison.untested {
            Some(Untested::OtherData) => format!(
                "Not compared between data: each dataset has an evaluator of its own, so that values of {} differ with it.",
                comparison.metric.title
            ),
            _ => format!(
                "{best} has the best mean. Not tested: a search proposed most configs by earlier results, so that those \
                 with equal values of these keys are alike in others too."
            ),
        },
        Verdict::NoClearWinner { tied } => no_clear_winner(comparison, best, tied),
        Verdict::TooFew { smallest, comparisons, enough } => {
            let need = match comparisons {
                1 => format!("{ALPHA} is needed"),
                _ => format!("{comparisons} comparisons with the best need {ALPHA}/{comparisons}"),
            };
            let way_out = match enough {
                Some(runs) => {
                    format!(
                        " At least {runs} {} are needed; how many suffice depends on the differences.",
                        of_each(comparison)
                    )
                }
                None => String::new(),
            };
            let few = few(comparison, groups);
            format!(
                "{few} cannot tell: the smallest possible p is {}, and {need}.{way_out}",
                fraction(*smallest)
            )
        }
    }
}

fn not_ranked(comparison: &SweepComparison, option: &str) -> String {
    let title = comparison.metric.title;
    // Speed has a better side too, and says nothing of the images.
    let figures = comparison.ranking_metrics.iter().filter(|metric| metric.is_figure());
    let figures: Vec<&str> = figures.map(|metric| metric.name()).collect();
    let way_out = match figures.as_slice() {
        [] => format!(
            "`gansweep evaluate {}` measures the quality of the images, and `gansweep report` then ranks configs by it.",
            text::shell_word(&comparison.sweep)
        ),
        names => format!("Of what this sweep recorded, {option} ranks by {}.", names.join(", ")),
    };
    format!(
        "Not ranked: {title} does not say which config is better, since a high value and a low one can both mean \
         failure. {way_out}"
    )
}

fn no_clear_winner(comparison: &SweepComparison, best: &str, tied: &[usize]) -> String {
    let mut means = comparison.comparison.groups.iter().filter_map(|group| group.mean.map(f64::to_bits));
    let first = means.next();
    if means.all(|mean| Some(mean) == first) {
        return "No clear winner: all means are equal.".to_owned();
    }
    let mut names: Vec<&str> = tied.iter().take(MOST_NAMED).map(|group| label(comparison, *group)).collect();
    let more = format!("{} more", tied.len().saturating_sub(MOST_NAMED));
    names.extend((tied.len() > MOST_NAMED).then_some(more.as_str()));
    format!(
        "No clear winner: {best} has the best mean, and {} cannot be told from it (p above {ALPHA}): {}.",
        text::count(tied.len(), "config"),
        names.join("; ")
    )
}

fn of_each(comparison: &SweepComparison) -> &'static str {
    match comparison.unit {
        Unit::Run => "runs of each config",
        Unit::Draw => "draws for each config",
    }
}

/// `3 seeds`, `2 to 3 runs`, `8 draws`: what each config has.
fn few(comparison: &SweepComparison, groups: &[GroupResult]) -> String {
    let counts = || groups.iter().map(|group| group.count).filter(|count| *count > 0);
    let (least, most) = (counts().min().unwrap_or(0), counts().max().unwrap_or(0));
    let unit = match comparison.unit {
        Unit::Run if least == most && most == comparison.seeds => "seed",
        Unit::Run => "run",
        Unit::Draw => "draw",
    };
    if least == most { text::count(most, unit) } else { format!("{least} to {}", text::count(most, unit)) }
}

/// `1/3` where it is one of a whole number.
fn fraction(p: f64) -> String {
    let whole = (1.0 / p).round();
    if whole > 1.0 && (1.0 / p - whole).abs() < 1e-6 * whole {
        format!("1/{whole}")
    } else {
        text::measured(p)
    }
}

fn at_most(p: f64) -> String {
    if p < 0.001 { "below 0.001".to_owned() } else { format!("at most {p:.3}") }
}

/// Failed runs of the config with the best mean: the mean does not show them.
pub fn failures_of_the_best(comparison: &SweepComparison) -> Option<String> {
    let ranked = match comparison.comparison.verdict {
        Verdict::Untested => comparison.untested != Some(Untested::OtherData),
        Verdict::BestHasFailures { .. } | Verdict::NoClearWinner { .. } | Verdict::TooFew { .. } => true,
        _ => false,
    };
    let best = comparison.comparison.groups.first().filter(|best| ranked && best.excluded > 0)?;
    let runs = comparison.configs.get(best.group)?.runs;
    Some(format!(
        "Note that {} of the {} of {} {} no value.",
        best.excluded,
        text::count(runs, "run"),
        label(comparison, best.group),
        if best.excluded == 1 { "has" } else { "have" }
    ))
}

fn method(sweep: &SweepComparison) -> Option<String> {
    let comparison = &sweep.comparison;
    let paired_by = match (sweep.unit, sweep.configs.iter().any(|config| config.configs > 1)) {
        (Unit::Draw, _) => "paired by the drawn values",
        (Unit::Run, true) => "paired by seed and the other keys",
        // Runs of a config have nothing but the seed to differ in.
        (Unit::Run, false) => "paired by seed",
    };
    let unit = match sweep.unit {
        Unit::Run => "",
        Unit::Draw => "N: draws, each as the mean of its runs. ",
    };
    let tests: Vec<_> = comparison.groups.iter().filter_map(|group| group.difference).collect();
    let first = tests.first()?;
    let pairing = match tests.iter().filter(|test| test.is_paired_test).count() {
        0 => "of all values".to_owned(),
        paired if paired == tests.len() => format!("of the differences {paired_by}"),
        _ => format!("of the differences {paired_by}, or of all values where too few pairs are left"),
    };
    let exact = match tests.iter().all(|test| matches!(test.test.method, Method::Exact { .. })) {
        true => "exact permutation tests",
        false => "permutation tests, by random draws where there are over a million arrangements,",
    };
    let differences = if first.pairs > 1 { paired_by } else { "of the means" };
    Some(format!(
        "{unit}+-95%: half of the t-interval of the mean. DIFF: difference from the best, {differences}. P: {exact} \
         {pairing}, Holm-corrected: a config that differs from the best by chance alone has a P of {ALPHA} or less in at most one \
         of 20 sweeps, and among many such configs some one has it more often. A config that rarely collapses may look better in few runs than it is on average."
    ))
}

/// The arguments that divide the configs by their budgets too. Where they differ in many keys, only the budgets are named.
fn by_budgets(comparison: &SweepComparison) -> String {
    let mut keys: Vec<&str> = Vec::new();
    for Assignment { key, .. } in comparison.configs.iter().flat_map(|config| &config.assignments) {
        if !keys.contains(&key.as_str()) {
            keys.push(key);
        }
    }
    if keys.len() > MOST_KEYS {
        keys.retain(|key| ["recipe", "variant"].contains(key));
    }
    keys.into_iter().chain([EPOCHS]).flat_map(|key| [" --by ", key]).collect()
}

fn budgets(comparison: &SweepComparison) -> Vec<String> {
    let mut sentences = Vec::new();
    let budget = comparison.budget;
    if budget.largest > budget.epochs && !budget.is_own {
        sentences.push(format!(
            "Budgets differ ({} to {} epochs): all runs are compared after {}; `gansweep compare {}{}` compares each at its own.",
            budget.epochs,
            budget.largest,
            text::count(budget.epochs as usize, "epoch"),
            comparison.sweep,
            by_budgets(comparison)
        ));
    }
    if let Some((first, last)) = comparison.measured_epochs {
        let is_last = |epoch: f64| (epoch - f64::from(budget.epochs)).abs() < 1e-6;
        if budget.is_best {
            let [first, last] = [first, last].map(text::measured);
            sentences.push(match first == last {
                true => format!("The best checkpoints are of epoch {first}."),
                false => format!("The best checkpoints are of epochs {first} to {last}."),
            });
        } else if !budget.is_own && first < last {
            let [first, last] = [first, last].map(text::measured);
            sentences.push(format!("The last recorded values are of epochs {first} to {last}."));
        } else if !budget.is_own && !is_last(last) {
            sentences.push(format!("The last recorded values are of epoch {}.", text::measured(last)));
        }
    }
    sentences
}

fn pruned(comparison: &SweepComparison) -> Option<String> {
    let runs: usize = comparison.configs.iter().map(ComparedConfig::paused_or_pruned).sum();
    let (noun, verb) = (text::count(runs, "run"), if runs == 1 { "was" } else { "were" });
    (runs > 0).then(|| {
        format!(
            "{noun} {verb} paused or ended by pruning before {}: not compared, since only values of the same epoch are.",
            epochs(comparison)
        )
    })
}

fn failures(comparison: &SweepComparison) -> Option<String> {
    let mut causes: BTreeMap<&str, usize> = BTreeMap::new();
    for (cause, runs) in comparison.configs.iter().flat_map(ComparedConfig::failures) {
        *causes.entry(cause).or_default() += runs;
    }
    let runs: usize = causes.values().sum();
    let way_out = match causes.contains_key(EARLIER) {
        true => format!(
            " `gansweep evaluate {}` computes the figures of all latest checkpoints.",
            text::shell_word(&comparison.sweep)
        ),
        false => String::new(),
    };
    let causes: Vec<String> = causes.iter().map(|(cause, runs)| format!("{runs} {cause}")).collect();
    let (verb, be) = if runs == 1 { ("has", "is") } else { ("have", "are") };
    (runs > 0).then(|| {
        let runs = text::count(runs, "run");
        format!("{runs} {verb} no value ({}), and {be} in no mean.{way_out}", causes.join(", "))
    })
}

/// What limits the shares.
pub fn about_variance(comparison: &SweepComparison, variance: &Variance) -> Vec<String> {
    let mut sentences = Vec::new();
    match variance.noise_source {
        Noise::Seeds => {}
        Noise::Configs => sentences.push(
            "The intervals are those of other draws: effects are held against what else differs between the drawn configs."
                .to_owned(),
        ),
        Noise::Interactions => sentences.push(
            "Each config has one value, so interactions and the seed's share cannot be separated.".to_owned(),
        ),
        Noise::Unknown => sentences.push(
            "Nothing is left over beside the keys that tells how large the noise is: it is part of these shares."
                .to_owned(),
        ),
    }
    if comparison.is_proposed {
        sentences.push(
            "A search proposed most configs by earlier results, so that keys change together: the shares describe these configs, \
             and have no intervals."
                .to_owned(),
        );
    }
    if comparison.is_nested {
        sentences.push(
            "Values of one run at several budgets share its training: the shares have no intervals."
                .to_owned(),
        );
    }
    let constant = variance.axes.iter().filter(|axis| axis.is_constant);
    sentences.extend(constant.map(|axis| match axis.bins {
        Some(bins) => format!(
            "{}: its values are compared as {bins} groups, and all runs with a value are in the same one, so that its share \
             cannot be told.",
            axis.short
        ),
        None => {
            format!("{}: all runs with a value have the same one, so it explains nothing here.", axis.short)
        }
    }));
    if variance.axes.iter().any(|axis| axis.share.freedom == 0 && !axis.is_constant) {
        sentences.push("A key without a share changes only together with others.".to_owned());
    }
    sentences
}
