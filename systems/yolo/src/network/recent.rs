//! What was made for sizes that come again.

use std::sync::{Arc, Mutex, PoisonError};

use super::error::NetworkError;

/// What was made for each size of picture. The `MOST` that were used last are kept: a worker has one
/// size for each shape of crops.
pub(crate) struct Recent<T, const MOST: usize>(Mutex<Vec<([usize; 2], Arc<T>)>>);

impl<T, const MOST: usize> Recent<T, MOST> {
    pub fn new() -> Self {
        Self(Mutex::new(Vec::with_capacity(MOST)))
    }

    /// What there is for a size, made where there is none.
    ///
    /// # Shapes
    ///
    /// - `size`: `[width, height]`
    pub fn of(
        &self,
        size: [usize; 2],
        make: impl FnOnce() -> Result<T, NetworkError>,
    ) -> Result<Arc<T>, NetworkError> {
        // Nothing that panics half-way leaves the list wrong.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = match kept.iter().position(|(of, _)| *of == size) {
            Some(at) => kept.remove(at).1,
            None => {
                kept.truncate(MOST - 1);
                Arc::new(make()?)
            }
        };
        kept.insert(0, (size, found.clone()));
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_longest_ago_is_made_anew() {
        let recent = Recent::<usize, 2>::new();
        let mut made = 0;
        for side in [1, 2, 1, 3, 1, 2] {
            let of_side = recent.of([side, side], || {
                made += 1;
                Ok(side)
            });
            assert_eq!(*of_side.unwrap(), side);
        }
        assert_eq!(made, 4, "1, 2, 3 and 2 again");
    }
}
