//! A value of a checkpoint.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ptr;

use super::Checkpoint;
use super::arena::{Id, Node};
use super::tensor::TensorRef;

/// What a [`Value`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Python's `None`.
    None,
    /// True or false.
    Bool,
    /// An integer of any size.
    Int,
    /// A floating-point number.
    Float,
    /// Text.
    Str,
    /// Bytes.
    Bytes,
    /// A list.
    List,
    /// A tuple, or a `torch.Size`.
    Tuple,
    /// A set, frozen or not.
    Set,
    /// A dict, ordered or not.
    Dict,
    /// The name of a class or function.
    Class,
    /// What Python would have made by calling a class or function: a name with data.
    Object,
    /// The numbers behind tensors.
    Storage,
    /// A tensor or parameter.
    Tensor,
}

/// A value of a checkpoint. Two are equal when they are the same object, as with Python's `is`.
#[derive(Clone, Copy)]
pub struct Value<'c> {
    checkpoint: &'c Checkpoint,
    id: Id,
}

impl<'c> Value<'c> {
    pub(super) fn new(checkpoint: &'c Checkpoint, id: Id) -> Self {
        Self { checkpoint, id }
    }

    /// What it is.
    pub fn kind(self) -> Kind {
        match self.node() {
            Node::None => Kind::None,
            Node::Bool(_) => Kind::Bool,
            Node::Int(_) | Node::BigInt => Kind::Int,
            Node::Float(_) => Kind::Float,
            Node::Str(_) => Kind::Str,
            Node::Bytes(_) => Kind::Bytes,
            Node::List(_) => Kind::List,
            Node::Tuple(_) => Kind::Tuple,
            Node::Set(_) => Kind::Set,
            Node::Dict(_) => Kind::Dict,
            Node::Global(_) => Kind::Class,
            Node::Object(_) => Kind::Object,
            Node::Storage(_) => Kind::Storage,
            Node::Tensor(_) => Kind::Tensor,
        }
    }

    /// Whether it is Python's `None`.
    pub fn is_none(self) -> bool {
        matches!(self.node(), Node::None)
    }

    /// True or false, if it is either.
    pub fn as_bool(self) -> Option<bool> {
        match self.node() {
            Node::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The integer, if it is one and fits.
    pub fn as_i64(self) -> Option<i64> {
        match self.node() {
            Node::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The number, if it is a float, or an integer that fits.
    pub fn as_f64(self) -> Option<f64> {
        match self.node() {
            Node::Float(value) => Some(*value),
            Node::Int(value) => Some(*value as f64),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn as_str(self) -> Option<&'c str> {
        self.checkpoint.arena.text(self.id)
    }

    /// The bytes, if it is some.
    pub fn as_bytes(self) -> Option<&'c [u8]> {
        match self.node() {
            Node::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The elements of a list, tuple or set in their order. Nothing else has any.
    pub fn items(self) -> Vec<Value<'c>> {
        let ids = match self.node() {
            Node::Object(object) => &object.elements,
            _ => self.checkpoint.arena.sequence(self.id).unwrap_or_default(),
        };
        ids.iter().map(|&id| self.at(id)).collect()
    }

    /// The keys and values of a dict in their order. Nothing else has any.
    pub fn entries(self) -> Vec<(Value<'c>, Value<'c>)> {
        self.pairs().iter().map(|&(key, value)| (self.at(key), self.at(value))).collect()
    }

    /// The value of a dict under the text `name`, or the attribute `name` of an object.
    pub fn get(self, name: &str) -> Option<Value<'c>> {
        if let Node::Object(object) = self.node()
            && let Some(state) = object.state
        {
            let state = self.at(state);
            // Of a class with slots the state is a pair: its attributes, and those in slots.
            let found = match self.checkpoint.arena.tuple(state.id) {
                Some(&[attributes, slots]) => {
                    self.at(attributes).own(name).or_else(|| self.at(slots).own(name))
                }
                _ => state.own(name),
            };
            if found.is_some() {
                return found;
            }
        }
        self.own(name)
    }

    /// The full name of an object's class, `ultralytics.nn.modules.conv.Conv`; of the function
    /// that would have made it; or of the class or function that the value itself is.
    pub fn class(self) -> Option<&'c str> {
        let class = match self.node() {
            Node::Object(object) => object.class,
            _ => self.id,
        };
        self.checkpoint.arena.global(class)
    }

    /// What the class or function of an object would have been called with.
    pub fn arguments(self) -> Vec<Value<'c>> {
        match self.node() {
            Node::Object(object) => self.at(object.arguments).items(),
            _ => Vec::new(),
        }
    }

    /// A child module of a torch module, unless it is `None`.
    pub fn module(self, name: &str) -> Option<Value<'c>> {
        self.member("_modules", name)
    }

    /// A parameter of a torch module, unless it is `None`.
    pub fn parameter(self, name: &str) -> Option<Value<'c>> {
        self.member("_parameters", name)
    }

    /// A buffer of a torch module, unless it is `None`.
    pub fn buffer(self, name: &str) -> Option<Value<'c>> {
        self.member("_buffers", name)
    }

    /// The child modules of a torch module in their order, without those that are `None`.
    pub fn modules(self) -> Vec<(&'c str, Value<'c>)> {
        let Some(modules) = self.get("_modules") else {
            return Vec::new();
        };
        let pairs = modules.pairs().iter();
        pairs
            .filter_map(|&(name, module)| Some((self.at(name).as_str()?, self.at(module))))
            .filter(|(_, module)| !module.is_none())
            .collect()
    }

    /// The tensor, if it is one or a parameter.
    pub fn tensor(self) -> Option<TensorRef<'c>> {
        match self.node() {
            Node::Tensor(tensor) => Some(TensorRef::new(self.checkpoint, tensor)),
            _ => None,
        }
    }

    fn member(self, collection: &str, name: &str) -> Option<Value<'c>> {
        self.get(collection)?.get(name).filter(|member| !member.is_none())
    }

    /// A value under a text, without the attributes of an object.
    fn own(self, name: &str) -> Option<Value<'c>> {
        let mut pairs = self.pairs().iter();
        let (_, value) = pairs.find(|(key, _)| self.at(*key).as_str() == Some(name))?;
        Some(self.at(*value))
    }

    fn pairs(self) -> &'c [(Id, Id)] {
        match self.node() {
            Node::Dict(pairs) => pairs,
            Node::Object(object) => &object.items,
            _ => &[],
        }
    }

    fn at(self, id: Id) -> Self {
        Self { id, ..self }
    }

    fn node(self) -> &'c Node {
        self.checkpoint.arena.node(self.id)
    }
}

impl PartialEq for Value<'_> {
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self.checkpoint, other.checkpoint) && self.id == other.id
    }
}

impl Eq for Value<'_> {}

impl Hash for Value<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

/// Shows the value itself, and of what contains others only how many: they may contain each other.
impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.node() {
            Node::None => f.write_str("None"),
            Node::Bool(value) => value.fmt(f),
            Node::Int(value) => value.fmt(f),
            Node::Float(value) => value.fmt(f),
            Node::Str(text) => text.fmt(f),
            Node::Global(name) => f.write_str(name),
            Node::Dict(pairs) => write!(f, "Dict of {}", pairs.len()),
            Node::Object(_) => write!(f, "Object of {}", self.class().unwrap_or("no class")),
            Node::Tensor(tensor) => write!(f, "Tensor {:?}", tensor.shape),
            _ => write!(f, "{:?} of {}", self.kind(), self.items().len()),
        }
    }
}
