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

/// The free input slots of a network. Lives on the network's entity.
///
/// `preprocess` takes a slot of the size it needs, `infer` gives it back when the device has read
/// it. A size that was never wanted before is noted; `infer` makes slots for it.
#[derive(Component, Debug, Default)]
pub struct SlotPool {
    free: BTreeMap<(usize, usize), Vec<InputSlot>>,
    wanted: Vec<(usize, usize)>,
    /// Slots with a smaller number are of a device that was lost.
    first: u64,
}

impl SlotPool {
    /// Takes a free slot whose inputs are `width` by `height`. `None` when all are in use or being
    /// made.
    pub fn take(&mut self, width: usize, height: usize) -> Option<InputSlot> {
        match self.free.get_mut(&(width, height)) {
            Some(slots) => slots.pop(),
            None => {
                self.free.insert((width, height), Vec::new());
                self.wanted.push((width, height));
                None
            }
        }
    }

    /// Puts a slot there, new or used. One that was given up is dropped.
    pub fn put(&mut self, slot: InputSlot) {
        if slot.id() < self.first {
            return;
        }
        let shape = slot.shape();
        self.free.entry((shape.width, shape.height)).or_default().push(slot);
    }

    /// How many inputs a free slot of this size holds; zero when none is free.
    pub fn rows(&self, width: usize, height: usize) -> usize {
        let slots = self.free.get(&(width, height));
        slots.and_then(|slots| slots.last()).map_or(0, |slot| slot.shape().batch)
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
        for slots in self.free.values_mut() {
            slots.retain(|slot| slot.id() >= first);
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
        let shape = SlotShape { batch: 1, height: 32, width: 64 };
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
}
