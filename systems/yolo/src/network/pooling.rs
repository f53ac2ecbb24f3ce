//! Modules that look around or change the size, without trained numbers of their own.

use super::block::Block;
use super::error::NetworkError;
use super::place::Place;
use super::plan::{PlanBuilder, Value, Window};
use super::shape::{Shape, unfit};
use super::source::Source;

/// Largest factor of one upsampling. Known networks have 2.
const MAX_FACTOR: usize = 16;

/// Most poolings of one `SPPF`. Known networks have 3.
const MAX_POOLINGS: usize = 16;

/// The greatest value of each window.
struct MaxPool {
    place: Place,
    window: Window,
}

pub(crate) fn max_pool(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    let size = source.sizes("kernel_size")?;
    let stride = source.sizes("stride")?;
    let padding = source.sizes("padding")?;
    let dilation = source.sizes("dilation")?;
    if source.flag("ceil_mode", false)? || source.flag("return_indices", false)? {
        return Err(unfit(&source.place, "ceil_mode and return_indices are not supported"));
    }
    if size.iter().chain(&stride).chain(&dilation).any(|&size| size == 0) {
        return Err(unfit(&source.place, "a kernel size, stride or dilation is 0"));
    }
    // As torch: a window must not lie in the padding alone.
    if (0..2).any(|axis| padding[axis] > size[axis] / 2) {
        return Err(unfit(&source.place, "its padding is more than half of its kernel"));
    }
    let window = Window { size, stride, padding, dilation };
    Ok(Box::new(MaxPool { place: source.place.clone(), window }))
}

impl Block for MaxPool {
    fn emit(&self, plan: &mut PlanBuilder, input: Value) -> Result<Value, NetworkError> {
        plan.max_pool(input, self.window, &self.place)
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
    fn emit(&self, plan: &mut PlanBuilder, input: Value) -> Result<Value, NetworkError> {
        let mut last = self.first.emit(plan, input)?;
        let mut parts = vec![last];
        for pool in &self.pools {
            last = pool.emit(plan, last)?;
            parts.push(last);
        }
        let all = plan.concatenate(&parts, &self.place)?;
        let output = self.last.emit(plan, all)?;
        if self.add { plan.add(input, output, &self.place) } else { Ok(output) }
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
    fn emit(&self, plan: &mut PlanBuilder, input: Value) -> Result<Value, NetworkError> {
        let first = self.first.emit(plan, input)?;
        let mut parts = vec![first];
        for pool in &self.pools {
            parts.push(pool.emit(plan, first)?);
        }
        let all = plan.concatenate(&parts, &self.place)?;
        self.second.emit(plan, all)
    }
}

/// torch's `ZeroPad2d`.
struct ZeroPad {
    place: Place,
    /// Left, right, top, bottom.
    around: [usize; 4],
}

pub(crate) fn zero_pad(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    let Ok(around) = <[usize; 4]>::try_from(source.counts("padding")?) else {
        return Err(unfit(&source.place, "padding is not four counts"));
    };
    Ok(Box::new(ZeroPad { place: source.place.clone(), around }))
}

impl Block for ZeroPad {
    fn emit(&self, plan: &mut PlanBuilder, input: Value) -> Result<Value, NetworkError> {
        plan.pad(input, self.around, &self.place)
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
    fn emit(&self, plan: &mut PlanBuilder, input: Value) -> Result<Value, NetworkError> {
        let Shape { height, width, .. } = input.shape;
        let [down, across] = self.factors;
        let size = [height.saturating_mul(down), width.saturating_mul(across)];
        plan.resize(input, size, &self.place)
    }
}
