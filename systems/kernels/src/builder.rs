//! A network is described operation by operation, and checked while it is.

use std::ops::Range;
use std::sync::Arc;

use crate::activation::Activation;
use crate::error::Error;
use crate::graph::{
    AttentionOptions, Convolution, Node, Operation, PoolWindow, TransposedConvolution,
};
use crate::packings::Packings;
use crate::program::{Options, Program};
use crate::shape::{Shape, slid};
use crate::step::attention::AttentionForm;
use crate::step::pool::{Pooling, Window};

/// The output of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value(usize);

/// Describes a network.
///
/// Every operation is checked when it is added: its error names it, and what would fit.
///
/// ```
/// use detector_kernels::{Activation, Builder, Convolution, Options};
///
/// let mut network = Builder::new();
/// let picture = network.input(3, 8, 8)?;
/// let features = network.convolution(picture, Convolution {
///     padding: [1; 4],
///     activation: Activation::Silu,
///     ..Convolution::new(16, [3, 3], vec![0.1; 16 * 3 * 9])
/// })?;
/// let program = network.finish(&[features], &Options::default())?;
///
/// let mut output = vec![0.0; 16 * 8 * 8];
/// program.run(1, &[1.0; 3 * 8 * 8], &mut [&mut output])?;
/// # Ok::<(), detector_kernels::Error>(())
/// ```
#[derive(Default)]
pub struct Builder {
    nodes: Vec<Node>,
    label: String,
}

/// What does not fit, before it is known where.
type Checked<T> = Result<T, String>;

impl Builder {
    /// A network without operations.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names the operations that follow, in errors and profiles: a layer's place in its checkpoint,
    /// for example.
    pub fn label(&mut self, label: impl Into<String>) {
        self.label = label.into();
    }

    /// The shape of a value.
    ///
    /// # Panics
    ///
    /// If the value is another builder's.
    pub fn shape(&self, value: Value) -> Shape {
        self.nodes[value.0].shape
    }

    /// The picture. A network has one.
    pub fn input(&mut self, channels: usize, height: usize, width: usize) -> Result<Value, Error> {
        let first = self.nodes.is_empty();
        self.add_node(Operation::Input, &[], |_, _| {
            if !first {
                return Err("the input is the first operation, and there is one".to_owned());
            }
            Ok(Shape { channels, height, width })
        })
    }

    /// A convolution with zeros around its input, and the activation function that follows.
    pub fn convolution(&mut self, x: Value, convolution: Convolution) -> Result<Value, Error> {
        self.add_node(Operation::Convolution(convolution), &[x], |operation, inputs| {
            let Operation::Convolution(convolution) = operation else { unreachable!() };
            convolution_shape(convolution, inputs[0])
        })
    }

    /// A transposed convolution, and the activation function that follows.
    pub fn transposed_convolution(
        &mut self,
        x: Value,
        convolution: TransposedConvolution,
    ) -> Result<Value, Error> {
        let operation = Operation::TransposedConvolution(convolution);
        self.add_node(operation, &[x], |operation, inputs| {
            let Operation::TransposedConvolution(convolution) = operation else { unreachable!() };
            transposed_shape(convolution, inputs[0])
        })
    }

    /// An activation function by itself.
    pub fn activation(&mut self, x: Value, activation: Activation) -> Result<Value, Error> {
        self.add_node(Operation::Activation(activation), &[x], |_, inputs| Ok(inputs[0]))
    }

    /// The sum of two tensors of the same shape.
    pub fn add(&mut self, a: Value, b: Value) -> Result<Value, Error> {
        self.add_node(Operation::Add, &[a, b], |_, inputs| same_shape(inputs))
    }

    /// The product of two tensors of the same shape, number by number.
    pub fn multiply(&mut self, a: Value, b: Value) -> Result<Value, Error> {
        self.add_node(Operation::Multiply, &[a, b], |_, inputs| same_shape(inputs))
    }

    /// Each channel times its factor plus its offset.
    pub fn scale_shift(
        &mut self,
        x: Value,
        factors: Vec<f32>,
        offsets: Vec<f32>,
    ) -> Result<Value, Error> {
        let (scales, shifts) = (factors.len(), offsets.len());
        let operation = Operation::ScaleShift { factors, offsets };
        self.add_node(operation, &[x], |_, inputs| {
            let channels = inputs[0].channels;
            expect("number of factors", scales, channels)?;
            expect("number of offsets", shifts, channels)?;
            Ok(inputs[0])
        })
    }

