//! Fewer steps that do the same.
//!
//! Modules say what they do in their own words; where two of them together are less, it shows only
//! here.

use super::{Input, Operation, Plan};
use crate::network::activation::Activation;

/// Makes a plan shorter. Values that nobody reads are not made.
pub(super) fn simplify(plan: &mut Plan) {
    take_whole_for_slices(plan);
    drop_unread(plan);
    fuse_with_convolutions(plan);
}

/// Where the slices of a value are put together again, the value itself is taken.
fn take_whole_for_slices(plan: &mut Plan) {
    // What each value is: itself, or an earlier one.
    let mut same: Vec<usize> = (0..plan.shapes.len()).collect();
    let maker = makers(plan);
    for at in 0..plan.steps.len() {
        for input in &mut plan.steps[at].inputs {
            input.number = same[input.number];
        }
        if plan.steps[at].operation != Operation::Concatenate {
            continue;
        }
        let mut rest = plan.steps[at].inputs.as_slice();
        let mut joined = Vec::with_capacity(rest.len());
        while let &[first, ..] = rest {
            let (value, parts) = whole(rest, plan, &maker).unwrap_or((first, 1));
            joined.push(value);
            rest = &rest[parts..];
        }
        if let [only] = joined.as_slice() {
            same[plan.steps[at].output] = only.number;
        }
        plan.steps[at].inputs = joined;
    }
    for value in plan.output.values_mut() {
        value.number = same[value.number];
    }
}

/// The value whose channels the first ones of `parts` are, in their order and up to the last one;
/// and how many parts that takes.
fn whole(parts: &[Input], plan: &Plan, maker: &[Option<usize>]) -> Option<(Input, usize)> {
    let mut next = 0;
    let mut source = None;
    for (at, part) in parts.iter().enumerate() {
        let slice = &plan.steps[maker[part.number]?];
        let Operation::Slice { groups: 1, channels } = &slice.operation else { return None };
        let &[input] = slice.inputs.as_slice() else { return None };
        if channels.start != next || *source.get_or_insert(input.number) != input.number {
            return None;
        }
        next = channels.end;
        if next == plan.shapes[input.number].channels {
            return Some((input, at + 1));
        }
    }
    None
}

/// Drops the steps whose output nobody reads.
fn drop_unread(plan: &mut Plan) {
    let mut read = vec![false; plan.shapes.len()];
    for value in plan.output.values() {
        read[value.number] = true;
    }
    for step in plan.steps.iter().rev() {
        if read[step.output] {
            step.inputs.iter().for_each(|input| read[input.number] = true);
        }
    }
    plan.steps.retain(|step| read[step.output]);
}

/// A convolution does what follows it alone: an activation function, a sum with an earlier value.
fn fuse_with_convolutions(plan: &mut Plan) {
    let uses = uses(plan);
    let mut maker = makers(plan);
    let mut fused = vec![false; plan.steps.len()];
    for (at, fused) in fused.iter_mut().enumerate() {
        let (earlier, rest) = plan.steps.split_at_mut(at);
        let step = &rest[0];
        let only_here = |input: &Input| uses[input.number] == 1;
        let into = match (&step.operation, step.inputs.as_slice()) {
            (&Operation::Activation(activation), [input]) if only_here(input) => {
                maker[input.number].filter(|&into| match &mut earlier[into].operation {
                    Operation::Convolution(convolution)
                        if convolution.activation == Activation::Identity
                            && earlier[into].inputs.len() == 1 =>
                    {
                        convolution.activation = activation;
                        true
                    }
                    _ => false,
                })
            }
            (Operation::Add, &[a, b]) => [(a, b), (b, a)].into_iter().find_map(|(own, other)| {
                let into = maker[own.number].filter(|_| only_here(&own))?;
                let convolution = &mut earlier[into];
                let fits = matches!(convolution.operation, Operation::Convolution(_))
                    && convolution.inputs.len() == 1
                    && maker[other.number].is_none_or(|other| other < into);
                fits.then(|| {
                    convolution.inputs.push(other);
                    into
                })
            }),
            _ => None,
        };
        if let Some(into) = into {
            let output = step.output;
            earlier[into].output = output;
            maker[output] = Some(into);
            *fused = true;
        }
    }
    let mut fused = fused.into_iter();
    plan.steps.retain(|_| !fused.next().unwrap_or(false));
}

/// For each value the step that makes it; none for the picture.
fn makers(plan: &Plan) -> Vec<Option<usize>> {
    let mut makers = vec![None; plan.shapes.len()];
    for (at, step) in plan.steps.iter().enumerate() {
        makers[step.output] = Some(at);
    }
    makers
}

/// How often each value is read.
fn uses(plan: &Plan) -> Vec<usize> {
    let mut uses = vec![0; plan.shapes.len()];
    let read = plan.steps.iter().flat_map(|step| &step.inputs).map(|input| input.number);
    for number in read.chain(plan.output.values().map(|value| value.number)) {
        uses[number] += 1;
    }
    uses
}
