//! Builds requests from arguments and environment variables.

use gansweep_app::experiment::ExperimentRequest;
use gansweep_app::plan::PlanRequest;
use gansweep_app::{ExecutionRequest, Programs};
use gansweep_config::LoadOptions;
use gansweep_data::DataSource;

use crate::arguments::{ExecutionArgs, ExperimentArgs, ResultsArgs};
use crate::failure::Failure;

/// The request of `plan` and `sweep`.
pub(super) fn plan(
    experiment: &ExperimentArgs,
    execution: &ExecutionArgs,
    results: &ResultsArgs,
) -> Result<PlanRequest, Failure> {
    Ok(PlanRequest {
        experiment: self::experiment(experiment),
        execution: ExecutionRequest {
            devices: execution.devices.clone(),
            jobs: execution.jobs,
            fuse: execution.fuse,
        },
        results: results.results.clone(),
        programs: Programs::find()?,
        only: experiment.only.clone(),
    })
}

fn experiment(args: &ExperimentArgs) -> ExperimentRequest {
    let options = LoadOptions {
        profile: args.profile.clone(),
        sets: args.sets.clone(),
        // A value that is not UTF-8 is kept in a form that no key but a text accepts: it must not be ignored.
        env: std::env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, value.to_string_lossy().into_owned())))
            .collect(),
    };
    let data = DataSource::from_environment(args.data_dir.clone());
    ExperimentRequest { file: args.file.clone(), options, data }
}
