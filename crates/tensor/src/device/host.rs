//! Tensors whose numbers lie in this process's own memory.

use burn::tensor::Tensor;

/// Has `work` read and write the numbers of tensors where they are, row by row; whether it was done:
/// only libtorch's tensors on the processor lie there.
#[cfg(feature = "libtorch")]
pub(crate) fn in_host_memory<const W: usize, const R: usize>(
    written: [&mut Tensor<2>; W],
    read: [&Tensor<2>; R],
    work: impl FnOnce([&mut [f32]; W], [&[f32]; R]),
) -> bool {
    let written = written.map(|tensor| lying_here(tensor));
    let read = read.map(lying_here);
    if written.iter().chain(&read).any(Option::is_none) {
        return false;
    }
    let written = written.each_ref().map(|tensor| {
        let (start, count) = tensor.as_ref().map_or((std::ptr::dangling_mut(), 0), extent);
        // SAFETY: `extent` is that of a contiguous tensor of 32-bit floats, which `written` keeps
        // alive. Its owner is borrowed for change, libtorch works on the calling thread or is done
        // when it returns, and nobody holds a view of a network's parameters or moments between
        // two operations: the caller says so by lending them.
        unsafe { std::slice::from_raw_parts_mut(start, count) }
    });
    let read = read.each_ref().map(|tensor| {
        let (start, count) = tensor.as_ref().map_or((std::ptr::dangling_mut(), 0), extent);
        // SAFETY: as above; none of these is among those that are written.
        unsafe { std::slice::from_raw_parts(start.cast_const(), count) }
    });
    work(written, read);
    true
}

#[cfg(not(feature = "libtorch"))]
pub(crate) fn in_host_memory<const W: usize, const R: usize>(
    _: [&mut Tensor<2>; W],
    _: [&Tensor<2>; R],
    _: impl FnOnce([&mut [f32]; W], [&[f32]; R]),
) -> bool {
    false
}

/// libtorch's side of a tensor, if its numbers lie in this process's memory without gaps.
#[cfg(feature = "libtorch")]
#[expect(deprecated, reason = "Burn's only way to cuBLAS; kept behind this module")]
fn lying_here(tensor: &Tensor<2>) -> Option<tch::Tensor> {
    let tensor = tensor.clone().try_into_primitive::<burn::backend::LibTorch>().ok()?.tensor;
    let here = tensor.device() == tch::Device::Cpu && tensor.kind() == tch::Kind::Float;
    (here && tensor.is_contiguous()).then_some(tensor)
}

/// Where the numbers of a tensor begin, and how many there are.
#[cfg(feature = "libtorch")]
fn extent(tensor: &tch::Tensor) -> (*mut f32, usize) {
    (tensor.data_ptr().cast(), tensor.numel())
}
