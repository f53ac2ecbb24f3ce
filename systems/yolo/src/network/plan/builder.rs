//! How modules add their steps to a plan.

use std::ops::Range;

use super::{Attention, Convolution, LayerCost, Operation, Output, Plan, Step, Value, Window};
use super::{Input, liveness, simplify};
use crate::network::activation::Activation;
use crate::network::error::NetworkError;
use crate::network::place::Place;
use crate::network::shape::{Shape, unfit};
use crate::network::weights::WeightsId;

/// Most values of one attention matrix of one picture: four times what the largest known network
/// has at 1280 pixels.
const MAX_MATRIX: usize = 1 << 28;

/// A plan to which steps are added.
///
/// What does not fit is refused where it is added, with the place of the module that adds it.
pub(crate) struct PlanBuilder {
    steps: Vec<Step>,
    shapes: Vec<Shape>,
    layers: Vec<LayerCost>,
    /// Of the layer that is being added.
    multiplications: u64,
}

impl PlanBuilder {
    /// The plan for pictures of `width` x `height`, without a step.
    pub fn new(width: usize, height: usize) -> Self {
        let picture = Shape { channels: 3, height, width };
        Self { steps: Vec::new(), shapes: vec![picture], layers: Vec::new(), multiplications: 0 }
    }

    /// What it begins with.
    pub fn picture(&self) -> Value {
        Value { number: 0, shape: self.shapes[0] }
    }

    /// Ends a layer, the head being the last one.
    pub fn end_layer(&mut self, output: Option<Value>) {
        let output = output.map(|output| output.shape);
        let multiplications = std::mem::take(&mut self.multiplications);
        self.layers.push(LayerCost { output, multiplications });
    }

    /// The plan that ends with `output`.
    pub fn finish(self, output: Output) -> Plan {
        let Self { steps, shapes, layers, .. } = self;
        let mut plan = Plan { steps, shapes, output, layers };
        simplify::simplify(&mut plan);
        liveness::mark_last_uses(&mut plan);
        plan
    }

    /// # Shapes
    ///
    /// - `channels`: inputs and outputs
    pub fn convolution(
        &mut self,
        input: Value,
        convolution: Convolution,
        channels: [usize; 2],
        place: &Place,
    ) -> Result<Value, NetworkError> {
        let [inputs, outputs] = channels;
        let Convolution { window, groups, .. } = convolution;
        input.shape.expect_channels(inputs, place)?;
        let [height, width] = window.slid(input.shape, place)?;
        let cost = [outputs, height, width, inputs / groups, window.size[0], window.size[1]];
        let output = Shape { channels: outputs, height, width };
        self.step(Operation::Convolution(convolution), &[input], output, &cost, place)
    }

    /// # Shapes
    ///
    /// - `channels`: inputs and outputs
    pub fn transposed(
        &mut self,
        input: Value,
        weights: WeightsId,
        channels: [usize; 2],
        window: Window,
        place: &Place,
    ) -> Result<Value, NetworkError> {
        let [inputs, outputs] = channels;
        let Window { size: kernel, stride, padding, .. } = window;
        input.shape.expect_channels(inputs, place)?;
        let spread = |axis: usize, size: usize| {
            (size - 1)
                .saturating_mul(stride[axis])
                .saturating_add(kernel[axis])
                .saturating_sub(padding[axis].saturating_mul(2))
        };
        let Shape { height, width, .. } = input.shape;
        let cost = [inputs, height, width, outputs, kernel[0], kernel[1]];
        let output =
            Shape { channels: outputs, height: spread(0, height), width: spread(1, width) };
        let operation = Operation::Transposed { weights, stride, padding };
        self.step(operation, &[input], output, &cost, place)
    }

    pub fn activation(&mut self, input: Value, activation: Activation) -> Value {
        match activation {
            Activation::Identity => input,
            _ => self.push(Operation::Activation(activation), &[input], input.shape, 0),
        }
    }

    pub fn add(&mut self, a: Value, b: Value, place: &Place) -> Result<Value, NetworkError> {
        a.shape.expect_equal(b.shape, place)?;
        Ok(self.push(Operation::Add, &[a, b], a.shape, 0))
    }

    /// Each channel times its factor, of which there are `channels`.
    pub fn scale(
        &mut self,
        input: Value,
        weights: WeightsId,
        channels: usize,
        place: &Place,
    ) -> Result<Value, NetworkError> {
        input.shape.expect_channels(channels, place)?;
        Ok(self.push(Operation::Scale { weights }, &[input], input.shape, 0))
    }

    pub fn concatenate(&mut self, parts: &[Value], place: &Place) -> Result<Value, NetworkError> {
        let &[first, ..] = parts else { return Err(unfit(place, "it has no input")) };
        let Shape { height, width, .. } = first.shape;
        let mut channels = 0_usize;
        for Value { shape: part, .. } in parts {
            if (part.height, part.width) != (height, width) {
                let problem =
                    format!("cannot join {height}x{width} with {}x{}", part.height, part.width);
                return Err(unfit(place, problem));
            }
            channels = channels.saturating_add(part.channels);
        }
        let output = Shape { channels, height, width };
        self.step(Operation::Concatenate, parts, output, &[0], place)
    }

    pub fn slice(
        &mut self,
        input: Value,
        channels: Range<usize>,
        place: &Place,
    ) -> Result<Value, NetworkError> {
        self.slice_of_groups(input, 1, channels, place)
    }