    /// Channels of several tensors behind each other.
    pub fn concatenate(&mut self, parts: &[Value]) -> Result<Value, Error> {
        self.add_node(Operation::Concatenate, parts, |_, inputs| {
            let Some(first) = inputs.first() else {
                return Err("there is nothing to put together".to_owned());
            };
            let other = inputs
                .iter()
                .find(|input| (input.height, input.width) != (first.height, first.width));
            if let Some(other) = other {
                return Err(format!("{first} and {other} differ in size"));
            }
            Ok(Shape { channels: inputs.iter().map(|input| input.channels).sum(), ..*first })
        })
    }

    /// Some channels that follow each other.
    pub fn channels(&mut self, x: Value, range: Range<usize>) -> Result<Value, Error> {
        self.select_channels(x, &range.collect::<Vec<usize>>())
    }

    /// The channels with these numbers, in this order.
    pub fn select_channels(&mut self, x: Value, indices: &[usize]) -> Result<Value, Error> {
        self.add_node(Operation::Select(indices.to_vec()), &[x], |_, inputs| {
            if let Some(index) = indices.iter().find(|&&index| index >= inputs[0].channels) {
                return Err(format!("{} has no channel {index}", inputs[0]));
            }
            Ok(Shape { channels: indices.len(), ..inputs[0] })
        })
    }

    /// The greatest number of each window. Padding is never the greatest.
    pub fn max_pool(&mut self, x: Value, window: PoolWindow) -> Result<Value, Error> {
        self.pool(x, Pooling::Max, window)
    }

    /// The mean of each window; of its padding too, as zeros, if `count_padding`.
    pub fn average_pool(
        &mut self,
        x: Value,
        window: PoolWindow,
        count_padding: bool,
    ) -> Result<Value, Error> {
        self.pool(x, Pooling::Average { with_padding: count_padding }, window)
    }

    fn pool(&mut self, x: Value, pooling: Pooling, window: PoolWindow) -> Result<Value, Error> {
        let PoolWindow { kernel, stride, padding, dilation, ceil_mode } = window;
        let axis = |axis: usize| Window {
            size: kernel[axis],
            stride: stride[axis],
            padding: [padding[axis], padding[axis + 2]],
            dilation: dilation[axis],
        };
        let windows = [axis(0), axis(1)];
        self.add_node(Operation::Pool { pooling, windows }, &[x], |_, inputs| {
            let Shape { channels, height, width } = inputs[0];
            let height = windows[0].steps(height, ceil_mode)?;
            let width = windows[1].steps(width, ceil_mode)?;
            Ok(Shape { channels, height, width })
        })
    }

    /// Each place repeated, down and to the right.
    pub fn upsample_nearest(&mut self, x: Value, factors: [usize; 2]) -> Result<Value, Error> {
        self.add_node(Operation::Resize, &[x], |_, inputs| {
            Ok(Shape {
                height: inputs[0].height.saturating_mul(factors[0]),
                width: inputs[0].width.saturating_mul(factors[1]),
                ..inputs[0]
            })
        })
    }

    /// Another size; each place is that of the input which lies over its upper left corner.
    pub fn resize_nearest(
        &mut self,
        x: Value,
        height: usize,
        width: usize,
    ) -> Result<Value, Error> {
        self.add_node(Operation::Resize, &[x], |_, inputs| Ok(Shape { height, width, ..inputs[0] }))
    }

    /// A border of `value`.
    pub fn pad(
        &mut self,
        x: Value,
        left: usize,
        right: usize,
        top: usize,
        bottom: usize,
        value: f32,
    ) -> Result<Value, Error> {
        self.add_node(Operation::Pad { top, left, value }, &[x], |_, inputs| {
            Ok(Shape {
                height: inputs[0].height.saturating_add(top).saturating_add(bottom),
                width: inputs[0].width.saturating_add(left).saturating_add(right),
                ..inputs[0]
            })
        })
    }

