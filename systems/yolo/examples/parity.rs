//! How far networks are from what torch computes with the same weights.
//!
//! ```text
//! parity FOLDER
//! ```
//!
//! The folder is one that `tests/fixtures/models/every.py` filled. Writes one line of a table for
//! each branch of each checkpoint: the largest difference from torch in 64 bits, as a part of the
//! largest number; the same of torch in 32 bits; and whether the difference is within reason.

use std::path::{Path, PathBuf};

use burn::tensor::Tensor;
use detector_yolo::{Branch, Checkpoint, LoadOptions, Network, Pictures, RawOutput, Task};
use safetensors::SafeTensors;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// What differs by this part of the largest number is near enough, whatever torch does.
const TOLERANCE: f32 = 1e-4;
/// Random weights of deep networks make more of rounding than trained ones: how many times as far
/// as torch in 32 bits may be.
const TIMES: f32 = 4.0;

fn main() -> Result<()> {
    let folder = std::env::args().nth(1).ok_or("usage: parity FOLDER")?;
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "safetensors"));
    files.sort();
    println!("| Checkpoint | Task | Branch | Deviation | torch in 32 bits | |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for file in files {
        compare(&file)?;
    }
    Ok(())
}

/// Compares each branch of one checkpoint.
fn compare(reference: &Path) -> Result<()> {
    let bytes = std::fs::read(reference)?;
    let reference_tensors = SafeTensors::deserialize(&bytes)?;
    let checkpoint = Checkpoint::open(reference.with_extension("pt"))?;
    let name = reference.file_stem().unwrap_or_default().to_string_lossy();
    let [rounding] = numbers(&reference_tensors, "rounding")?[..] else {
        return Err("rounding is not one number".into());
    };
    let once = reference_tensors.names().iter().any(|name| name.as_str() == "raw.one2one");
    let branches: &[_] = match once {
        false => &[(Branch::Auto, "raw", "")],
        true => {
            &[(Branch::OneToMany, "raw", "one2many"), (Branch::OneToOne, "raw.one2one", "one2one")]
        }
    };
    for &(branch, raw, title) in branches {
        let options = LoadOptions { branch, ..LoadOptions::default() };
        let network = Network::load(&checkpoint, &options)?;
        let mut deviation = 0.0_f32;
        match network.forward(input(&reference_tensors)?)? {
            RawOutput::Anchors { rows, prototypes } => {
                deviation = deviation.max(of(rows, &reference_tensors, raw)?);
                if let Some(prototypes) = prototypes {
                    deviation = deviation.max(of(prototypes, &reference_tensors, "prototypes")?);
                }
            }
            RawOutput::Classes(logits) => {
                deviation = deviation.max(of(logits, &reference_tensors, "logits")?);
            }
        }
        let task = match network.info().task {
            Task::Detect => "detect",
            Task::Segment => "segment",
            Task::Pose => "pose",
            Task::Obb => "obb",
            Task::Classify => "classify",
        };
        let near = deviation <= TOLERANCE.max(TIMES * rounding);
        let verdict = if near { "" } else { "**too far**" };
        println!("| {name} | {task} | {title} | {deviation:.1e} | {rounding:.1e} | {verdict} |");
    }
    Ok(())
}

fn input(reference: &SafeTensors) -> Result<Pictures<'static>> {
    let shape: [usize; 4] = reference.tensor("input")?.shape().try_into()?;
    Ok(Pictures::new(numbers(reference, "input")?, shape))
}

fn numbers(reference: &SafeTensors, name: &str) -> Result<Vec<f32>> {
    let (numbers, _) = reference.tensor(name)?.data().as_chunks::<4>();
    Ok(numbers.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
}

/// The largest difference of a tensor from a saved one, as a part of the largest number.
fn of<const D: usize>(found: Tensor<D>, reference: &SafeTensors, name: &str) -> Result<f32> {
    if found.dims() != reference.tensor(name)?.shape() {
        return Err(format!("{name} has the shape {:?}", found.dims()).into());
    }
    let (expected, found) = (numbers(reference, name)?, found.try_into_vec_as::<f32>()?);
    let largest = expected.iter().fold(f32::MIN_POSITIVE, |most, number| most.max(number.abs()));
    let differences = found.iter().zip(&expected).map(|(a, b)| (a - b).abs() / largest);
    Ok(differences.fold(0.0, |most, difference| {
        if difference.is_nan() { f32::INFINITY } else { most.max(difference) }
    }))
}
