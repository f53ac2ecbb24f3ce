//! Cross-stage partial blocks: part of the channels takes the long way, part the short one.

use super::block::Block;
use super::container::Sequential;
use super::error::NetworkError;
use super::place::Place;
use super::plan::{PlanBuilder, Value};
use super::source::Source;

/// Some convolutions, and perhaps the input added to what they make of it.
struct Bottleneck {
    place: Place,
    convolutions: Sequential,
    /// Whether the input is added.
    add: bool,
}

/// `Bottleneck` and `RepBottleneck`: two convolutions.
pub(crate) fn bottleneck(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(Bottleneck {
        place: source.place.clone(),
        convolutions: Sequential(vec![source.block("cv1")?, source.block("cv2")?]),
        add: source.flag("add", false)?,
    }))
}

/// `CIB`: convolutions of each channel by itself and of each place by itself, in turns.
pub(crate) fn cib(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(Bottleneck {
        place: source.place.clone(),
        convolutions: Sequential(source.child("cv1")?.blocks()?),
        add: source.flag("add", false)?,
    }))
}

impl Block for Bottleneck {
    fn emit(&self, plan: &mut PlanBuilder, input: Value) -> Result<Value, NetworkError> {
        let output = self.convolutions.emit(plan, input)?;
        if self.add { plan.add(input, output, &self.place) } else { Ok(output) }
    }
}

/// `C1`: a convolution, and the blocks' output added to its own.
struct C1 {
    place: Place,
    first: Box<dyn Block>,
    blocks: Box<dyn Block>,
}

pub(crate) fn c1(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(C1 {
        place: source.place.clone(),
        first: source.block("cv1")?,
        blocks: source.block("m")?,
    }))
}

impl Block for C1 {
    fn emit(&self, plan: &mut PlanBuilder, input: Value) -> Result<Value, NetworkError> {
        let first = self.first.emit(plan, input)?;
        let through = self.blocks.emit(plan, first)?;
        plan.add(through, first, &self.place)
    }
}

/// `C2`: half of the first convolution's output goes through the blocks, half around them; the
/// second convolution joins them.
struct C2 {
    place: Place,
    first: Box<dyn Block>,
    blocks: Box<dyn Block>,
    second: Box<dyn Block>,
}

pub(crate) fn c2(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(C2 {
        place: source.place.clone(),
        first: source.block("cv1")?,
        blocks: source.block("m")?,
        second: source.block("cv2")?,
    }))
}

impl Block for C2 {
    fn emit(&self, plan: &mut PlanBuilder, input: Value) -> Result<Value, NetworkError> {
        let split = self.first.emit(plan, input)?;
        let [through, around] = plan.halves(split, &self.place)?;
        let through = self.blocks.emit(plan, through)?;
        let both = plan.concatenate(&[through, around], &self.place)?;
        self.second.emit(plan, both)
    }
}

/// `C2f` and its kin: the first convolution's output in two halves, then each block applied to what
/// came last; all of them together go through the last convolution.
struct C2f {
    place: Place,
    first: Box<dyn Block>,
    blocks: Vec<Box<dyn Block>>,
    last: Box<dyn Block>,
}

/// `C2f`, `C3k2`, `C2fCIB` and `C2fPSA`: blocks of one kind in a list.
pub(crate) fn c2f(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(C2f {
        place: source.place.clone(),
        first: source.block("cv1")?,
        blocks: source.child("m")?.blocks()?,
        last: source.block("cv2")?,
    }))
}

/// `ELAN1` and `RepNCSPELAN4`: two blocks, each a module of its own.
pub(crate) fn elan(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(C2f {
        place: source.place.clone(),
        first: source.block("cv1")?,
        blocks: vec![source.block("cv2")?, source.block("cv3")?],
        last: source.block("cv4")?,
    }))
}

impl Block for C2f {
    fn emit(&self, plan: &mut PlanBuilder, input: Value) -> Result<Value, NetworkError> {
        let split = self.first.emit(plan, input)?;
        let [first, mut last] = plan.halves(split, &self.place)?;
        let mut parts = vec![first, last];
        for block in &self.blocks {
            last = block.emit(plan, last)?;
            parts.push(last);
        }
        let all = plan.concatenate(&parts, &self.place)?;
        self.last.emit(plan, all)
    }
}

/// `C3`, `C3k`, `C3x`, `C3Ghost` and `RepCSP`: one convolution and the blocks, beside another
/// convolution; a third one joins them.
struct C3 {
    place: Place,
    long: Box<dyn Block>,
    short: Box<dyn Block>,
    blocks: Box<dyn Block>,
    join: Box<dyn Block>,
}

pub(crate) fn c3(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(C3 {
        place: source.place.clone(),
        long: source.block("cv1")?,
        short: source.block("cv2")?,
        blocks: source.block("m")?,
        join: source.block("cv3")?,
    }))
}

impl Block for C3 {
    fn emit(&self, plan: &mut PlanBuilder, input: Value) -> Result<Value, NetworkError> {
        let long = self.long.emit(plan, input)?;
        let long = self.blocks.emit(plan, long)?;
        let short = self.short.emit(plan, input)?;
        let both = plan.concatenate(&[long, short], &self.place)?;
        self.join.emit(plan, both)
    }
}
