//! On MNIST itself, where `GANSWEEP_DATA_DIR` says that it lies.

use gansweep_store::RunFilter;

use crate::sandbox::{Ended, SMALL, Sandbox};

#[test]
fn a_sweep_trains_on_mnist() {
    let Some(data) = std::env::var_os("GANSWEEP_DATA_DIR") else {
        eprintln!("skipped: GANSWEEP_DATA_DIR is not set");
        return;
    };
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL.replace("\"strokes\"", "\"mnist\""));
    let mut command = sandbox.command(&["sweep", "small.toml"]);
    Ended::of(&command.env("GANSWEEP_DATA_DIR", data).output().unwrap()).well();
    let sweep = sandbox.reader().sweep("small").unwrap();
    assert_eq!((sweep.dataset_requested.name(), sweep.dataset.name()), ("mnist", "mnist"));
    let runs = sandbox.reader().runs(&RunFilter::default()).unwrap();
    let real = sandbox.reader().real_images(&runs[0].data_fingerprint).unwrap();
    assert_eq!(real.len(), 1);
}
