//! The same code, compiled for the vectors of several processors. Which one runs is decided when it
//! runs.

/// Work whose loops gain from wide vectors.
///
/// Everything between `run` and those loops must be inlined into it (`#[inline(always)]`): only what
/// is inlined is compiled for the vectors. What the work gives is the same on all of them.
pub trait Work {
    /// Does it.
    fn run(self);
}

/// Vectors that this program has code for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vectors {
    /// What every processor of the architecture has.
    Any,
    /// 256 bits.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// 512 bits.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Vectors {
    /// The widest that this processor has.
    pub fn widest() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vl") {
                return Self::Avx512;
            }
            if is_x86_feature_detected!("avx2") {
                return Self::Avx2;
            }
        }
        Self::Any
    }

    /// All that this processor has.
    #[cfg(test)]
    pub fn all() -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        match Self::widest() {
            Self::Avx512 => return vec![Self::Any, Self::Avx2, Self::Avx512],
            Self::Avx2 => return vec![Self::Any, Self::Avx2],
            Self::Any => {}
        }
        vec![Self::Any]
    }

    /// Does the work with these vectors, or with the widest that there are.
    pub fn run(self, work: impl Work) {
        match self {
            Self::Any => work.run(),
            // SAFETY: both functions are safe on a processor that has what they are compiled for, and
            // that was asked just now.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 if is_x86_feature_detected!("avx2") => unsafe { with_avx2(work) },
            #[cfg(target_arch = "x86_64")]
            Self::Avx512
                if is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vl") =>
            unsafe { with_avx512(work) },
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 | Self::Avx512 => work.run(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn with_avx2(work: impl Work) {
    work.run();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512bw,avx512vl")]
fn with_avx512(work: impl Work) {
    work.run();
}