    /// For each place the values of all places of its area, each with the share that the softmax of
    /// the query's products with the keys gives it. Channels are `[heads, channels of a head]`.
    pub fn attention(
        &mut self,
        queries: Value,
        keys: Value,
        values: Value,
        options: AttentionOptions,
    ) -> Result<Value, Error> {
        let AttentionOptions { heads, key_dim, head_dim, scale, areas } = options;
        let form =
            AttentionForm { areas, heads, key_channels: key_dim, value_channels: head_dim, scale };
        self.add_node(Operation::Attention(form), &[queries, keys, values], |_, inputs| {
            let &[queries, keys, values] = inputs else { unreachable!() };
            if heads == 0 || key_dim == 0 || head_dim == 0 || areas == 0 {
                return Err("it has no head, no channel or no area".to_owned());
            }
            let key_channels = heads.saturating_mul(key_dim);
            expect("channels of queries", queries.channels, key_channels)?;
            expect("channels of keys", keys.channels, key_channels)?;
            expect("channels of values", values.channels, heads.saturating_mul(head_dim))?;
            let size = |shape: Shape| (shape.height, shape.width);
            if size(queries) != size(keys) || size(queries) != size(values) {
                return Err(format!("{queries}, {keys} and {values} differ in size"));
            }
            if !(values.height * values.width).is_multiple_of(areas) {
                return Err(format!("the places of {values} are not {areas} equal areas"));
            }
            Ok(values)
        })
    }

    /// The mean of each channel over all places, as one place.
    pub fn mean_over_places(&mut self, x: Value) -> Result<Value, Error> {
        self.add_node(Operation::Mean, &[x], |_, inputs| {
            Ok(Shape { height: 1, width: 1, ..inputs[0] })
        })
    }

    /// Weighted sums of the channels of one place: `weights` are `[outputs, channels]`.
    pub fn linear(
        &mut self,
        x: Value,
        outputs: usize,
        weights: impl Into<Arc<[f32]>>,
        bias: Vec<f32>,
    ) -> Result<Value, Error> {
        self.convolution(x, Convolution { bias, ..Convolution::new(outputs, [1, 1], weights) })
    }

    /// The softmax over the channels of each place.
    pub fn softmax(&mut self, x: Value) -> Result<Value, Error> {
        self.add_node(Operation::Softmax, &[x], |_, inputs| Ok(inputs[0]))
    }

    /// The network that computes `outputs`, ready to run.
    pub fn finish(self, outputs: &[Value], options: &Options) -> Result<Program, Error> {
        self.finish_with(outputs, options, &Packings::new())
    }

    /// As [`Builder::finish`], with weights in common with other programs that are finished with the
    /// same packings.
    pub fn finish_with(
        self,
        outputs: &[Value],
        options: &Options,
        packings: &Packings,
    ) -> Result<Program, Error> {
        if outputs.is_empty() {
            return Err(Error::Network("the network has no output".to_owned()));
        }
        if let Some(Value(output)) = outputs.iter().find(|output| output.0 >= self.nodes.len()) {
            return Err(Error::Network(format!("output {output} is not of this network")));
        }
        let outputs: Vec<usize> = outputs.iter().map(|output| output.0).collect();
        Program::plan(&self.nodes, &outputs, options, packings)
    }

    fn add_node(
        &mut self,
        operation: Operation,
        inputs: &[Value],
        shape: impl FnOnce(&Operation, &[Shape]) -> Checked<Shape>,
    ) -> Result<Value, Error> {
        let index = self.nodes.len();
        let inputs: Vec<usize> = inputs.iter().map(|input| input.0).collect();
        let shape = match inputs.iter().find(|&&input| input >= index) {
            Some(input) => Err(format!("its input {input} is not of this network")),
            None => {
                let shapes: Vec<Shape> =
                    inputs.iter().map(|&input| self.nodes[input].shape).collect();
                shape(&operation, &shapes).and_then(Shape::checked)
            }
        };
        let label = self.label.clone();
        let shape = shape.map_err(|problem| {
            let name = match label.as_str() {
                "" => operation.name().to_owned(),
                label => format!("{}, {label}", operation.name()),
            };
            Error::Unfit { index, name, problem }
        })?;
        self.nodes.push(Node { operation, inputs, shape, label });
        Ok(Value(index))
    }
}

fn expect(what: &str, got: usize, want: usize) -> Checked<()> {
    if got == want {
        return Ok(());
    }
    Err(format!("{what} is {got} instead of {want}"))
}

fn same_shape(inputs: &[Shape]) -> Checked<Shape> {
    if inputs[0] == inputs[1] {
        return Ok(inputs[0]);
    }
    Err(format!("{} and {} differ in shape", inputs[0], inputs[1]))
}

