//! The anchors that can meet the criteria, picked where the network's output lies: a few hundred
//! columns come back from the device, rather than thousands that are thrown away.

use std::ops::Range;

use burn::backend::wgpu::{CubeBackend, CubeTensor, Wgpu};
use burn::cubecl::ir::{ElemType, FloatKind};
use burn::cubecl::prelude::{BufferArg, CubeCount, CubeDim};
use burn::cubecl::server::Handle;
use burn::tensor::{DType, Tensor};
use bytemuck::cast_slice;
use detector_yolo::{Columns, Criteria};

mod kernel;

/// Anchors that are picked of one picture. Where more can meet the criteria, all of them are read.
const CAPACITY: usize = 1_024;
/// Invocations of a workgroup, each for one anchor.
const GROUP: u32 = 64;

/// What was picked of one picture.
pub struct Picked {
    /// Which anchors, counting up.
    anchors: Vec<u32>,
    /// `[rows, anchors.len()]`
    values: Vec<f32>,
}

/// Why nothing was picked.
#[derive(Debug, thiserror::Error)]
pub enum SelectError {
    /// The output is not where it should be.
    #[error("the output is not on a GPU: {0}")]
    Elsewhere(String),
    /// The output is in numbers that no kernel is made for.
    #[error("the output is in {0:?}")]
    Type(DType),
    /// The device does not answer.
    #[error("the device does not answer: {0}")]
    Silent(String),
}

impl Picked {
    /// Whether no anchor is likely enough.
    pub fn is_empty(&self) -> bool {
        self.anchors.is_empty()
    }

    /// As a network decodes it.
    pub fn columns(&self) -> Columns<'_> {
        Columns { values: &self.values, count: self.anchors.len(), anchors: Some(&self.anchors) }
    }
}

/// Picks the anchors whose best class is likely enough, of each picture. None when there are more of
/// one picture than are picked. Waits for the device.
///
/// Called on the device's thread.
///
/// # Shapes
///
/// - `rows`: `[pictures, rows, anchors]`, on a device of burn's GPU backend
/// - `classes`: which of the rows are logits of classes
/// - `criteria`: one for each picture
///
pub fn select(
    rows: Tensor<3>,
    classes: Range<usize>,
    criteria: &[Criteria],
) -> Result<Option<Vec<Picked>>, SelectError> {
    let [pictures, height, count] = rows.dims();
    let rows = on_device(rows)?;
    let client = rows.client.clone();
    let least: Vec<f32> = criteria.iter().map(Criteria::least_logit).collect();
    let least = client.create_from_slice(cast_slice(&least));
    let found = client.create_from_slice(cast_slice(&vec![0_u32; pictures]));
    let anchors = client.empty(pictures * CAPACITY * size_of::<u32>());
    let values = client.empty(pictures * CAPACITY * height * size_of::<f32>());

    let groups = CubeCount::Static((count as u32).div_ceil(GROUP), pictures as u32, 1);
    let dtype = elem(rows.dtype)?;
    let buffer = |handle: &Handle, length: usize| unsafe {
        // SAFETY: each was made above with room for as many values.
        BufferArg::from_raw_parts(handle.clone(), length)
    };
    // SAFETY: an invocation beyond the anchors ends at once, and one beyond the capacity writes nothing.
    unsafe {
        kernel::pick::launch_unchecked(
            &client,
            groups,
            CubeDim::new_1d(GROUP),
            rows.into_tensor_arg(),
            buffer(&least, pictures),
            buffer(&found, pictures),
            buffer(&anchors, pictures * CAPACITY),
            buffer(&values, pictures * CAPACITY * height),
            classes.start,
            classes.end,
            CAPACITY,
            dtype,
        );
    }

    let read = client.read(vec![found, anchors, values]);
    let read = read.map_err(|error| SelectError::Silent(format!("{error:?}")))?;
    let [found, anchors, values] = read.as_slice() else {
        return Err(SelectError::Silent(format!("{} of 3 answers came", read.len())));
    };
    let found: &[u32] = cast_slice(found);
    if found.iter().any(|&found| found as usize > CAPACITY) {
        return Ok(None);
    }
    let pictures = found
        .iter()
        .zip(cast_slice::<_, u32>(anchors).chunks_exact(CAPACITY))
        .zip(cast_slice::<_, f32>(values).chunks_exact(CAPACITY * height));
    Ok(Some(
        pictures
            .map(|((&found, anchors), values)| in_order(&anchors[..found as usize], values, height))
            .collect(),
    ))
}

/// Invocations end in any order; anchors are told in theirs.
fn in_order(anchors: &[u32], values: &[f32], height: usize) -> Picked {
    let mut order: Vec<usize> = (0..anchors.len()).collect();
    order.sort_unstable_by_key(|&at| anchors[at]);
    let rows = 0..height;
    Picked {
        anchors: order.iter().map(|&at| anchors[at]).collect(),
        values: rows
            .flat_map(|row| order.iter().map(move |&at| values[at * height + row]))
            .collect(),
    }
}

/// A tensor of burn's lazy backend as what lies on the device.
fn on_device(tensor: Tensor<3>) -> Result<CubeTensor, SelectError> {
    let lazy = tensor
        .try_into_primitive::<Wgpu>()
        .map_err(|error| SelectError::Elsewhere(format!("{error:?}")))?;
    Ok(lazy.client.clone().resolve_tensor_float::<CubeBackend>(lazy))
}

fn elem(dtype: DType) -> Result<ElemType, SelectError> {
    match dtype {
        DType::F32 => Ok(ElemType::Float(FloatKind::F32)),
        DType::F16 => Ok(ElemType::Float(FloatKind::F16)),
        other => Err(SelectError::Type(other)),
    }
}

#[cfg(test)]
mod tests;
