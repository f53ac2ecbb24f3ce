use super::*;
use crate::network::activation::Activation;
use crate::network::place::Place;
use crate::network::weights::WeightsId;

/// A plan for pictures of 8 x 4 that is told step by step.
struct Told {
    plan: PlanBuilder,
    place: Place,
}

impl Told {
    fn new() -> Self {
        Self { plan: PlanBuilder::new(8, 4), place: Place::root("here") }
    }

    /// A convolution of each place by itself that gives as many channels as it takes.
    fn convolution(&mut self, input: Value, activation: Activation) -> Value {
        let (weights, window) = (WeightsId(0), Window::new([1, 1]));
        let convolution = Convolution { weights, window, groups: 1, activation };
        let channels = [input.shape.channels; 2];
        self.plan.convolution(input, convolution, channels, &self.place).unwrap()
    }

    fn slice(&mut self, input: Value, channels: std::ops::Range<usize>) -> Value {
        self.plan.slice(input, channels, &self.place).unwrap()
    }

    fn concatenate(&mut self, parts: &[Value]) -> Value {
        self.plan.concatenate(parts, &self.place).unwrap()
    }

    fn add(&mut self, a: Value, b: Value) -> Value {
        self.plan.add(a, b, &self.place).unwrap()
    }

    /// The operations of the plan that ends with `output`, in short, each with the numbers of its
    /// inputs, a `!` behind those that it reads last.
    fn steps(self, output: Value) -> Vec<String> {
        let plan = self.plan.finish(Output::Classes(output));
        let input =
            |input: &Input| format!("{}{}", input.number, if input.last { "!" } else { "" });
        plan.steps
            .iter()
            .map(|step| {
                let name = match &step.operation {
                    Operation::Convolution(convolution) => {
                        format!("Convolution {:?}", convolution.activation)
                    }
                    operation => format!("{operation:?}"),
                };
                let inputs: Vec<String> = step.inputs.iter().map(input).collect();
                format!("{} = {name} {}", step.output, inputs.join(" "))
            })
            .collect()
    }
}

#[test]
fn slices_put_together_again_are_the_whole() {
    let mut told = Told::new();
    let picture = told.plan.picture();
    let (first, rest) = (told.slice(picture, 0..1), told.slice(picture, 1..3));
    let more = told.convolution(picture, Activation::Identity);
    let all = told.concatenate(&[more, first, rest]);
    assert_eq!(told.steps(all), ["3 = Convolution Identity 0", "4 = Concatenate 3! 0!"]);
}

#[test]
fn a_concatenation_of_nothing_but_the_whole_is_no_step() {
    let mut told = Told::new();
    let picture = told.plan.picture();
    let (first, rest) = (told.slice(picture, 0..1), told.slice(picture, 1..3));
    let all = told.concatenate(&[first, rest]);
    let output = told.convolution(all, Activation::Silu);
    assert_eq!(told.steps(output), ["4 = Convolution Silu 0!"]);
}

#[test]
fn slices_in_another_order_or_with_a_gap_stay() {
    for parts in [[1..3, 0..1], [0..1, 2..3]] {
        let mut told = Told::new();
        let picture = told.plan.picture();
        let parts = parts.map(|channels| told.slice(picture, channels));
        let all = told.concatenate(&parts);
        assert_eq!(told.steps(all).len(), 3);
    }
}

#[test]
fn a_convolution_does_what_follows_it() {
    let mut told = Told::new();
    let picture = told.plan.picture();
    let sum = told.convolution(picture, Activation::Identity);
    let active = told.plan.activation(sum, Activation::Relu);
    let output = told.add(picture, active);
    assert_eq!(told.steps(output), ["3 = Convolution Relu 0 0!"]);
}

#[test]
fn the_later_of_two_convolutions_adds_the_earlier_one() {
    let mut told = Told::new();
    let picture = told.plan.picture();
    let first = told.convolution(picture, Activation::Silu);
    let second = told.convolution(picture, Activation::Silu);
    let output = told.add(first, second);
    assert_eq!(told.steps(output), ["1 = Convolution Silu 0", "3 = Convolution Silu 0! 1!"]);
}

#[test]
fn what_others_read_too_is_not_changed() {
    let mut told = Told::new();
    let picture = told.plan.picture();
    let convolved = told.convolution(picture, Activation::Identity);
    let active = told.plan.activation(convolved, Activation::Relu);
    let output = told.add(convolved, active);
    assert_eq!(
        told.steps(output),
        ["1 = Convolution Identity 0!", "2 = Activation(Relu) 1", "3 = Add 1! 2!"]
    );
}

#[test]
fn a_sum_with_what_comes_later_stays() {
    let mut told = Told::new();
    let picture = told.plan.picture();
    let convolved = told.convolution(picture, Activation::Silu);
    let active = told.plan.activation(picture, Activation::Relu);
    let output = told.add(convolved, active);
    assert_eq!(
        told.steps(output),
        ["1 = Convolution Silu 0", "2 = Activation(Relu) 0!", "3 = Add 1! 2!"]
    );
}

#[test]
fn what_nobody_reads_is_not_made_but_costs_as_the_network_does() {
    let mut told = Told::new();
    let picture = told.plan.picture();
    told.convolution(picture, Activation::Silu);
    told.plan.end_layer(None);
    let output = told.convolution(picture, Activation::Silu);
    told.plan.end_layer(None);
    let plan = told.plan.finish(Output::Classes(output));
    assert_eq!(plan.steps.len(), 1);
    let costs: Vec<u64> = plan.layers.iter().map(|layer| layer.multiplications).collect();
    assert_eq!(costs, [3 * 3 * 8 * 4; 2]);
}

#[test]
fn what_does_not_fit_is_refused_with_its_place() {
    let mut told = Told::new();
    let picture = told.plan.picture();
    let small = told.plan.average_pool(picture, [2, 2], &told.place).unwrap();
    let error = told.plan.concatenate(&[picture, small], &told.place).unwrap_err();
    assert_eq!(error.to_string(), "here: cannot join 4x8 with 3x7");
    let error = told.plan.slice(picture, 2..4, &told.place).unwrap_err();
    assert_eq!(error.to_string(), "here: cannot take channels 2..4 of 1 groups of 3");
}
