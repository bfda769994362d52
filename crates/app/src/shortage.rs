//! Telling a device that is too small for a group from one that is broken.
//!
//! Backends report both in the same way: as the text of an error, or of a panic. wgpu's panics are on
//! a thread of cubecl's, which goes on; what fails by it later says nothing of the reason any more.

use std::panic::{self, AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, Once, PoisonError};

use gansweep_base::text;
use gansweep_train::TrainError;

/// What is said where memory runs out, in lower case: by wgpu and CUDA, by cubecl, by libtorch's
/// allocator on the processor, by cuBLAS.
const COMPLAINTS: [&str; 5] = [
    "out of memory",
    "out of device memory",
    "can't allocate buffer of size",
    "can't allocate memory",
    "cublas_status_alloc_failed",
];

/// The first complaint of a thread that panicked.
static HEARD: Mutex<Option<String>> = Mutex::new(None);

/// Does `work` on a device; too little memory becomes [`TrainError::OutOfMemory`], whether it came as
/// an error or as a panic. Any other panic goes on.
pub(crate) fn tell_shortage<T>(
    device: &str,
    work: impl FnOnce() -> Result<T, TrainError>,
) -> Result<T, TrainError> {
    listen();
    let out_of_memory =
        |cause: &str| TrainError::OutOfMemory { device: device.to_owned(), cause: cause.to_owned() };
    let outcome = catch_unwind(AssertUnwindSafe(work));
    let heard = HEARD.lock().unwrap_or_else(PoisonError::into_inner).take();
    match outcome {
        Ok(Err(TrainError::Device { device, cause })) => match complaint(&cause).or(heard.as_deref()) {
            Some(line) => Err(out_of_memory(line)),
            None => Err(TrainError::Device { device, cause }),
        },
        Ok(result) => result,
        Err(panic) => match complaint(text::panic(&*panic)).or(heard.as_deref()) {
            Some(line) => Err(out_of_memory(line)),
            None => resume_unwind(panic),
        },
    }
}

/// From now on complaints of panicking threads are heard, and only the first is printed: cubecl's
/// thread makes one for each operation that follows.
fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            let Some(line) = complaint(text::panic(panic.payload())) else { return usual(panic) };
            let mut heard = HEARD.lock().unwrap_or_else(PoisonError::into_inner);
            if heard.is_none() {
                *heard = Some(line.to_owned());
                drop(heard);
                usual(panic);
            }
        }));
    });
}

/// The line of `text` that complains of too little memory.
fn complaint(text: &str) -> Option<&str> {
    let complains = |line: &&str| {
        let line = line.to_lowercase();
        COMPLAINTS.iter().any(|complaint| line.contains(complaint))
    };
    text.lines().find(complains).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(result: Result<(), TrainError>) -> String {
        match result {
            Err(TrainError::OutOfMemory { device, cause }) => format!("{device}: {cause}"),
            other => panic!("{other:?}"),
        }
    }

    /// One test, since what is heard is heard in the whole process.
    #[test]
    fn a_shortage_is_told_from_all_else() {
        let poisoned = "The device is poisoned\nCaused by:\n  Unknown: Out of memory\nBacktrace:\nnone";
        let failed = || Err(TrainError::Device { device: "vulkan:0".into(), cause: poisoned.into() });
        assert_eq!(cause(tell_shortage("vulkan:0", failed)), "vulkan:0: Unknown: Out of memory");

        let said = "Torch(\"CUDA out of memory. Tried to allocate 2.00 GiB.\")";
        let panicked = || -> Result<(), TrainError> { panic!("{said}") };
        assert_eq!(cause(tell_shortage("libtorch:cuda:0", panicked)), format!("libtorch:cuda:0: {said}"));

        let broken = || Err::<(), _>(TrainError::Device { device: "vulkan:1".into(), cause: "lost".into() });
        assert!(matches!(tell_shortage("vulkan:1", broken), Err(TrainError::Device { .. })));
        let elsewhere = || {
            std::thread::spawn(|| panic!("wgpu error: Out of Memory")).join().unwrap_err();
            broken()
        };
        assert_eq!(cause(tell_shortage("vulkan:1", elsewhere)), "vulkan:1: wgpu error: Out of Memory");
        assert!(matches!(tell_shortage("vulkan:1", broken), Err(TrainError::Device { .. })));

        let panicked = || -> Result<(), TrainError> { panic!("index out of bounds") };
        let panic = catch_unwind(AssertUnwindSafe(|| tell_shortage("vulkan:0", panicked))).unwrap_err();
        assert_eq!(text::panic(&*panic), "index out of bounds");
        assert!(tell_shortage("vulkan:0", || Ok(())).is_ok());
    }
}
