//! For builds without libtorch: takes libtorch's devices from the program that was built with it.

use gansweep_train::{DeviceInfo, DeviceKind, DeviceName, Problem};

use super::probe::{Probe, VERSION};

/// Replaces the unusable libtorch devices of this build by those that the program at `program` lists. If
/// its answer cannot be used, that becomes the [`Problem`] of all of them.
pub(super) fn merge(devices: &mut Vec<DeviceInfo>, program: &str, answer: Result<String, String>) {
    match read(program, answer) {
        Ok(found) => {
            devices.retain(|device| !is_libtorch(device));
            devices.extend(found);
            devices.sort_by_key(|device| device.kind != DeviceKind::Cpu);
        }
        Err(problem) => {
            for device in devices.iter_mut().filter(|device| is_libtorch(device)) {
                device.problem = Some(problem.clone());
            }
        }
    }
}

/// The libtorch devices in a program's answer.
fn read(program: &str, answer: Result<String, String>) -> Result<Vec<DeviceInfo>, Problem> {
    let wrong = |cause: String| Problem {
        cause,
        remedy: "rebuild it: just setup-libtorch (or scripts/setup-libtorch)".to_owned(),
    };
    let text = answer.map_err(|cause| wrong(format!("{program} {cause}")))?;
    let probe: Probe = serde_json::from_str(text.trim()).map_err(|error| {
        wrong(format!(
            "{program} is no gansweep of version {VERSION}: its list of devices cannot be read ({error})"
        ))
    })?;
    if probe.version != VERSION {
        return Err(wrong(format!("{program} has version {}, and this program {VERSION}", probe.version)));
    }
    let found: Vec<_> = probe.devices.into_iter().filter(is_libtorch).collect();
    if !found.iter().any(|device| device.kind == DeviceKind::Cpu) {
        return Err(wrong(format!("{program} was built without libtorch")));
    }
    Ok(found)
}

fn is_libtorch(device: &DeviceInfo) -> bool {
    device.name.parse().is_ok_and(DeviceName::is_libtorch)
}

#[cfg(test)]
mod tests {
    use super::super::best;
    use super::*;

    fn device(name: &str, kind: DeviceKind) -> DeviceInfo {
        DeviceInfo::new(name.parse().unwrap(), "", "", kind)
    }

    /// The devices of a build without libtorch on a machine with a Vulkan and a CUDA GPU.
    fn without_libtorch() -> Vec<DeviceInfo> {
        let lacks =
            |device: DeviceInfo| device.with_problem("this build has no libtorch".into(), "set it up");
        vec![
            device("cpu", DeviceKind::Cpu),
            lacks(device("libtorch:cpu", DeviceKind::Cpu)),
            device("vulkan:0", DeviceKind::DiscreteGpu),
            lacks(device("libtorch:cuda:0", DeviceKind::DiscreteGpu)),
        ]
    }

    fn answer(version: &str, devices: &[DeviceInfo]) -> String {
        let probe = Probe { version: version.to_owned(), devices: devices.to_vec() };
        serde_json::to_string(&probe).unwrap()
    }

    fn merged(answer: Result<String, String>) -> Vec<DeviceInfo> {
        let mut devices = without_libtorch();
        merge(&mut devices, "/there/gansweep", answer);
        devices
    }

    #[test]
    fn devices_of_the_other_build_replace_those_that_this_one_lacks() {
        let theirs = [
            device("vulkan:0", DeviceKind::SoftwareGpu),
            device("libtorch:cpu", DeviceKind::Cpu),
            device("libtorch:cuda:0", DeviceKind::DiscreteGpu),
            device("libtorch:cuda:1", DeviceKind::DiscreteGpu),
        ];
        let all = merged(Ok(answer(VERSION, &theirs)));
        let names: Vec<_> = all.iter().map(|device| device.name.as_str()).collect();
        assert_eq!(names, ["cpu", "libtorch:cpu", "vulkan:0", "libtorch:cuda:0", "libtorch:cuda:1"]);
        assert!(all.iter().all(|device| device.problem.is_none()));
        assert_eq!(all[2].kind, DeviceKind::DiscreteGpu, "this build's own entry of the GPU is kept");
        assert_eq!(best(&all), DeviceName::LibtorchCuda(0));
    }

    #[test]
    fn another_version_is_refused_with_both_versions_and_the_remedy() {
        let all = merged(Ok(answer("0.0.1", &[device("libtorch:cpu", DeviceKind::Cpu)])));
        assert_eq!(all.len(), without_libtorch().len());
        for index in [1, 3] {
            let Problem { cause, remedy } = all[index].problem.as_ref().unwrap();
            assert!(cause.contains("/there/gansweep") && cause.contains("0.0.1"), "{cause}");
            assert!(cause.contains(VERSION) && remedy.contains("setup-libtorch"), "{cause}; {remedy}");
        }
        assert!(all[0].problem.is_none() && all[2].problem.is_none());
    }

    #[test]
    fn an_unusable_answer_names_the_program() {
        let answers = [
            (Err("crashed (signal: 11)".to_owned()), "crashed"),
            (Ok("[]".to_owned()), "is no gansweep"),
            (Ok(answer(VERSION, &[device("libtorch:cuda:0", DeviceKind::DiscreteGpu)])), "without libtorch"),
        ];
        for (answer, said) in answers {
            let all = merged(answer);
            let cause = &all[1].problem.as_ref().unwrap().cause;
            assert!(cause.starts_with("/there/gansweep ") && cause.contains(said), "{cause}");
        }
    }

    #[test]
    #[cfg(not(feature = "libtorch"))]
    fn a_replacement_program_is_queried_and_a_missing_one_is_named() {
        use std::process::Command;

        use super::super::list::list_by;

        let none = || Command::new("/no/such/program");
        let text = answer(VERSION, &[device("libtorch:cpu", DeviceKind::Cpu)]);
        let mut replacement = Command::new("printf");
        replacement.args(["%s", &text]);
        let problem_with = |other| {
            let devices = list_by(none(), other);
            devices.into_iter().find(|device| device.name == "libtorch:cpu").unwrap().problem
        };
        assert_eq!(problem_with(Some(replacement)), None);
        let missing = problem_with(Some(none())).unwrap().cause;
        assert!(missing.starts_with("/no/such/program could not be started"), "{missing}");
        assert!(problem_with(None).unwrap().cause.contains("this build has no libtorch"));
    }
}
