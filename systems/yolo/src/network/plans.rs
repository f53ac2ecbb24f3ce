//! Plans that were made, for the sizes that come again.

use std::sync::{Arc, Mutex, PoisonError};

use super::error::NetworkError;
use super::plan::Plan;

/// Plans of one network that are kept: the ones that were used last. A worker has one size for each
/// shape of crops.
const MAX_KEPT: usize = 8;

/// The plans of a network, by the size of the picture.
#[derive(Default)]
pub(crate) struct Plans(Mutex<Vec<([usize; 2], Arc<Plan>)>>);

impl Plans {
    /// The plan for a size, made where there is none.
    pub fn of(
        &self,
        size: [usize; 2],
        make: impl FnOnce() -> Result<Plan, NetworkError>,
    ) -> Result<Arc<Plan>, NetworkError> {
        // Nothing that panics half-way leaves the list wrong.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let plan = match kept.iter().position(|(of, _)| *of == size) {
            Some(at) => kept.remove(at).1,
            None => Arc::new(make()?),
        };
        kept.truncate(MAX_KEPT - 1);
        kept.insert(0, (size, plan.clone()));
        Ok(plan)
    }
}
