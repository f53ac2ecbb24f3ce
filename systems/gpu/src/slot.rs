use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bevy_ecs::prelude::*;

use crate::device::Gpu;

/// Rows, columns and places of an input slot. Always three channels: red, green, blue, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SlotShape {
    /// How many inputs it holds.
    pub batch: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl SlotShape {
    /// Values in all.
    pub fn values(self) -> usize {
        self.batch * self.height * self.width * 3
    }
}

/// The type of a value on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    /// 32 bits.
    F32,
    /// 16 bits.
    F16,
}

/// Memory for one batch of network input. There are few for each network, so they bound what is in
/// flight: a batch begins when one is free.
#[derive(Debug)]
pub enum InputSlot {
    /// In main memory, for the CPU.
    Host(HostSlot),
    /// In the device's memory.
    Device(DeviceSlot),
}

impl InputSlot {
    /// Rows, columns and places.
    pub fn shape(&self) -> SlotShape {
        match self {
            Self::Host(slot) => slot.shape,
            Self::Device(slot) => slot.shape,
        }
    }

    /// Tells slots apart. Counts up: a slot that was made later has a larger one.
    pub fn id(&self) -> u64 {
        match self {
            Self::Host(slot) => slot.id,
            Self::Device(slot) => slot.id,
        }
    }
}

/// A slot in main memory.
pub struct HostSlot {
    /// Tells slots apart.
    pub id: u64,
    /// Rows, columns and places.
    pub shape: SlotShape,
    /// `[batch, 3, height, width]`, contiguous: what burn's CPU backend reads fastest.
    pub values: Vec<f32>,
}

impl fmt::Debug for HostSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostSlot")
            .field("id", &self.id)
            .field("shape", &self.shape)
            .finish_non_exhaustive()
    }
}

/// A slot in the device's memory: a range of a buffer that belongs to burn.
#[derive(Clone)]
pub struct DeviceSlot {
    /// Tells slots apart.
    pub id: u64,
    /// The device that it belongs to. After a device was lost there is another one.
    pub gpu: Gpu,
    /// Rows, columns and places.
    pub shape: SlotShape,
    /// Type of each value. They lie as `[batch, height, width, 3]`: what burn's GPU convolutions
    /// read without a copy.
    pub precision: Precision,
    /// Shared with other tensors: only the range below may be touched, and it must be bound as
    /// read-write storage, as burn binds it.
    pub buffer: wgpu::Buffer,
    /// First byte, a multiple of the device's storage alignment.
    pub offset: u64,
    /// Length of the range in bytes, a multiple of 4.
    pub bytes: u64,
    /// Keeps the memory in place. What it is, only its maker knows.
    pub keep: Arc<dyn Any + Send + Sync>,
}

impl fmt::Debug for DeviceSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceSlot")
            .field("id", &self.id)
            .field("shape", &self.shape)
            .field("precision", &self.precision)
            .finish_non_exhaustive()
    }
}

/// The input of a batch is complete. Put on the batch by `preprocess`, taken by `infer`.
///
/// `None` once it was taken: the batch is on the device.
#[derive(Component, Debug)]
pub struct Filled(pub Option<InputSlot>);

/// Sizes of a network's inputs that slots are kept of: each has a few megabytes.
const MAX_SIZES: usize = 8;

/// The free input slots of a network. Lives on the network's entity.
///
/// `preprocess` takes a slot of the size it needs, `infer` gives it back when the device has read
/// it. A size that was never wanted before is noted; `infer` makes slots for it, and those of the size
/// that was wanted longest ago are dropped when there are too many.
#[derive(Component, Debug, Default)]
pub struct SlotPool {
    free: BTreeMap<(usize, usize), FreeSlots>,
    wanted: Vec<(usize, usize)>,
    /// How often slots were taken.
    takes: u64,
    /// Slots with this number or a larger one are new.
    made: u64,
    /// Slots with a smaller number are of a device that was lost.
    first: u64,
}

/// The free slots of a size.
#[derive(Debug, Default)]
struct FreeSlots {
    slots: Vec<InputSlot>,
    /// Which of all takes was the last of this size.
    last_take: u64,
}

