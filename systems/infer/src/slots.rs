//! Input slots, and how a network is given their content.

use std::any::Any;
use std::sync::{Arc, Mutex};

use burn::backend::fusion::{NoOp, get_client};
use burn::backend::ir::{BackendIr, InitOperationIr, OperationIr};
use burn::backend::wgpu::{CubeBackend, CubeTensor, Wgpu, WgpuResource};
use burn::backend::{DispatchDevice, StreamId};
use burn::cubecl::wgpu::{AutoCompiler, WgpuServer};
use burn::tensor::{DType, Shape, Tensor};

use cubecl_runtime::storage::ManagedResource;
use detector_gpu::{DeviceSlot, Gpu, HostSlot, InputSlot, Precision, SlotShape};
use detector_yolo::Pictures;

use crate::device::InferenceDevice;

/// Slots of each size: one is filled while the other is run.
const SLOTS_EACH: usize = 2;

/// Makes the slots of one size, in the memory of whoever reads them. Called on the device's thread.
///
/// # Errors
/// When the device has no room, or does not say where its memory is.
pub fn make(
    shape: SlotShape,
    device: &InferenceDevice,
    first_id: u64,
) -> Result<Vec<InputSlot>, String> {
    (0..SLOTS_EACH as u64)
        .map(|number| {
            let id = first_id + number;
            match device.shared() {
                Some(gpu) => on_device(shape, device, gpu, id).map(InputSlot::Device),
                None => {
                    let values = vec![0.0; shape.values()];
                    Ok(InputSlot::Host(HostSlot { id, shape, values }))
                }
            }
        })
        .collect()
}

/// The first rows of a slot as a network takes them. Called on the device's thread.
///
/// # Shapes
/// `[rows, 3, height, width]`
pub fn pictures(slot: &InputSlot, rows: usize) -> Result<Pictures<'_>, &'static str> {
    match slot {
        InputSlot::Host(HostSlot { shape, values, .. }) => {
            let rows = rows.min(shape.batch);
            let values = &values[..rows * 3 * shape.height * shape.width];
            Ok(Pictures::new(values, [rows, 3, shape.height, shape.width]))
        }
        InputSlot::Device(slot) => {
            let pinned =
                slot.keep.downcast_ref::<Pinned>().ok_or("the slot belongs to another device")?;
            let whole = wrapped(pinned.tensor.clone());
            let part = if rows < slot.shape.batch { whole.narrow(0, 0, rows) } else { whole };
            Ok(part.into())
        }
    }
}

/// Memory of the device that stays where it is.
struct Pinned {
    /// A share in the memory: burn never writes into what others share.
    tensor: CubeTensor,
    /// Keeps the memory from being moved.
    _resource: Mutex<ManagedResource<WgpuResource>>,
}

fn on_device(
    shape: SlotShape,
    device: &InferenceDevice,
    gpu: Gpu,
    id: u64,
) -> Result<DeviceSlot, String> {
    let DispatchDevice::Cube(cube) = device.burn.as_dispatch().clone() else {
        return Err("the device is none of burn's GPUs".to_owned());
    };
    let dtype = match device.precision {
        Precision::F32 => DType::F32,
        Precision::F16 => DType::F16,
    };
    let SlotShape { batch, height, width } = shape;
    let client = cube.client();
    let handle = client.empty(shape.values() * dtype.size());
    let rows = CubeTensor::new_contiguous(
        client.clone(),
        cube,
        Shape::from([batch, height, width, 3]),
        handle.clone(),
        dtype,
    );
    let resource = client
        .get_resource::<WgpuServer<AutoCompiler>>(handle)
        .map_err(|error| format!("the device does not say where its memory is: {error:?}"))?;
    let memory = resource.resource();
    let (buffer, offset) = (memory.buffer.clone(), memory.offset);
    let bytes = (shape.values() * dtype.size()).next_multiple_of(4) as u64;
    let keep: Arc<dyn Any + Send + Sync> =
        Arc::new(Pinned { tensor: rows, _resource: Mutex::new(resource) });
    Ok(DeviceSlot { id, gpu, shape, precision: device.precision, buffer, offset, bytes, keep })
}

/// The device's memory as a tensor of burn's lazy backend, its channels where networks expect them.
///
/// Made anew for each run: a tensor that was permuted once may be laid out anew by the backend, and
/// would then show what the slot held at that time.
fn wrapped(rows: CubeTensor) -> Tensor<4> {
    let fusion = get_client::<CubeBackend>(&rows.device);
    let (shape, dtype) = (rows.meta.shape().clone(), rows.dtype);
    let handle: <CubeBackend as BackendIr>::Handle = rows.into();
    let init = InitOperationIr::create(shape, dtype, || fusion.register_tensor_handle(handle));
    let primitive = fusion
        .register(StreamId::current(), OperationIr::Init(init), NoOp::<CubeBackend>::new())
        .pop()
        .expect("one tensor was registered");
    Tensor::<4>::from_primitive::<Wgpu>(primitive).permute([0, 3, 1, 2])
}