fn expect_positive(sizes: &[usize]) -> Checked<()> {
    if sizes.contains(&0) {
        return Err("a size, stride, dilation or number of groups is 0".to_owned());
    }
    Ok(())
}

fn convolution_shape(convolution: &Convolution, input: Shape) -> Checked<Shape> {
    let &Convolution { outputs, kernel, stride, padding, dilation, groups, .. } = convolution;
    expect_positive(&[outputs, kernel[0], kernel[1], stride[0], stride[1]])?;
    expect_positive(&[dilation[0], dilation[1], groups])?;
    if !input.channels.is_multiple_of(groups) || !outputs.is_multiple_of(groups) {
        let channels = input.channels;
        return Err(format!("{groups} groups do not divide {channels} inputs, {outputs} outputs"));
    }
    let weights = [outputs, input.channels / groups, kernel[0], kernel[1]];
    expect("number of weights", convolution.weights.len(), product(&weights)?)?;
    if !convolution.bias.is_empty() {
        expect("number of biases", convolution.bias.len(), outputs)?;
    }
    let along = |axis: usize, places: usize| {
        let padding = [padding[axis], padding[axis + 2]];
        let reach = (kernel[axis] - 1).saturating_mul(dilation[axis]).saturating_add(1);
        if padding.iter().any(|&padding| padding >= reach) {
            return Err(format!("padding of {padding:?} is more than its kernel reaches, {reach}"));
        }
        slid(places, kernel[axis], stride[axis], padding, dilation[axis])
            .ok_or_else(|| format!("its kernel is larger than its padded input {input}"))
    };
    Ok(Shape { channels: outputs, height: along(0, input.height)?, width: along(1, input.width)? })
}

fn transposed_shape(convolution: &TransposedConvolution, input: Shape) -> Checked<Shape> {
    let &TransposedConvolution { outputs, kernel, stride, padding, output_padding, .. } =
        convolution;
    let groups = convolution.groups;
    expect_positive(&[outputs, kernel[0], kernel[1], stride[0], stride[1], groups])?;
    if !input.channels.is_multiple_of(groups) || !outputs.is_multiple_of(groups) {
        let channels = input.channels;
        return Err(format!("{groups} groups do not divide {channels} inputs, {outputs} outputs"));
    }
    let weights = [input.channels, outputs / groups, kernel[0], kernel[1]];
    expect("number of weights", convolution.weights.len(), product(&weights)?)?;
    if !convolution.bias.is_empty() {
        expect("number of biases", convolution.bias.len(), outputs)?;
    }
    let along = |axis: usize, places: usize| {
        if output_padding[axis] >= stride[axis] {
            return Err("its output padding is not less than its stride".to_owned());
        }
        if padding[axis] >= kernel[axis] {
            return Err("its padding is not less than its kernel".to_owned());
        }
        let spread = (places - 1)
            .checked_mul(stride[axis])
            .and_then(|spread| spread.checked_add(kernel[axis])?.checked_add(output_padding[axis]));
        let spread = spread.ok_or("its output is too large")?;
        Ok(spread.saturating_sub(2 * padding[axis]))
    };
    Ok(Shape { channels: outputs, height: along(0, input.height)?, width: along(1, input.width)? })
}

fn product(sizes: &[usize]) -> Checked<usize> {
    let product = sizes.iter().try_fold(1_usize, |product, &size| product.checked_mul(size));
    product.ok_or_else(|| "it is too large".to_owned())
}

impl Window {
    /// How many windows there are over `places`.
    fn steps(&self, places: usize, ceil_mode: bool) -> Checked<usize> {
        expect_positive(&[self.size, self.stride, self.dilation])?;
        // A window must not lie in the padding alone.
        if self.padding.iter().any(|&padding| padding > self.size / 2) {
            return Err(format!("padding of {:?} is more than half its window", self.padding));
        }
        let steps = slid(places, self.size, self.stride, self.padding, self.dilation)
            .ok_or_else(|| format!("its window is larger than {places} padded places"))?;
        // One window more where places are left over, if it begins before the far padding.
        let covered = (steps - 1) * self.stride + (self.size - 1) * self.dilation + 1;
        let more = ceil_mode
            && covered < places + self.padding[0] + self.padding[1]
            && steps * self.stride < places + self.padding[0];
        let steps = steps + usize::from(more);
        if self.sees_nothing(places, steps) {
            return Err("a window of it lies in the padding alone".to_owned());
        }
        Ok(steps)
    }
}