impl SlotPool {
    /// Takes a free slot whose inputs are `width` by `height`. `None` when all are in use or being
    /// made.
    pub fn take(&mut self, width: usize, height: usize) -> Option<InputSlot> {
        self.takes += 1;
        let size = (width, height);
        if !self.knows(width, height) {
            self.make_room();
            self.wanted.push(size);
        }
        let free = self.free.entry(size).or_default();
        free.last_take = self.takes;
        free.slots.pop()
    }

    /// Drops the slots of the size that was wanted longest ago if there is no room for another size.
    fn make_room(&mut self) {
        if self.free.len() < MAX_SIZES {
            return;
        }
        let oldest = self.free.iter().min_by_key(|(_, free)| free.last_take);
        if let Some(&size) = oldest.map(|(size, _)| size) {
            self.free.remove(&size);
            self.wanted.retain(|wanted| *wanted != size);
        }
    }

    /// Puts a slot there, new or used. One that was given up is dropped, as is a used one of a size
    /// that has no slots any more.
    pub fn put(&mut self, slot: InputSlot) {
        let (id, shape) = (slot.id(), slot.shape());
        let new = id >= self.made;
        self.made = self.made.max(id + 1);
        if id < self.first || !new && !self.knows(shape.width, shape.height) {
            return;
        }
        self.free.entry((shape.width, shape.height)).or_default().slots.push(slot);
    }

    /// How many inputs a free slot of this size holds; zero when none is free.
    pub fn rows(&self, width: usize, height: usize) -> usize {
        let free = self.free.get(&(width, height));
        free.and_then(|free| free.slots.last()).map_or(0, |slot| slot.shape().batch)
    }

    /// Takes the sizes, width and height, that were asked for and that nobody has made slots for.
    pub fn take_wanted(&mut self) -> Vec<(usize, usize)> {
        std::mem::take(&mut self.wanted)
    }

    /// Whether there are sizes that nobody has made slots for.
    pub fn has_wanted(&self) -> bool {
        !self.wanted.is_empty()
    }

    /// Asks once more for slots of a size.
    pub fn want(&mut self, width: usize, height: usize) {
        self.wanted.push((width, height));
    }

    /// Gives up every slot with a number below `first`, those in use too: their device was lost. New
    /// ones of the sizes that are known come unasked.
    pub fn renew(&mut self, first: u64) {
        self.first = first;
        for free in self.free.values_mut() {
            free.slots.retain(|slot| slot.id() >= first);
        }
    }

    /// Whether slots of this size were made or asked for.
    pub fn knows(&self, width: usize, height: usize) -> bool {
        self.free.contains_key(&(width, height))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(id: u64) -> InputSlot {
        slot_of(id, 64, 32)
    }

    fn slot_of(id: u64, width: usize, height: usize) -> InputSlot {
        let shape = SlotShape { batch: 1, height, width };
        InputSlot::Host(HostSlot { id, shape, values: Vec::new() })
    }

    #[test]
    fn slots_of_a_lost_device_do_not_come_back() {
        let mut pool = SlotPool::default();
        pool.put(slot(0));
        pool.put(slot(1));
        let in_use = pool.take(64, 32).unwrap();

        pool.renew(2);
        pool.put(in_use);
        assert!(pool.take(64, 32).is_none());
        assert!(!pool.has_wanted(), "new ones come unasked");

        pool.put(slot(2));
        assert_eq!(pool.take(64, 32).unwrap().id(), 2);
    }

    #[test]
    fn sizes_that_nobody_wants_any_more_make_room() {
        let mut pool = SlotPool::default();
        for number in 0..MAX_SIZES {
            assert!(pool.take(32 * (number + 1), 32).is_none());
            pool.put(slot_of(number as u64, 32 * (number + 1), 32));
        }
        let used = pool.take(32, 32).unwrap();
        for number in 1..MAX_SIZES {
            let slot = pool.take(32 * (number + 1), 32).unwrap();
            pool.put(slot);
        }
        assert_eq!(pool.take_wanted().len(), MAX_SIZES);

        assert!(pool.take(32, 64).is_none());

        assert_eq!(pool.take_wanted(), [(32, 64)]);
        pool.put(used);
        assert!(!pool.knows(32, 32), "it was taken before all others, and has no slots any more");
        assert!(pool.knows(64, 32));
    }
}
