//! The checkpoints of `tests/fixtures/models`, and changed copies of them.

use std::fs::File;
use std::io::{BufReader, Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use burn::tensor::wgpu::WgpuBackend;
use burn::tensor::{Device, DeviceKind, Tensor};
use detector_yolo::{Checkpoint, Engine, LoadOptions, Network, NetworkError, Pictures, Precision};
use safetensors::SafeTensors;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

pub fn path(file: &str) -> PathBuf {
    // Where it is run, not where it was built: a build cache outlives the checkout that filled it.
    Path::new("../../tests/fixtures/models").join(file)
}

/// Small checkpoints that together have each module and each head, which fuzzing begins with.
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<PathBuf> = std::fs::read_dir("../../fuzz/seeds")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files.iter().map(|path| (path.display().to_string(), std::fs::read(path).unwrap())).collect()
}

/// What the tests compare: burn on the CPU and this project's own kernels; or burn on what
/// `DETECTOR_TEST_DEVICE` names: `gpu`, or `software` for a Vulkan device of the CPU.
pub fn engines() -> Vec<Engine> {
    match gpu() {
        None => vec![Engine::reference(), Engine::default()],
        Some(kind) => vec![on(kind, Precision::F32)],
    }
}

/// burn in 16 bits, on what `DETECTOR_TEST_DEVICE` names.
#[track_caller]
pub fn half() -> Engine {
    on(gpu().expect("DETECTOR_TEST_DEVICE names a GPU"), Precision::F16)
}

fn gpu() -> Option<DeviceKind> {
    match std::env::var("DETECTOR_TEST_DEVICE").as_deref() {
        Err(_) | Ok("cpu") => None,
        Ok("gpu") => Some(DeviceKind::DiscreteGpu(0)),
        Ok("software") => Some(DeviceKind::Cpu),
        Ok(other) => panic!("DETECTOR_TEST_DEVICE is {other:?}, not cpu, gpu or software"),
    }
}

/// As the worker puts networks there.
fn on(kind: DeviceKind, precision: Precision) -> Engine {
    // burn opens each device once.
    static DEVICE: OnceLock<Device> = OnceLock::new();
    let open = || {
        let options = Device::wgpu_options().graphics_api(WgpuBackend::Vulkan).device_kind(kind);
        options.init().unwrap()
    };
    let device = DEVICE.get_or_init(open).clone();
    Engine::Burn { device, precision, channels_last: true }
}

pub fn load(checkpoint: &Checkpoint) -> Result<Network, NetworkError> {
    Network::load(checkpoint, &LoadOptions::default())
}

#[track_caller]
pub fn network(name: &str) -> Network {
    network_with(name, &LoadOptions::default())
}

#[track_caller]
pub fn network_with(name: &str, options: &LoadOptions) -> Network {
    let checkpoint = Checkpoint::open(path(&format!("{name}.pt"))).unwrap();
    Network::load(&checkpoint, options).unwrap()
}

pub const WIDTH: usize = 128;
pub const HEIGHT: usize = 64;

/// The two real pictures that the references were computed with: `[2, 3, HEIGHT, WIDTH]`.
pub fn pictures() -> Pictures<'static> {
    let mut values = Vec::new();
    for name in ["coffee.png", "astronaut.png"] {
        let (pixels, size) = png(&path("../pictures").join(name));
        assert_eq!(size, [WIDTH, HEIGHT]);
        for channel in 0..3 {
            values.extend(pixels.iter().skip(channel).step_by(3).map(|&v| f32::from(v) / 255.0));
        }
    }
    Pictures::new(values, [2, 3, HEIGHT, WIDTH])
}

/// The pixels of a picture, red, green and blue, and its width and height.
pub fn png(path: &Path) -> (Vec<u8>, [usize; 2]) {
    let file = BufReader::new(File::open(path).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    let size = [info.width as usize, info.height as usize];
    assert_eq!(pixels.len(), 3 * size[0] * size[1]);
    (pixels, size)
}

/// What torch computes with a fixture.
pub struct Reference(Vec<u8>);

impl Reference {
    pub fn of(name: &str) -> Self {
        Self(std::fs::read(path(&format!("{name}.safetensors"))).unwrap())
    }

    /// A saved tensor of 32 bit numbers: its shape and its numbers.
    #[track_caller]
    fn tensor(&self, name: &str) -> (Vec<usize>, Vec<f32>) {
        let tensors = SafeTensors::deserialize(&self.0).unwrap();
        let tensor = tensors.tensor(name).unwrap();
        assert_eq!(tensor.dtype(), safetensors::Dtype::F32);
        let numbers = tensor.data().chunks_exact(4);
        let numbers = numbers.map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect();
        (tensor.shape().to_vec(), numbers)
    }

    /// A saved tensor of bytes.
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        SafeTensors::deserialize(&self.0).unwrap().tensor(name).unwrap().data().to_vec()
    }

    /// The rows of a saved tensor.
    #[track_caller]
    pub fn rows(&self, name: &str) -> Vec<Vec<f32>> {
        let (shape, numbers) = self.tensor(name);
        let row = shape[1..].iter().product::<usize>();
        numbers.chunks_exact(row).map(<[f32]>::to_vec).collect()
    }

    /// Compares a tensor with a saved one: differences are parts of its largest number.
    #[track_caller]
    pub fn expect<const D: usize>(&self, name: &str, found: Tensor<D>, tolerance: f32) {
        let (shape, expected) = self.tensor(name);
        assert_eq!(found.dims().to_vec(), shape);
        let found = found.into_data().try_to_vec::<f32>().unwrap();
        let largest = expected.iter().fold(0.0_f32, |largest, number| largest.max(number.abs()));
        let (at, difference) = found
            .iter()
            .zip(&expected)
            .map(|(found, expected)| (found - expected).abs() / largest)
            .enumerate()
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .unwrap();
        println!("deviation of {name}: {difference:.1e}");
        assert!(
            difference <= tolerance,
            "{name}: number {at} of {shape:?} is {}, and should be {}",
            found[at],
            expected[at]
        );
    }
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

    /// The fixture with all its numbers replaced by one of 16 bits.
    pub fn with_numbers(&self, number: u16) -> Vec<u8> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        for (name, bytes) in &self.0 {
            archive.start_file(name.as_str(), options).unwrap();
            let numbers = number.to_le_bytes().repeat(bytes.len() / 2);
            archive.write_all(if name.contains("/data/") { &numbers } else { bytes }).unwrap();
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
