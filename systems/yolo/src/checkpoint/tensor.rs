//! The numbers of a tensor.

use half::{bf16, f16};

use super::Checkpoint;
use super::arena::Tensor;
use super::dtype::Dtype;
use super::error::CheckpointError;

/// A tensor of a checkpoint: a view of a storage. Its numbers are read when they are asked for.
#[derive(Clone, Copy)]
pub struct TensorRef<'c> {
    checkpoint: &'c Checkpoint,
    tensor: &'c Tensor,
}

impl<'c> TensorRef<'c> {
    pub(super) fn new(checkpoint: &'c Checkpoint, tensor: &'c Tensor) -> Self {
        Self { checkpoint, tensor }
    }

    /// How many elements it has along each axis.
    pub fn shape(self) -> &'c [usize] {
        &self.tensor.shape
    }

    /// How many places of the storage lie between neighbours along each axis.
    pub fn strides(self) -> &'c [usize] {
        &self.tensor.strides
    }

    /// Type of its numbers, if it is a known one.
    pub fn dtype(self) -> Option<Dtype> {
        self.checkpoint.arena.global(self.tensor.storage.class).and_then(Dtype::of_storage)
    }

    /// Its numbers, row by row, each rounded to the nearest `f32`.
    pub fn to_f32(self) -> Result<Vec<f32>, CheckpointError> {
        match self.known_dtype()? {
            Dtype::F16 => self.read(|bytes| f16::from_le_bytes(bytes).to_f32()),
            Dtype::Bf16 => self.read(|bytes| bf16::from_le_bytes(bytes).to_f32()),
            Dtype::F32 => self.read(f32::from_le_bytes),
            Dtype::F64 => self.read(|bytes| f64::from_le_bytes(bytes) as f32),
            Dtype::U8 => self.read(|[byte]| f32::from(byte)),
            Dtype::I8 => self.read(|bytes| f32::from(i8::from_le_bytes(bytes))),
            Dtype::I16 => self.read(|bytes| f32::from(i16::from_le_bytes(bytes))),
            Dtype::I32 => self.read(|bytes| i32::from_le_bytes(bytes) as f32),
            Dtype::I64 => self.read(|bytes| i64::from_le_bytes(bytes) as f32),
            Dtype::Bool => self.read(|[byte]| f32::from(u8::from(byte != 0))),
        }
    }

    /// Its numbers, row by row, if they are integers or booleans.
    pub fn to_i64(self) -> Result<Vec<i64>, CheckpointError> {
        match self.known_dtype()? {
            Dtype::U8 => self.read(|[byte]| i64::from(byte)),
            Dtype::I8 => self.read(|bytes| i64::from(i8::from_le_bytes(bytes))),
            Dtype::I16 => self.read(|bytes| i64::from(i16::from_le_bytes(bytes))),
            Dtype::I32 => self.read(|bytes| i64::from(i32::from_le_bytes(bytes))),
            Dtype::I64 => self.read(i64::from_le_bytes),
            Dtype::Bool => self.read(|[byte]| i64::from(byte != 0)),
            dtype => Err(self.fail(format!("holds {dtype}, not integers"))),
        }
    }

    fn known_dtype(self) -> Result<Dtype, CheckpointError> {
        self.dtype().ok_or_else(|| {
            let class = self.checkpoint.arena.global(self.tensor.storage.class);
            self.fail(format!("is of an unknown type: {}", class.unwrap_or("no class")))
        })
    }

    fn read<const N: usize, T>(self, number: fn([u8; N]) -> T) -> Result<Vec<T>, CheckpointError> {
        let Tensor { storage, offset, shape, strides } = self.tensor;
        let count = self.count()?;
        if count == 0 {
            return Ok(Vec::new());
        }
        let bytes = self
            .checkpoint
            .storage(self.key())
            .ok_or_else(|| self.fail("is not there: the archive has no such entry".to_owned()))?;
        let (stored, _) = bytes.as_chunks::<N>();
        if storage.count > stored.len() as u64 {
            let problem = format!("needs {} stored numbers, not {}", storage.count, stored.len());
            return Err(self.fail(problem));
        }
        // As many as declared, and at most as many as there are.
        let stored = &stored[..storage.count as usize];

        let last = shape
            .iter()
            .zip(strides)
            .try_fold(*offset, |last, (&size, &stride)| {
                last.checked_add((size - 1).checked_mul(stride)?)
            })
            .filter(|&last| last < stored.len())
            .ok_or_else(|| {
                let stored = stored.len();
                self.fail(format!(
                    "reaches beyond its {stored} numbers: offset {offset}, shape {shape:?}, \
                     strides {strides:?}"
                ))
            })?;

        // From here on every place is at most `last`.
        if contiguous(shape, strides) {
            return Ok(stored[*offset..=last].iter().map(|&bytes| number(bytes)).collect());
        }
        let mut numbers = Vec::with_capacity(count);
        let mut index = vec![0_usize; shape.len()];
        let mut place = *offset;
        loop {
            numbers.push(number(stored[place]));
            // Like a mileage counter: the last axis turns fastest.
            let mut axis = shape.len();
            loop {
                if axis == 0 {
                    return Ok(numbers);
                }
                axis -= 1;
                index[axis] += 1;
                if index[axis] < shape[axis] {
                    place += strides[axis];
                    break;
                }
                place -= (shape[axis] - 1) * strides[axis];
                index[axis] = 0;
            }
        }
    }

    /// How many elements it has. A view can have more than its storage has numbers.
    fn count(self) -> Result<usize, CheckpointError> {
        let limit = self.checkpoint.limits.elements;
        if self.tensor.shape.contains(&0) {
            return Ok(0);
        }
        let shape = self.tensor.shape.iter();
        shape
            .copied()
            .try_fold(1_usize, usize::checked_mul)
            .filter(|&count| count <= limit)
            .ok_or_else(|| {
                let shape = &self.tensor.shape;
                self.fail(format!("has shape {shape:?}: more elements than the limit of {limit}"))
            })
    }

    fn key(self) -> &'c str {
        self.checkpoint.arena.text(self.tensor.storage.key).unwrap_or_default()
    }

    fn fail(self, problem: String) -> CheckpointError {
        CheckpointError::Tensor { storage: self.key().to_owned(), problem }
    }
}

/// Whether the elements lie one after another in the order of their index.
fn contiguous(shape: &[usize], strides: &[usize]) -> bool {
    let mut expected = 1;
    shape.iter().zip(strides).rev().all(|(&size, &stride)| {
        let fits = size == 1 || stride == expected;
        // Cannot overflow: the product of all sizes was checked.
        expected *= size;
        fits
    })
}
