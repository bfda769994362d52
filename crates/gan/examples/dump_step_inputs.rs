//! Writes every number that goes into the golden cases' steps as safetensors, one file a case, for
//! `tests/golden/generate.py` to compute the same steps with PyTorch:
//!
//! `cargo run --release -p gansweep-gan --example dump_step_inputs -- FOLDER`
//!
//! The training images need no dataset: they are drawn by a formula, which stands at `image` in
//! `crates/gan/tests/golden/case.rs`; initial weights, batch order, latents and dropout masks come from
//! the run's own streams.

#[path = "../tests/golden/case.rs"]
mod case;

use std::collections::HashMap;
use std::error::Error;
use std::path::PathBuf;

use case::Case;
use safetensors::tensor::{Dtype, TensorView};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os()
        .nth(1)
        .map(PathBuf::from)
        .ok_or("which folder shall the inputs be written to?")?;
    std::fs::create_dir_all(&folder)?;
    for case in Case::all() {
        let inputs = case.inputs();
        let bytes: Vec<(&String, &[usize], Vec<u8>)> = inputs
            .iter()
            .map(|(name, array)| {
                (name, &*array.shape, array.values.iter().flat_map(|v| v.to_le_bytes()).collect())
            })
            .collect();
        let views = bytes
            .iter()
            .map(|(name, shape, bytes)| Ok((name, TensorView::new(Dtype::F32, shape.to_vec(), bytes)?)))
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
        let metadata = HashMap::from([("sha256".to_owned(), case::digest(&inputs))]);
        let path = folder.join(format!("{}.safetensors", case.name));
        safetensors::serialize_to_file(views, Some(metadata), &path)?;
        println!("{}", path.display());
    }
    Ok(())
}
