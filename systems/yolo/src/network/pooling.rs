//! Modules that look around or change the size, without trained numbers of their own.

use burn::tensor::Tensor;
use burn::tensor::module::{interpolate, max_pool2d};
use burn::tensor::ops::{InterpolateMode, InterpolateOptions, MaxPoolOptions};

use super::block::Block;
use super::error::NetworkError;
use super::place::Place;
use super::shape::{Shape, slid, unfit};
use super::source::Source;
use super::tally::Tally;

/// Largest factor of one upsampling. Known networks have 2.
const MAX_FACTOR: usize = 16;

/// Most poolings of one `SPPF`. Known networks have 3.
const MAX_POOLINGS: usize = 16;

/// The greatest value of each window.
struct MaxPool {
    place: Place,
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    dilation: [usize; 2],
}

pub(crate) fn max_pool(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    let kernel = source.sizes("kernel_size")?;
    let stride = source.sizes("stride")?;
    let padding = source.sizes("padding")?;
    let dilation = source.sizes("dilation")?;
    if source.flag("ceil_mode", false)? || source.flag("return_indices", false)? {
        return Err(unfit(&source.place, "ceil_mode and return_indices are not supported"));
    }
    if kernel.iter().chain(&stride).chain(&dilation).any(|&size| size == 0) {
        return Err(unfit(&source.place, "a kernel size, stride or dilation is 0"));
    }
    // As torch: a window must not lie in the padding alone.
    if (0..2).any(|axis| padding[axis] > kernel[axis] / 2) {
        return Err(unfit(&source.place, "its padding is more than half of its kernel"));
    }
    Ok(Box::new(MaxPool { place: source.place.clone(), kernel, stride, padding, dilation }))
}

impl Block for MaxPool {
    fn shape(&self, input: Shape, _: &mut Tally) -> Result<Shape, NetworkError> {
        let slide = |axis: usize, size| {
            slid(
                size,
                self.kernel[axis],
                self.stride[axis],
                self.padding[axis],
                self.dilation[axis],
            )
            .ok_or_else(|| {
                unfit(&self.place, format!("its kernel is larger than the input's {size}"))
            })
        };
        let (height, width) = (slide(0, input.height)?, slide(1, input.width)?);
        Shape { height, width, ..input }.checked(&self.place)
    }

    fn run(&self, input: Tensor<4>) -> Tensor<4> {
        let options = MaxPoolOptions::new(self.kernel)
            .with_stride(self.stride)
            .with_padding(self.padding)
            .with_dilation(self.dilation);
        max_pool2d(input, options)
    }
}

/// Poolings of poolings, so that each place learns of its wider surroundings.
struct Sppf {
    place: Place,
    first: Box<dyn Block>,
    pools: Vec<Box<dyn Block>>,
    last: Box<dyn Block>,
    /// Whether the input is added.
    add: bool,
}

/// `SPPF`: one pooling, several times.
pub(crate) fn sppf(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    // Absent before version 8.4: always three, and nothing was added.
    let poolings = if source.attribute("n").is_some() { source.size("n")? } else { 3 };
    if poolings > MAX_POOLINGS {
        return Err(NetworkError::TooLarge {
            place: source.place.clone(),
            what: "number of poolings",
            limit: MAX_POOLINGS,
        });
    }
    Ok(Box::new(Sppf {
        place: source.place.clone(),
        first: source.block("cv1")?,
        pools: (0..poolings).map(|_| source.block("m")).collect::<Result<_, _>>()?,
        last: source.block("cv2")?,
        add: source.flag("add", false)?,
    }))
}

/// `SPPELAN`: three poolings, each a module of its own.
pub(crate) fn spp_elan(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(Sppf {
        place: source.place.clone(),
        first: source.block("cv1")?,
        pools: vec![source.block("cv2")?, source.block("cv3")?, source.block("cv4")?],
        last: source.block("cv5")?,
        add: false,
    }))
}

impl Block for Sppf {
    fn shape(&self, input: Shape, tally: &mut Tally) -> Result<Shape, NetworkError> {
        let first = self.first.shape(input, tally)?;
        for pool in &self.pools {
            first.expect_equal(pool.shape(first, tally)?, &self.place)?;
        }
        let channels = first.channels.saturating_mul(self.pools.len() + 1);
        let output = self.last.shape(Shape { channels, ..first }.checked(&self.place)?, tally)?;
        if self.add {
            input.expect_equal(output, &self.place)?;
        }
        Ok(output)
    }

