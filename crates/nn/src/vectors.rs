//! Which of the processor's vectors a step is computed with.

use std::fmt;

use pulp::Arch;

/// Vectors of one width that this processor has.
///
/// What is computed does not depend on them: with fused multiply-adds it has the same bits.
#[derive(Debug, Clone, Copy)]
pub struct Vectors(Arch);

impl Vectors {
    /// The widest.
    pub fn widest() -> Self {
        Self(Arch::new())
    }

    /// All of them, the widest first; the last are single numbers.
    pub fn all() -> Vec<Self> {
        let widest = Arch::new();
        let mut all = vec![Self(widest)];
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        if let (Arch::V4(_), Some(narrower)) = (widest, pulp::x86::V3::try_new()) {
            all.push(Self(Arch::V3(narrower)));
        }
        if !matches!(widest, Arch::Scalar) {
            all.push(Self(Arch::Scalar));
        }
        all
    }

    /// Whether a product and a sum are rounded once.
    pub fn are_fused(self) -> bool {
        !matches!(self.0, Arch::Scalar)
    }

    /// As the `pulp` crate names them.
    pub fn arch(self) -> Arch {
        self.0
    }
}

impl fmt::Display for Vectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Arch::V4(_) => "AVX-512",
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Arch::V3(_) => "AVX2",
            Arch::Scalar => "scalar",
            _ => "SIMD",
        })
    }
}
