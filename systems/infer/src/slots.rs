//! Input slots, and how their content becomes a tensor.

use burn::tensor::{Device, Tensor, TensorData};
use detector_gpu::{HostSlot, InputSlot, SlotShape};

/// Slots of each size: one is filled while the other is run.
const SLOTS_EACH: usize = 2;

/// Makes the slots of one size.
pub fn make(shape: SlotShape) -> Vec<InputSlot> {
    let slot = || InputSlot::Host(HostSlot { shape, values: vec![0.0; shape.values()] });
    std::iter::repeat_with(slot).take(SLOTS_EACH).collect()
}

/// The first rows of a slot as a tensor.
///
/// # Shapes
/// `[rows, 3, height, width]`
pub fn tensor(slot: &InputSlot, rows: usize, device: &Device) -> Result<Tensor<4>, &'static str> {
    match slot {
        InputSlot::Host(HostSlot { shape, values }) => {
            let rows = rows.min(shape.batch);
            let values = values[..rows * 3 * shape.height * shape.width].to_vec();
            let data = TensorData::new(values, [rows, 3, shape.height, shape.width]);
            Ok(Tensor::from_data(data, device))
        }
        InputSlot::Device(_) => Err("the slot belongs to another device"),
    }
}
