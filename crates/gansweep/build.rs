//! With the feature `libtorch`: lets the program find libtorch's libraries where it was built with
//! them, without `LD_LIBRARY_PATH`. What those libraries need they find by their own run paths.

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
        // Nothing names a symbol of it: it announces itself to libtorch when it is loaded, so the
        // linker would take it for unneeded.
        println!("cargo::rustc-link-arg-bins=-L{}", folder.display());
        println!("cargo::rustc-link-arg-bins=-Wl,--push-state,--no-as-needed,-ltorch_cuda,--pop-state");
    }
}
