//! What the shader is told.

use bytemuck::{Pod, Zeroable};
use detector_components::geometry::{Filter, Placement};
use detector_gpu::{DeviceSlot, Precision};
use detector_picture::ShaderPlanes;
use half::f16;

use crate::axis::{Axis, Pair, Windows, down_first};

/// What the shader calls `Job`: one row of a slot.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct ShaderJob {
    frame: ShaderPlanes,
    origin: [u32; 2],
    tensor: [u32; 2],
    at: [u32; 2],
    seen: [u32; 2],
    tables: [u32; 2],
    first_pixel: u32,
    filter: u32,
    half: u32,
    /// A shader's structures are whole vectors.
    unused: [u32; 3],
}

impl ShaderJob {
    /// `tables`: where [`Tables::add`] put those of this row.
    pub fn new(
        frame: ShaderPlanes,
        placement: &Placement,
        tables: [u32; 2],
        slot: &DeviceSlot,
        row: u32,
    ) -> Self {
        let Placement { source, resized, tensor, filter, .. } = *placement;
        let axes = Axis::both(placement);
        Self {
            frame,
            origin: [source.x, source.y],
            tensor: [tensor.width, tensor.height],
            at: axes.map(|axis| axis.at as u32),
            seen: axes.map(|axis| axis.count as u32),
            tables,
            first_pixel: row * tensor.width * tensor.height,
            filter: match filter {
                Filter::Bilinear => 0,
                Filter::Antialiased if down_first(source.size(), resized) => 2,
                Filter::Antialiased => 1,
            },
            half: u32::from(slot.precision == Precision::F16),
            unused: [0; 3],
        }
    }
}

/// What the shader looks up, since it has neither the numbers of 64 bits nor the roundings that it
/// takes to compute it: the value of each sample, and what each column and row is made of.
#[derive(Default)]
pub struct Tables(Vec<u32>);

impl Tables {
    /// Begins those of a batch with the 256 values, as they lie in the slot.
    pub fn begin(&mut self, precision: Precision) {
        self.0.clear();
        self.0.extend((0..=255_u8).map(|sample| {
            let value = f32::from(sample) / 255.0;
            match precision {
                Precision::F32 => value.to_bits(),
                Precision::F16 => u32::from(f16::from_f32(value).to_bits()),
            }
        }));
    }

    /// Adds those of one row of the slot. Where those of its columns and of its rows begin.
    pub fn add(&mut self, placement: &Placement) -> [u32; 2] {
        let [across, down] = Axis::both(placement);
        match placement.filter {
            Filter::Bilinear => [self.add_pairs(&across.columns()), self.add_pairs(&down.rows())],
            Filter::Antialiased => [across, down].map(|axis| self.add_windows(&axis.windows())),
        }
    }

    /// All of them.
    pub fn words(&self) -> &[u32] {
        &self.0
    }

    /// Both neighbours, then both weights, 16 bits each.
    fn add_pairs(&mut self, pairs: &[Pair]) -> u32 {
        let start = self.0.len() as u32;
        for Pair { low, high, weights: [of_low, of_high] } in pairs {
            self.0.extend([low | high << 16, *of_low as u32 | (*of_high as u32) << 16]);
        }
        start
    }

    /// The first sample and how many there are, 16 bits each, then where their weights are.
    fn add_windows(&mut self, made: &Windows) -> u32 {
        let start = self.0.len() as u32;
        let weights = start + 2 * made.windows.len() as u32;
        for window in &made.windows {
            self.0.extend([window.first | window.count << 16, weights + window.weights]);
        }
        self.0.extend(made.weights.iter().map(|weight| *weight as u32));
        start
    }
}
