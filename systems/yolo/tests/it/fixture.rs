//! The checkpoints of `tests/fixtures/models`, and changed copies of them.

use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use detector_yolo::{Checkpoint, LoadOptions, Network, NetworkError};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

pub fn path(file: &str) -> PathBuf {
    // Where it is run, not where it was built: a build cache outlives the checkout that filled it.
    Path::new("../../tests/fixtures/models").join(file)
}

pub fn load(checkpoint: &Checkpoint) -> Result<Network, NetworkError> {
    Network::load(checkpoint, &Device::flex(), &LoadOptions::default())
}

#[track_caller]
pub fn network(name: &str) -> Network {
    let checkpoint = Checkpoint::open(path(&format!("{name}.pt"))).unwrap();
    load(&checkpoint).unwrap()
}

/// The picture that the references were computed with: `picture` of `make.py`.
pub fn picture([batch, channels, height, width]: [usize; 4]) -> Tensor<4> {
    let mut values = Vec::new();
    for n in 0..batch {
        for c in 0..channels {
            for y in 0..height {
                for x in 0..width {
                    let value = x * 31 + y * 17 + c * 101 + n * 53 + (x * y) % 23 * 7;
                    values.push((value % 256) as f32 / 255.0);
                }
            }
        }
    }
    let data = TensorData::new(values, [batch, channels, height, width]);
    Tensor::from_data(data, &Device::flex())
}

/// A fixture taken apart, so that its pickle can be changed.
pub struct Parts(Vec<(String, Vec<u8>)>);

impl Parts {
    pub fn of(name: &str) -> Self {
        let bytes = std::fs::read(path(&format!("{name}.pt"))).unwrap();
        let mut archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
        let parts = (0..archive.len()).map(|at| {
            let mut file = archive.by_index(at).unwrap();
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).unwrap();
            (file.name().unwrap().into_owned(), bytes)
        });
        Self(parts.collect())
    }

    pub fn pickle(&self) -> &[u8] {
        &self.0.iter().find(|(name, _)| name.ends_with("/data.pkl")).unwrap().1
    }

    /// The fixture with another pickle.
    pub fn with_pickle(&self, pickle: &[u8]) -> Vec<u8> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        for (name, bytes) in &self.0 {
            archive.start_file(name.as_str(), options).unwrap();
            let bytes = if name.ends_with("/data.pkl") { pickle } else { bytes };
            archive.write_all(bytes).unwrap();
        }
        archive.finish().unwrap().into_inner()
    }

    /// The fixture with every occurrence of one text in its pickle replaced by another.
    #[track_caller]
    pub fn replaced(&self, from: &[u8], to: &[u8]) -> Vec<u8> {
        let pickle = self.pickle();
        let mut changed = Vec::new();
        let mut at = 0;
        while at < pickle.len() {
            if pickle[at..].starts_with(from) {
                changed.extend_from_slice(to);
                at += from.len();
            } else {
                changed.push(pickle[at]);
                at += 1;
            }
        }
        assert_ne!(changed, pickle, "the fixture does not contain what is to be replaced");
        self.with_pickle(&changed)
    }
}
