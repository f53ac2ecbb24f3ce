//! Weights in the order in which kernels read them, shared by programs.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::element::Element;
use crate::memory::Memory;
use crate::step::direct::Kernel;

/// Weights that programs have put in the order in which their kernels read them.
///
/// Programs that are planned with the same packings, from the same [`Arc`] of weights, share what they
/// read in the same order: a network that takes pictures of several sizes has most of its weights once.
/// Nothing is kept here that no program reads any more.
#[derive(Default)]
pub struct Packings(Mutex<HashMap<PackingKey, Entry>>);

/// What tells packed weights apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct PackingKey {
    /// Address of the caller's weights.
    given: usize,
    order: Order,
    /// Outputs, inputs, groups and taps of them.
    shape: [usize; 4],
    /// Which of the taps, and which blocks of outputs together.
    taps: Vec<usize>,
    bundles: Vec<(usize, usize)>,
    element: TypeId,
}

/// The order of packed weights, which is that of a kind of kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Order {
    Direct,
    Planar,
    Winograd,
    Depthwise,
}

struct Entry {
    /// As long as this is here, no other weights can be given the same address.
    _given: Weak<[f32]>,
    packed: Weak<dyn Any + Send + Sync>,
}

impl PackingKey {
    fn new<E: Element>(order: Order, kernel: &Kernel, bundles: &[(usize, usize)]) -> Self {
        let &Kernel { given, outputs, inputs, groups, ref taps, all_taps, .. } = kernel;
        Self {
            given: Arc::as_ptr(given).addr(),
            order,
            shape: [outputs, inputs, groups, all_taps],
            taps: taps.clone(),
            bundles: bundles.to_vec(),
            element: TypeId::of::<E>(),
        }
    }
}

impl Packings {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The weights of a kernel in an order, packed now if no program has them.
    ///
    /// `bundles` are the blocks of outputs that lie together: the first of each, and how many.
    pub(crate) fn packed<E: Element>(
        &self,
        order: Order,
        kernel: &Kernel,
        bundles: &[(usize, usize)],
        pack: impl FnOnce() -> Memory<E>,
    ) -> Arc<Memory<E>> {
        let key = PackingKey::new::<E>(order, kernel, bundles);
        // Nothing that panics half-way leaves the map wrong.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = known.get(&key).and_then(|entry| entry.packed.upgrade());
        if let Some(kept) = kept.and_then(|kept| kept.downcast().ok()) {
            return kept;
        }
        known.retain(|_, entry| entry.packed.strong_count() > 0);
        let packed = Arc::new(pack());
        let weak: Weak<Memory<E>> = Arc::downgrade(&packed);
        known.insert(key, Entry { _given: Arc::downgrade(kernel.given), packed: weak });
        packed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel<'a>(given: &'a Arc<[f32]>, taps: usize) -> Kernel<'a> {
        let inputs = given.len() / taps;
        let taps: Vec<usize> = (0..taps).collect();
        let all_taps = taps.len();
        Kernel { given, weights: given, outputs: 1, inputs, groups: 1, taps, all_taps }
    }

    #[test]
    fn what_a_program_has_is_not_packed_again() {
        let packings = Packings::new();
        let (weights, others): (Arc<[f32]>, Arc<[f32]>) =
            (vec![0.5; 36].into(), vec![0.5; 36].into());
        let mut times = 0;
        let mut packed = |weights: &Arc<[f32]>, order, taps, bundles: &[(usize, usize)]| {
            packings.packed::<f32>(order, &kernel(weights, taps), bundles, || {
                times += 1;
                Memory::new(16)
            })
        };

        let first = packed(&weights, Order::Direct, 9, &[(0, 1)]);
        assert!(Arc::ptr_eq(&first, &packed(&weights, Order::Direct, 9, &[(0, 1)])));
        // Each of these lies otherwise.
        let all = [
            packed(&weights, Order::Winograd, 9, &[(0, 1)]),
            packed(&weights, Order::Direct, 9, &[(0, 2)]),
            packed(&weights, Order::Direct, 4, &[(0, 1)]),
            packed(&others, Order::Direct, 9, &[(0, 1)]),
        ];
        assert!(all.iter().all(|other| !Arc::ptr_eq(&first, other)));
        drop((first, all));
        drop(packed(&weights, Order::Direct, 9, &[(0, 1)]));
        assert_eq!(times, 6, "nothing keeps what no program reads");
    }
}