    fn run(&self, input: Tensor<4>) -> Tensor<4> {
        let shortcut = self.add.then(|| input.clone());
        let mut parts = vec![self.first.run(input)];
        for pool in &self.pools {
            parts.push(pool.run(parts[parts.len() - 1].clone()));
        }
        let output = self.last.run(Tensor::cat(parts, 1));
        match shortcut {
            Some(input) => input + output,
            None => output,
        }
    }
}

/// `SPP`: poolings of different sizes beside each other.
struct Spp {
    place: Place,
    first: Box<dyn Block>,
    pools: Vec<Box<dyn Block>>,
    second: Box<dyn Block>,
}

pub(crate) fn spp(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(Spp {
        place: source.place.clone(),
        first: source.block("cv1")?,
        pools: source.child("m")?.blocks()?,
        second: source.block("cv2")?,
    }))
}

impl Block for Spp {
    fn shape(&self, input: Shape, tally: &mut Tally) -> Result<Shape, NetworkError> {
        let first = self.first.shape(input, tally)?;
        for pool in &self.pools {
            first.expect_equal(pool.shape(first, tally)?, &self.place)?;
        }
        let channels = first.channels.saturating_mul(self.pools.len() + 1);
        self.second.shape(Shape { channels, ..first }.checked(&self.place)?, tally)
    }

    fn run(&self, input: Tensor<4>) -> Tensor<4> {
        let first = self.first.run(input);
        let pooled = self.pools.iter().map(|pool| pool.run(first.clone()));
        let parts = std::iter::once(first.clone()).chain(pooled).collect();
        self.second.run(Tensor::cat(parts, 1))
    }
}

/// torch's `ZeroPad2d`.
struct ZeroPad {
    place: Place,
    left: usize,
    right: usize,
    top: usize,
    bottom: usize,
}

pub(crate) fn zero_pad(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    let [left, right, top, bottom] = source.counts("padding")?[..] else {
        return Err(unfit(&source.place, "padding is not four counts"));
    };
    Ok(Box::new(ZeroPad { place: source.place.clone(), left, right, top, bottom }))
}

impl Block for ZeroPad {
    fn shape(&self, input: Shape, _: &mut Tally) -> Result<Shape, NetworkError> {
        let height = input.height + self.top + self.bottom;
        let width = input.width + self.left + self.right;
        Shape { height, width, ..input }.checked(&self.place)
    }

    fn run(&self, input: Tensor<4>) -> Tensor<4> {
        input.pad((self.left, self.right, self.top, self.bottom), 0.0)
    }
}

/// Repeats each value.
struct Upsample {
    place: Place,
    factors: [usize; 2],
}

pub(crate) fn upsample(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    match source.text("mode") {
        Some("nearest") => {}
        mode => {
            let mode = mode.unwrap_or("none");
            return Err(unfit(&source.place, format!("mode {mode:?}, not \"nearest\"")));
        }
    }
    let value =
        source.attribute("scale_factor").ok_or_else(|| source.missing("\"scale_factor\""))?;
    let number = || source.number("scale_factor", 0.0).map(|factor| [factor, factor]);
    let factors = if value.as_f64().is_some() || value.as_i64().is_some() {
        number()?
    } else {
        let items: Vec<f64> = value
            .items()
            .into_iter()
            .filter_map(|item| item.as_f64().or_else(|| item.as_i64().map(|item| item as f64)))
            .collect();
        <[f64; 2]>::try_from(items)
            .map_err(|_| unfit(&source.place, "scale_factor is neither a number nor two"))?
    };
    let range = 1.0..=MAX_FACTOR as f64;
    if factors.iter().any(|factor| factor.fract() != 0.0 || !range.contains(factor)) {
        let problem = format!("scale_factor is not a whole number from 1 to {MAX_FACTOR}");
        return Err(unfit(&source.place, problem));
    }
    let factors = factors.map(|factor| factor as usize);
    Ok(Box::new(Upsample { place: source.place.clone(), factors }))
}

impl Block for Upsample {
    fn shape(&self, input: Shape, _: &mut Tally) -> Result<Shape, NetworkError> {
        let height = input.height.saturating_mul(self.factors[0]);
        let width = input.width.saturating_mul(self.factors[1]);
        Shape { height, width, ..input }.checked(&self.place)
    }

    fn run(&self, input: Tensor<4>) -> Tensor<4> {
        let [_, _, height, width] = input.dims();
        let size = [height * self.factors[0], width * self.factors[1]];
        let options = InterpolateOptions::new(InterpolateMode::Nearest).with_output_size(size);
        interpolate(input, options)
    }
}
