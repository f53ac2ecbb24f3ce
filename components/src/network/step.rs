//! What makes a network ready.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use bevy_ecs::prelude::*;

/// What is done to make a network ready, in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadStep {
    /// The device does something else.
    Waiting,
    /// The checkpoint is read and laid out.
    Reading,
    /// The device's answers are compared with those of the CPU.
    Comparing,
    /// On a GPU it runs for the first time: memory is taken, kernels are compiled and tuned. On the CPU
    /// its weights are put in the order in which kernels read them.
    WarmingUp,
}

impl LoadStep {
    /// Every step, in turn.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Reading, Self::Comparing, Self::WarmingUp];

    /// Its name, for people and for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Reading => "reading",
            Self::Comparing => "comparing",
            Self::WarmingUp => "warming up",
        }
    }
}

/// How far the loading of a network is. It stays at the last step once the network is ready. Written
/// by `infer` on its device's thread.
#[derive(Component, Clone, Debug, Default)]
pub struct LoadProgress(Arc<AtomicU8>);

impl LoadProgress {
    /// A step begins.
    pub fn begin(&self, step: LoadStep) {
        self.0.store(step as u8, Ordering::Relaxed);
    }

    /// The step that is under way.
    pub fn step(&self) -> LoadStep {
        let number = usize::from(self.0.load(Ordering::Relaxed));
        LoadStep::ALL.get(number).copied().unwrap_or(LoadStep::Waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_was_begun_is_the_one_that_is_told() {
        let progress = LoadProgress::default();
        assert_eq!(progress.step(), LoadStep::Waiting);
        for step in LoadStep::ALL {
            progress.clone().begin(step);
            assert_eq!(progress.step(), step);
        }
    }
}
