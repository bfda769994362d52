//! With the feature `libtorch`: sets the program's run path to libtorch's libraries, so that it starts
//! without `LD_LIBRARY_PATH`. The libraries find their own dependencies by their own run paths.

use std::env;
use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=LIBTORCH");
    if env::var_os("CARGO_FEATURE_LIBTORCH").is_none() {
        return;
    }
    let Some(folder) = env::var_os("LIBTORCH").map(|it| PathBuf::from(it).join("lib")) else {
        println!("cargo::warning=LIBTORCH is not set: the program will need LD_LIBRARY_PATH to start");
        return;
    };
    println!("cargo::rustc-link-arg-bins=-Wl,-rpath,{}", folder.display());
    if folder.join("libtorch_cuda.so").exists() {
        // The library registers itself with libtorch when it is loaded. Nothing refers to its symbols, so
        // the linker would drop it as unneeded.
        println!("cargo::rustc-link-arg-bins=-L{}", folder.display());
        println!("cargo::rustc-link-arg-bins=-Wl,--push-state,--no-as-needed,-ltorch_cuda,--pop-state");
    }
}
