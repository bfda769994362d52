//! Where checkpoints are in the results folder. Events and the database name them by their paths relative to it.

use gansweep_config::RunId;

/// The folder of all checkpoints, in the results folder.
pub const CHECKPOINTS: &str = "checkpoints";
/// With as many digits, names are in the order of the steps.
const STEP_DIGITS: usize = 8;

/// The path of a run's checkpoint of a step, relative to the results folder.
pub fn checkpoint_path(run: &RunId, step: u64) -> String {
    with_digits(run, step, STEP_DIGITS)
}

/// Other names for the checkpoint, where a file with other content has the first: with more zeros before the step.
pub fn other_checkpoint_paths(run: &RunId, step: u64) -> impl Iterator<Item = String> {
    (STEP_DIGITS + 1..4 * STEP_DIGITS).map(move |digits| with_digits(run, step, digits))
}

fn with_digits(run: &RunId, step: u64, digits: usize) -> String {
    format!("{CHECKPOINTS}/{run}/step-{step:0digits$}.safetensors")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_paths_of_a_checkpoint_differ_in_zeros() {
        let run = RunId::parse("0123456789abcdef").unwrap();
        assert_eq!(checkpoint_path(&run, 12), "checkpoints/0123456789abcdef/step-00000012.safetensors");
        let others: Vec<String> = other_checkpoint_paths(&run, 12).collect();
        assert_eq!(others[0], "checkpoints/0123456789abcdef/step-000000012.safetensors");
        assert_eq!(others.len(), 23);
    }
}
