//! The thread that fills input slots.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bevy_ecs::prelude::*;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use detector_components::frame::Pixels;
use detector_components::geometry::Placement;
use detector_components::wake::{Reasons, Wake};
use detector_gpu::{Gpu, InputSlot};

use crate::device::DeviceFiller;
use crate::error::FillError;
use crate::host::fill_host;

/// Batches that wait for the thread. Slots bound how many there can be, a few for each network;
/// what does not fit is offered again in the next run.
const MAX_WAITING: usize = 64;

/// A slot to be filled.
pub struct Order {
    /// The batch, to find it again.
    pub batch: Entity,
    /// Where to.
    pub slot: InputSlot,
    /// What goes into the slot's rows, from the first on.
    pub rows: Vec<(Arc<Pixels>, Placement)>,
}

/// A slot that was filled, or could not be.
pub struct Done {
    /// The batch.
    pub batch: Entity,
    /// The slot that was ordered.
    pub slot: InputSlot,
    /// Why its content is not to be used.
    pub result: Result<(), FillError>,
    /// How long filling it took.
    pub took: Duration,
}

/// The main thread's end of the filler. The thread ends when this is dropped.
#[derive(Resource)]
pub struct Filler {
    orders: Sender<Order>,
    done: Receiver<Done>,
}

impl Filler {
    /// Starts the thread.
    pub fn start(gpu: Option<Gpu>, wake: Wake) -> std::io::Result<Self> {
        let (orders, waiting) = bounded::<Order>(MAX_WAITING);
        // Never full before the orders are: whoever fills waits until there is room.
        let (finished, done) = bounded(MAX_WAITING);
        let work = move || {
            let mut device = gpu.map(DeviceFiller::new);
            for order in waiting {
                let done = fill(order, &mut device);
                if finished.send(done).is_err() {
                    break;
                }
                wake.call(Reasons::DELIVERY);
            }
        };
        thread::Builder::new().name("preprocess".to_owned()).spawn(work)?;
        Ok(Self { orders, done })
    }

    /// Hands over an order. Comes back when there is no room.
    #[expect(clippy::result_large_err, reason = "what was not taken is given back whole")]
    pub fn order(&self, order: Order) -> Result<(), Order> {
        self.orders.try_send(order).map_err(|refused| match refused {
            TrySendError::Full(order) | TrySendError::Disconnected(order) => order,
        })
    }

    /// What was filled since this was last asked.
    pub fn done(&self) -> impl Iterator<Item = Done> {
        self.done.try_iter()
    }
}

fn fill(order: Order, device: &mut Option<DeviceFiller>) -> Done {
    let began = Instant::now();
    let Order { batch, mut slot, rows } = order;
    // Whatever is wrong with one batch, the thread goes on with the next.
    let result = catch_unwind(AssertUnwindSafe(|| match (&mut slot, device) {
        (InputSlot::Host(slot), _) => {
            let length = slot.values.len() / slot.shape.batch.max(1);
            for (out, (pixels, placement)) in slot.values.chunks_exact_mut(length).zip(&rows) {
                fill_host(pixels, placement, out);
            }
            Ok(())
        }
        (InputSlot::Device(slot), device) => {
            // The slot says which device: after one was lost, there is another.
            let device = match device {
                Some(device) if device.is_of(&slot.gpu) => device,
                other => other.insert(DeviceFiller::new(slot.gpu.clone())),
            };
            device.fill(slot, &rows)
        }
    }))
    .unwrap_or(Err(FillError::Panicked));
    Done { batch, slot, result, took: began.elapsed() }
}
