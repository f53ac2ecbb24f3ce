//! One batch, from a network's input to predictions.

use burn::tensor::Tensor;
use detector_yolo::{Criteria, Network, NetworkError, Pictures, Prediction, RawOutput};

use crate::device::InferenceDevice;
use crate::select::{Picked, SelectError, select};

/// Why a batch has no predictions.
#[derive(Debug, thiserror::Error)]
pub enum PredictError {
    /// The network does not take it.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The device does not pick.
    #[error("picking what the network found")]
    Select(#[from] SelectError),
    /// The device does not answer.
    #[error("reading what the network found: {0}")]
    Read(String),
}

/// Finds what is in the pictures, as [`Network::predict`]; on a GPU picked there, so that little has to
/// come back. Called on the device's thread.
///
/// # Shapes
///
/// - `input`: `[pictures, 3, height, width]`, where the device reads it
/// - `criteria`: one for each picture
pub fn predict(
    network: &Network,
    device: &InferenceDevice,
    input: Pictures<'_>,
    criteria: &[Criteria],
) -> Result<Vec<Prediction>, PredictError> {
    let [_, _, height, width] = input.shape();
    let size = [width, height];
    let classes = match device.shared() {
        Some(_) => network.class_rows(size)?,
        None => None,
    };
    let Some(classes) = classes else {
        return Ok(network.predict(input, criteria)?);
    };
    match network.forward(input)? {
        RawOutput::Anchors { rows, prototypes } => {
            let Some(picked) = select(rows.clone(), classes, criteria)? else {
                let raw = RawOutput::Anchors { rows, prototypes };
                return Ok(network.read(raw, size, criteria)?);
            };
            // Of pictures in which nothing is, nobody asks for masks.
            let wanted = prototypes.filter(|_| picked.iter().any(|picked| !picked.is_empty()));
            let prototypes = wanted
                .map(Tensor::try_into_vec_as::<f32>)
                .transpose()
                .map_err(|error| PredictError::Read(error.to_string()))?;
            let columns: Vec<_> = picked.iter().map(Picked::columns).collect();
            Ok(network.decode(size, &columns, &prototypes.unwrap_or_default(), criteria)?)
        }
        raw => Ok(network.read(raw, size, criteria)?),
    }
}
