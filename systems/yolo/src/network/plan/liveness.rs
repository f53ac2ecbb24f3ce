//! Which values are read for the last time where.

use super::Plan;

/// Marks each input that nobody reads after its step.
pub(super) fn mark_last_uses(plan: &mut Plan) {
    // What the plan ends with is read at its end.
    let mut read_later = vec![false; plan.shapes.len()];
    for value in plan.output.values() {
        read_later[value.number] = true;
    }
    for step in plan.steps.iter_mut().rev() {
        for input in step.inputs.iter_mut().rev() {
            input.last = !std::mem::replace(&mut read_later[input.number], true);
        }
    }
}
