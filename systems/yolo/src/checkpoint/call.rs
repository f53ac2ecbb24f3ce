//! The few calls in a pickle that are understood.

use super::arena::{Arena, Id, Node, Object, Storage, Tensor};
use super::error::CheckpointError;
use super::machine::Fault;

/// Most axes of a tensor. As PyTorch.
const MAX_AXES: usize = 64;

/// What a call would have made: a plain container or a tensor if the callable is known, and
/// otherwise an object that says what would have been called. Nothing is called.
pub(super) fn call(arena: &mut Arena, mut callable: Id, mut arguments: Id) -> Result<Id, Fault> {
    if arena.tuple(arguments).is_none() {
        return Err("the arguments are not a tuple".into());
    }
    loop {
        let given = arena.tuple(arguments).unwrap_or_default();
        match (arena.global(callable).unwrap_or_default(), given) {
            ("collections.OrderedDict" | "builtins.dict" | "__builtin__.dict", &[]) => {
                return Ok(arena.add(Node::Dict(Vec::new()))?);
            }
            ("collections.OrderedDict", &[pairs]) => {
                if let Some(pairs) = pairs_of(arena, pairs) {
                    arena.spend(pairs.len())?;
                    let held: Vec<Id> = pairs.iter().flat_map(|&(k, v)| [k, v]).collect();
                    return Ok(arena.add_holding(Node::Dict(pairs), held)?);
                }
            }
            (
                "builtins.set" | "builtins.frozenset" | "__builtin__.set" | "__builtin__.frozenset",
                given @ ([] | [_]),
            ) => {
                let items = match given.first() {
                    Some(&items) => arena.sequence(items),
                    None => Some(&[][..]),
                };
                if let Some(items) = items.map(<[Id]>::to_vec) {
                    arena.spend(items.len())?;
                    return Ok(arena.add_holding(Node::Set(items.clone()), items)?);
                }
            }
            ("torch.Size", &[size]) if arena.tuple(size).is_some() => return Ok(size),
            ("torch._utils._rebuild_tensor" | "torch._utils._rebuild_tensor_v2", given) => {
                let &[storage, offset, shape, strides, ..] = given else {
                    return Err("a tensor needs storage, offset, shape and strides".into());
                };
                let tensor = tensor(arena, storage, offset, shape, strides)?;
                arena.spend(2 * tensor.shape.len())?;
                return Ok(arena.add(Node::Tensor(tensor.into()))?);
            }
            (
                "torch._utils._rebuild_parameter" | "torch._utils._rebuild_parameter_with_state",
                &[data, ..],
            ) => return Ok(data),
            // A tensor of a subclass: the call that makes it is among the arguments. Ends, since
            // a tuple cannot contain itself.
            ("torch._tensor._rebuild_from_type_v2", &[inner, _, inner_arguments, ..])
                if arena.tuple(inner_arguments).is_some() =>
            {
                (callable, arguments) = (inner, inner_arguments);
                continue;
            }
            ("copyreg._reconstructor" | "copy_reg._reconstructor", &[class, ..]) => {
                return object(arena, class, arguments);
            }
            _ => {}
        }
        return object(arena, callable, arguments);
    }
}

fn object(arena: &mut Arena, class: Id, arguments: Id) -> Result<Id, Fault> {
    let object = Object { class, arguments, state: None, items: Vec::new(), elements: Vec::new() };
    Ok(arena.add_holding(Node::Object(object.into()), [class, arguments])?)
}

/// The pairs of a list of pairs.
fn pairs_of(arena: &Arena, list: Id) -> Option<Vec<(Id, Id)>> {
    let pairs = arena.sequence(list)?.iter();
    pairs
        .map(|&pair| match arena.sequence(pair)? {
            &[key, value] => Some((key, value)),
            _ => None,
        })
        .collect()
}

fn tensor(arena: &Arena, storage: Id, offset: Id, shape: Id, strides: Id) -> Result<Tensor, Fault> {
    let Node::Storage(storage) = arena.node(storage) else {
        return Err("a tensor needs a storage".into());
    };
    let fail = |problem| invalid(arena, storage, problem);
    let size = |id: Id| match arena.node(id) {
        Node::Int(size) => usize::try_from(*size).ok(),
        _ => None,
    };
    let sizes = |id: Id| -> Option<Box<[usize]>> {
        let sizes = arena.sequence(id).filter(|sizes| sizes.len() <= MAX_AXES)?;
        sizes.iter().map(|&id| size(id)).collect()
    };
    let offset = size(offset).ok_or_else(|| fail("has an offset that is not a count"))?;
    let shape = sizes(shape).ok_or_else(|| fail("has a shape that is not up to 64 counts"))?;
    let strides = sizes(strides).ok_or_else(|| fail("has strides that are not up to 64 counts"))?;
    if shape.len() != strides.len() {
        return Err(fail("has not one stride for each axis of its shape"));
    }
    Ok(Tensor { storage: *storage, offset, shape, strides })
}

fn invalid(arena: &Arena, storage: &Storage, problem: &str) -> Fault {
    let storage = arena.text(storage.key).unwrap_or_default().to_owned();
    Fault::Final(CheckpointError::Tensor { storage, problem: problem.to_owned() })
}
