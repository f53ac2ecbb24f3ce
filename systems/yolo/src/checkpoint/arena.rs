//! The values of a checkpoint, each under a number.

use std::collections::HashMap;

use super::error::CheckpointError;
use super::limits::Limits;

/// Number of a value in its arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Id(u32);

/// One value. Values name each other by number, so they can contain each other.
#[derive(Debug)]
pub(super) enum Node {
    None,
    Bool(bool),
    Int(i64),
    /// An integer that needs more than 64 bits: its value is not kept.
    BigInt,
    Float(f64),
    Str(Box<str>),
    Bytes(Box<[u8]>),
    List(Vec<Id>),
    Tuple(Box<[Id]>),
    Set(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// A class or function, by its full name.
    Global(Box<str>),
    Object(Box<Object>),
    Storage(Storage),
    Tensor(Box<Tensor>),
}

/// Something that Python would have made by a call.
#[derive(Debug)]
pub(super) struct Object {
    /// What would have been called: a class or a function, seldom something else.
    pub class: Id,
    pub arguments: Id,
    /// Its attributes: a dict, or a tuple of two.
    pub state: Option<Id>,
    pub items: Vec<(Id, Id)>,
    pub elements: Vec<Id>,
}

/// Numbers in the archive.
#[derive(Clone, Copy, Debug)]
pub(super) struct Storage {
    /// A text: names the archive entry.
    pub key: Id,
    /// A class: says the type of the numbers.
    pub class: Id,
    /// How many there should be.
    pub count: u64,
}

/// A view of numbers in a storage.
#[derive(Debug)]
pub(super) struct Tensor {
    pub storage: Storage,
    pub offset: usize,
    pub shape: Box<[usize]>,
    pub strides: Box<[usize]>,
}

/// The values of a checkpoint. They are only added, never removed.
#[derive(Debug)]
pub(super) struct Arena {
    nodes: Vec<Node>,
    /// How many values lie within each other below each one.
    depths: Vec<u32>,
    /// How many nodes and copied places are left.
    budget: usize,
    max_nodes: usize,
    max_nesting: usize,
}

impl Arena {
    pub fn new(limits: &Limits) -> Self {
        // Numbers of values have 32 bits.
        let max_nodes = limits.nodes.min(u32::MAX as usize);
        Self {
            nodes: Vec::new(),
            depths: Vec::new(),
            budget: max_nodes,
            max_nodes,
            max_nesting: limits.nesting.min(u32::MAX as usize - 1),
        }
    }

    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn node(&self, id: Id) -> &Node {
        &self.nodes[id.0 as usize]
    }

    pub fn node_mut(&mut self, id: Id) -> &mut Node {
        &mut self.nodes[id.0 as usize]
    }

    /// Adds a value that contains no other.
    pub fn add(&mut self, node: Node) -> Result<Id, CheckpointError> {
        self.spend(1)?;
        // Fits: the budget is not greater than the greatest number.
        let id = Id(self.nodes.len() as u32);
        self.nodes.push(node);
        self.depths.push(1);
        Ok(id)
    }

    /// Adds a value that contains others.
    pub fn add_holding(
        &mut self,
        node: Node,
        held: impl IntoIterator<Item = Id>,
    ) -> Result<Id, CheckpointError> {
        let id = self.add(node)?;
        self.hold(id, held)?;
        Ok(id)
    }

    /// Takes note that a value contains others.
    pub fn hold(
        &mut self,
        holder: Id,
        held: impl IntoIterator<Item = Id>,
    ) -> Result<(), CheckpointError> {
        let deepest = held.into_iter().map(|id| self.depths[id.0 as usize]).max().unwrap_or(0);
        let depth = self.depths[holder.0 as usize].max(deepest + 1);
        if depth as usize > self.max_nesting {
            return Err(CheckpointError::Limit {
                what: "values within each other",
                limit: self.max_nesting,
            });
        }
        self.depths[holder.0 as usize] = depth;
        Ok(())
    }

    /// Pays for something that a few bytes of the file can ask for again and again.
    pub fn spend(&mut self, cost: usize) -> Result<(), CheckpointError> {
        self.budget = self
            .budget
            .checked_sub(cost)
            .ok_or(CheckpointError::Limit { what: "values", limit: self.max_nodes })?;
        Ok(())
    }

    pub fn text(&self, id: Id) -> Option<&str> {
        match self.node(id) {
            Node::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The full name of a class or function.
    pub fn global(&self, id: Id) -> Option<&str> {
        match self.node(id) {
            Node::Global(name) => Some(name),
            _ => None,
        }
    }

    pub fn tuple(&self, id: Id) -> Option<&[Id]> {
        match self.node(id) {
            Node::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// The elements of a list, tuple or set.
    pub fn sequence(&self, id: Id) -> Option<&[Id]> {
        match self.node(id) {
            Node::List(items) | Node::Set(items) => Some(items),
            Node::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// Where a key occurs twice in a dict, the later value takes the place of the earlier one, as
    /// in Python.
    pub fn settle_duplicates(&mut self) {
        for at in 0..self.nodes.len() {
            let pairs = match &mut self.nodes[at] {
                Node::Dict(pairs) => std::mem::take(pairs),
                Node::Object(object) => std::mem::take(&mut object.items),
                _ => continue,
            };
            let settled = self.settled(pairs);
            match &mut self.nodes[at] {
                Node::Dict(pairs) => *pairs = settled,
                Node::Object(object) => object.items = settled,
                _ => {}
            }
        }
    }

    fn settled(&self, pairs: Vec<(Id, Id)>) -> Vec<(Id, Id)> {
        #[derive(PartialEq, Eq, Hash)]
        enum Key<'a> {
            Str(&'a str),
            Int(i64),
            Other(Id),
        }

        if pairs.len() < 2 {
            return pairs;
        }
        let mut places = HashMap::with_capacity(pairs.len());
        let mut settled: Vec<(Id, Id)> = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            let content = match self.node(key) {
                Node::Str(text) => Key::Str(text),
                Node::Int(number) => Key::Int(*number),
                _ => Key::Other(key),
            };
            let place = *places.entry(content).or_insert(settled.len());
            match settled.get_mut(place) {
                Some(pair) => pair.1 = value,
                None => settled.push((key, value)),
            }
        }
        settled
    }
}