    /// These channels of each of `groups` equal groups.
    pub fn slice_of_groups(
        &mut self,
        input: Value,
        groups: usize,
        channels: Range<usize>,
        place: &Place,
    ) -> Result<Value, NetworkError> {
        let all = input.shape.channels;
        if !all.is_multiple_of(groups) || channels.end > all / groups {
            let problem = format!("cannot take channels {channels:?} of {groups} groups of {all}");
            return Err(unfit(place, problem));
        }
        let output = Shape { channels: groups * channels.len(), ..input.shape };
        self.step(Operation::Slice { groups, channels }, &[input], output, &[0], place)
    }

    /// The first half of the channels and the second.
    pub fn halves(&mut self, input: Value, place: &Place) -> Result<[Value; 2], NetworkError> {
        let channels = input.shape.channels;
        if !channels.is_multiple_of(2) {
            return Err(unfit(place, format!("cannot halve {channels} channels")));
        }
        let middle = channels / 2;
        Ok([self.slice(input, 0..middle, place)?, self.slice(input, middle..channels, place)?])
    }

    pub fn max_pool(
        &mut self,
        input: Value,
        window: Window,
        place: &Place,
    ) -> Result<Value, NetworkError> {
        let [height, width] = window.slid(input.shape, place)?;
        let output = Shape { height, width, ..input.shape };
        self.step(Operation::MaxPool(window), &[input], output, &[0], place)
    }

    /// The average of each `size` values, from one place to the next.
    pub fn average_pool(
        &mut self,
        input: Value,
        size: [usize; 2],
        place: &Place,
    ) -> Result<Value, NetworkError> {
        let window = Window::new(size);
        let [height, width] = window.slid(input.shape, place)?;
        let output = Shape { height, width, ..input.shape };
        self.step(Operation::AveragePool(window), &[input], output, &[0], place)
    }

    /// Makes it `[height, width]` large.
    pub fn resize(
        &mut self,
        input: Value,
        [height, width]: [usize; 2],
        place: &Place,
    ) -> Result<Value, NetworkError> {
        if (input.shape.height, input.shape.width) == (height, width) {
            return Ok(input);
        }
        let output = Shape { height, width, ..input.shape };
        self.step(Operation::Resize, &[input], output, &[0], place)
    }

    /// # Shapes
    ///
    /// - `around`: left, right, top, bottom
    pub fn pad(
        &mut self,
        input: Value,
        around: [usize; 4],
        place: &Place,
    ) -> Result<Value, NetworkError> {
        let [left, right, top, bottom] = around;
        let Shape { channels, height, width } = input.shape;
        let output = Shape { channels, height: height + top + bottom, width: width + left + right };
        self.step(Operation::Pad { left, right, top, bottom }, &[input], output, &[0], place)
    }

    pub fn attention(
        &mut self,
        input: Value,
        attention: Attention,
        place: &Place,
    ) -> Result<Value, NetworkError> {
        let Shape { height, width, .. } = input.shape;
        let Attention { heads, key_channels, value_channels, areas, .. } = attention;
        input.shape.expect_channels(attention.inputs(), place)?;
        let places = height * width;
        if !places.is_multiple_of(areas) {
            let problem = format!("{height}x{width} places are not {areas} equal areas");
            return Err(unfit(place, problem));
        }
        let seen = places / areas;
        let matrix = seen.checked_mul(places).and_then(|size| size.checked_mul(heads));
        if matrix.is_none_or(|matrix| matrix > MAX_MATRIX) {
            return Err(NetworkError::TooLarge {
                place: place.clone(),
                what: "size of its attention matrix",
                limit: MAX_MATRIX,
            });
        }
        let cost = [heads, key_channels.saturating_add(value_channels), seen, places];
        let output = Shape { channels: attention.outputs(), height, width };
        self.step(Operation::Attention(attention), &[input], output, &cost, place)
    }

    pub fn mean(&mut self, input: Value) -> Value {
        let output = Shape { height: 1, width: 1, ..input.shape };
        self.push(Operation::Mean, &[input], output, 0)
    }

    /// # Shapes
    ///
    /// - `input`: one place
    /// - `channels`: inputs and outputs
    pub fn linear(
        &mut self,
        input: Value,
        weights: WeightsId,
        channels: [usize; 2],
        place: &Place,
    ) -> Result<Value, NetworkError> {
        let [inputs, outputs] = channels;
        input.shape.expect_equal(Shape { channels: inputs, height: 1, width: 1 }, place)?;
        let output = Shape { channels: outputs, height: 1, width: 1 };
        self.step(Operation::Linear { weights }, &[input], output, &channels, place)
    }

    /// Adds a step that costs the product of `cost` in multiplications.
    fn step(
        &mut self,
        operation: Operation,
        inputs: &[Value],
        output: Shape,
        cost: &[usize],
        place: &Place,
    ) -> Result<Value, NetworkError> {
        let output = output.checked(place)?;
        let cost =
            cost.iter().fold(1_u64, |product, &factor| product.saturating_mul(factor as u64));
        Ok(self.push(operation, inputs, output, cost))
    }

    fn push(
        &mut self,
        operation: Operation,
        inputs: &[Value],
        shape: Shape,
        multiplications: u64,
    ) -> Value {
        let number = self.shapes.len();
        let inputs = inputs.iter().map(|input| Input { number: input.number, last: false });
        self.shapes.push(shape);
        self.multiplications = self.multiplications.saturating_add(multiplications);
        let layer = self.layers.len();
        self.steps.push(Step { operation, inputs: inputs.collect(), output: number, layer });
        Value { number, shape }
    }
}
