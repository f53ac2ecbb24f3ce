//! The stack machine that a pickle is a program for.

use std::collections::HashMap;

use super::arena::{Arena, Id, Node, Object, Storage};
use super::call::call;
use super::error::CheckpointError;
use super::input::Input;
use super::limits::Limits;
use super::opcode::Opcode;

/// Newest version of the format.
const MAX_PROTOCOL: u8 = 5;
/// Longest name of a class or function.
const MAX_NAME: usize = 512;

/// Why an instruction fails.
pub(super) enum Fault {
    /// In words; the machine adds where.
    Problem(String),
    Final(CheckpointError),
}

impl From<String> for Fault {
    fn from(problem: String) -> Self {
        Self::Problem(problem)
    }
}

impl From<&str> for Fault {
    fn from(problem: &str) -> Self {
        Self::Problem(problem.to_owned())
    }
}

impl From<CheckpointError> for Fault {
    fn from(error: CheckpointError) -> Self {
        Self::Final(error)
    }
}

/// Runs the instructions of a pickle, except that it calls nothing: what Python would call and
/// with what is written down.
pub(super) struct Machine<'p> {
    input: Input<'p>,
    arena: Arena,
    stack: Vec<Id>,
    /// Heights of the stack where a MARK was set.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
    limits: &'p Limits,
}

impl<'p> Machine<'p> {
    pub fn new(pickle: &'p [u8], limits: &'p Limits) -> Self {
        Self {
            input: Input::new(pickle),
            arena: Arena::new(limits),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
            limits,
        }
    }

    /// All values, and which one was saved.
    pub fn run(mut self) -> Result<(Arena, Id), CheckpointError> {
        loop {
            let offset = self.input.offset();
            let fail = |opcode, problem| CheckpointError::Pickle { opcode, offset, problem };
            let byte = self.input.u8().map_err(|_| fail("the end", "there is no STOP".into()))?;
            let opcode =
                Opcode::of(byte).ok_or(CheckpointError::Opcode { opcode: byte, offset })?;
            match self.step(opcode) {
                Ok(None) => {}
                Ok(Some(root)) => {
                    self.arena.settle_duplicates();
                    return Ok((self.arena, root));
                }
                Err(Fault::Problem(problem)) => return Err(fail(opcode.name(), problem)),
                Err(Fault::Final(error)) => return Err(error),
            }
        }
    }

    /// Runs one instruction. STOP gives the result.
    fn step(&mut self, opcode: Opcode) -> Result<Option<Id>, Fault> {
        match opcode {
            Opcode::Proto => {
                let version = self.input.u8()?;
                if version > MAX_PROTOCOL {
                    return Err(format!("protocol {version} is newer than {MAX_PROTOCOL}").into());
                }
            }
            Opcode::Frame => {
                // Frames only say how much to read at once.
                self.input.u64()?;
            }
            Opcode::Stop => {
                let root = self.pop()?;
                return match (&self.stack[..], &self.marks[..]) {
                    ([], []) => Ok(Some(root)),
                    _ => Err("more than one value is left".into()),
                };
            }

            Opcode::Mark => {
                if self.marks.len() >= self.limits.nesting {
                    let limit = self.limits.nesting;
                    return Err(CheckpointError::Limit { what: "open marks", limit }.into());
                }
                self.marks.push(self.stack.len());
            }
            Opcode::Pop => {
                // A mark that is on top goes as if it were a value.
                if self.marks.last() == Some(&self.stack.len()) {
                    self.marks.pop();
                } else {
                    self.pop()?;
                }
            }
            Opcode::PopMark => {
                self.pop_to_mark()?;
            }
            Opcode::Dup => {
                let top = self.top()?;
                self.push(top)?;
            }

            Opcode::Get => {
                let place = self.place()?;
                self.recall(place)?;
            }
            Opcode::BinGet => {
                let place = self.input.u8()?;
                self.recall(place.into())?;
            }
            Opcode::LongBinGet => {
                let place = self.input.u32()?;
                self.recall(place)?;
            }
            Opcode::Put => {
                let place = self.place()?;
                self.remember(place)?;
            }
            Opcode::BinPut => {
                let place = self.input.u8()?;
                self.remember(place.into())?;
            }
            Opcode::LongBinPut => {
                let place = self.input.u32()?;
                self.remember(place)?;
            }
            Opcode::Memoize => {
                // Fits: the limit of the memo is checked before it grows.
                let place = u32::try_from(self.memo.len()).unwrap_or(u32::MAX);
                self.remember(place)?;
            }

            Opcode::None => self.add(Node::None)?,
            Opcode::NewTrue => self.add(Node::Bool(true))?,
            Opcode::NewFalse => self.add(Node::Bool(false))?,
            Opcode::BinInt => {
                let value = i32::from_le_bytes(self.input.array()?);
                self.add(Node::Int(value.into()))?;
            }
            Opcode::BinInt1 => {
                let value = self.input.u8()?;
                self.add(Node::Int(value.into()))?;
            }
            Opcode::BinInt2 => {
                let value = self.input.u16()?;
                self.add(Node::Int(value.into()))?;
            }
            Opcode::Int => {
                let node = match self.input.line()? {
                    "00" => Node::Bool(false),
                    "01" => Node::Bool(true),
                    line => integer(line)?,
                };
                self.add(node)?;
            }
            Opcode::Long => {
                let line = self.input.line()?;
                self.add(integer(line.strip_suffix('L').unwrap_or(line))?)?;
            }
            Opcode::Long1 => {
                let length = self.input.u8()?;
                let bytes = self.input.counted(length.into())?;
                self.add(long(bytes))?;
            }
            Opcode::Long4 => {
                let length = self.input.u32()?;
                let bytes = self.input.counted(length.into())?;
                self.add(long(bytes))?;
            }
            Opcode::Float => {
                let line = self.input.line()?;
                let value = line.parse().map_err(|_| "its text is not a number")?;
                self.add(Node::Float(value))?;
            }
            Opcode::BinFloat => {
                let value = f64::from_be_bytes(self.input.array()?);
                self.add(Node::Float(value))?;
            }

            Opcode::BinUnicode | Opcode::BinString => {
                let length = self.input.u32()?;
                self.add_text(length.into())?;
            }
            Opcode::ShortBinUnicode | Opcode::ShortBinString => {
                let length = self.input.u8()?;
                self.add_text(length.into())?;
            }
            Opcode::BinUnicode8 => {
                let length = self.input.u64()?;
                self.add_text(length)?;
            }
            Opcode::BinBytes => {
                let length = self.input.u32()?;
                self.add_bytes(length.into())?;
            }
            Opcode::ShortBinBytes => {
                let length = self.input.u8()?;
                self.add_bytes(length.into())?;
            }
            Opcode::BinBytes8 | Opcode::ByteArray8 => {
                let length = self.input.u64()?;
                self.add_bytes(length)?;
            }

            Opcode::EmptyList => self.add(Node::List(Vec::new()))?,
            Opcode::EmptyDict => self.add(Node::Dict(Vec::new()))?,
            Opcode::EmptySet => self.add(Node::Set(Vec::new()))?,
            Opcode::EmptyTuple => self.add(Node::Tuple(Box::new([])))?,
            Opcode::Tuple1 => self.add_tuple(1)?,
            Opcode::Tuple2 => self.add_tuple(2)?,
            Opcode::Tuple3 => self.add_tuple(3)?,
            Opcode::Tuple => {
                let items = self.pop_to_mark()?;
                self.add_holding(Node::Tuple(items.clone().into()), items)?;
            }
            Opcode::List => {
                let items = self.pop_to_mark()?;
                self.add_holding(Node::List(items.clone()), items)?;
            }
            Opcode::FrozenSet => {
                let items = self.pop_to_mark()?;
                self.add_holding(Node::Set(items.clone()), items)?;
            }
            Opcode::Dict => {
                let items = self.pop_to_mark()?;
                self.add_holding(Node::Dict(pairs(&items)?), items)?;
            }

            Opcode::Append => {
                let item = self.pop()?;
                self.extend(vec![item])?;
            }
            Opcode::Appends | Opcode::AddItems => {
                let items = self.pop_to_mark()?;
                self.extend(items)?;
            }
            Opcode::SetItem => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set_items(vec![key, value])?;
            }
            Opcode::SetItems => {
                let items = self.pop_to_mark()?;
                self.set_items(items)?;
            }

            Opcode::Global => {
                let module = self.input.line()?;
                let name = self.input.line()?;
                self.add_global(module.to_owned(), name)?;
            }
            Opcode::StackGlobal => {
                let name = self.pop()?;
                let module = self.pop()?;
                let (Some(module), Some(name)) = (self.arena.text(module), self.arena.text(name))
                else {
                    return Err("module and name must be texts".into());
                };
                if module.len() + name.len() > MAX_NAME {
                    return Err(format!("the name is longer than {MAX_NAME} bytes").into());
                }
                let (module, name) = (module.to_owned(), name.to_owned());
                self.add_global(module, &name)?;
            }
            Opcode::Reduce => {
                let arguments = self.pop()?;
                let callable = self.pop()?;
                let made = call(&mut self.arena, callable, arguments)?;
                self.push(made)?;
            }
            Opcode::NewObj => {
                let arguments = self.pop()?;
                let class = self.pop()?;
                self.add_object(class, arguments)?;
            }
            Opcode::NewObjEx => {
                // Arguments by name are as inert as the others; nothing needs them.
                self.pop()?;
                let arguments = self.pop()?;
                let class = self.pop()?;
                self.add_object(class, arguments)?;
            }
            Opcode::Build => {
                let state = self.pop()?;
                let target = self.top()?;
                self.build(target, state)?;
            }
            Opcode::BinPersId => {
                let id = self.pop()?;
                let storage = self.storage(id)?;
                self.add(Node::Storage(storage))?;
            }
        }
        Ok(None)
    }

    fn push(&mut self, id: Id) -> Result<(), Fault> {
        if self.stack.len() >= self.limits.nodes {
            let limit = self.limits.nodes;
            return Err(CheckpointError::Limit { what: "values on the stack", limit }.into());
        }
        self.stack.push(id);
        Ok(())
    }

    fn add(&mut self, node: Node) -> Result<(), Fault> {
        let id = self.arena.add(node)?;
        self.push(id)
    }

    fn add_holding(&mut self, node: Node, held: Vec<Id>) -> Result<(), Fault> {
        let id = self.arena.add_holding(node, held)?;
        self.push(id)
    }

    fn add_text(&mut self, length: u64) -> Result<(), Fault> {
        let text = self.input.text(length)?;
        self.add(Node::Str(text.into()))
    }

    fn add_bytes(&mut self, length: u64) -> Result<(), Fault> {
        let bytes = self.input.counted(length)?;
        self.add(Node::Bytes(bytes.into()))
    }

    fn add_tuple(&mut self, count: usize) -> Result<(), Fault> {
        let floor = self.floor();
        let start = self
            .stack
            .len()
            .checked_sub(count)
            .filter(|&start| start >= floor)
            .ok_or("the stack has too few values")?;
        let items = self.stack.split_off(start);
        self.add_holding(Node::Tuple(items.clone().into()), items)
    }

    fn add_global(&mut self, module: String, name: &str) -> Result<(), Fault> {
        let full = format!("{module}.{name}");
        if full.len() > MAX_NAME + 1 {
            return Err(format!("the name is longer than {MAX_NAME} bytes").into());
        }
        // A few bytes can ask for a long name that stands elsewhere.
        self.arena.spend(full.len() / 32)?;
        self.add(Node::Global(full.into()))
    }

    fn add_object(&mut self, class: Id, arguments: Id) -> Result<(), Fault> {
        let object =
            Object { class, arguments, state: None, items: Vec::new(), elements: Vec::new() };
        self.add_holding(Node::Object(object.into()), vec![class, arguments])
    }

    /// Height of the stack below which nothing may be taken: the last mark.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self) -> Result<Id, Fault> {
        let values = self.stack.get(self.floor()..).unwrap_or_default();
        Ok(*values.last().ok_or("the stack is empty")?)
    }

    fn pop(&mut self) -> Result<Id, Fault> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Id>, Fault> {
        let mark = self.marks.pop().ok_or("there is no MARK")?;
        Ok(self.stack.split_off(mark))
    }

    /// A number of the memo, as text.
    fn place(&mut self) -> Result<u32, Fault> {
        Ok(self.input.line()?.parse().map_err(|_| "its text is not a place in the memo")?)
    }

    fn recall(&mut self, place: u32) -> Result<(), Fault> {
        let id = *self.memo.get(&place).ok_or_else(|| format!("the memo has no {place}"))?;
        self.push(id)
    }

    fn remember(&mut self, place: u32) -> Result<(), Fault> {
        let top = self.top()?;
        self.memo.insert(place, top);
        if self.memo.len() > self.limits.memo {
            let limit = self.limits.memo;
            return Err(CheckpointError::Limit { what: "values in the memo", limit }.into());
        }
        Ok(())
    }

    fn extend(&mut self, items: Vec<Id>) -> Result<(), Fault> {
        let target = self.top()?;
        self.arena.hold(target, items.iter().copied())?;
        match self.arena.node_mut(target) {
            Node::List(elements) | Node::Set(elements) => elements.extend(items),
            Node::Object(object) => object.elements.extend(items),
            _ => return Err("only a list, a set or an object takes elements".into()),
        }
        Ok(())
    }

    fn set_items(&mut self, items: Vec<Id>) -> Result<(), Fault> {
        let target = self.top()?;
        let pairs = pairs(&items)?;
        self.arena.hold(target, items)?;
        match self.arena.node_mut(target) {
            Node::Dict(known) => known.extend(pairs),
            Node::Object(object) => object.items.extend(pairs),
            _ => return Err("only a dict or an object takes items".into()),
        }
        Ok(())
    }

    /// Sets the attributes of a value. Those of plain containers and tensors are of no use here,
    /// and dropped.
    fn build(&mut self, target: Id, state: Id) -> Result<(), Fault> {
        match self.arena.node_mut(target) {
            Node::Object(object) => object.state = Some(state),
            Node::List(_) | Node::Set(_) | Node::Dict(_) | Node::Tensor(_) | Node::Global(_) => {
                return Ok(());
            }
            _ => return Err("only an object takes attributes".into()),
        }
        Ok(self.arena.hold(target, [state])?)
    }

    /// `('storage', class, key, device, number of elements)`.
    fn storage(&self, id: Id) -> Result<Storage, Fault> {
        let Some(&[tag, class, key, _, count]) = self.arena.tuple(id) else {
            return Err("the reference is not that of a storage: a tuple of 5".into());
        };
        let count = match self.arena.node(count) {
            Node::Int(count) => u64::try_from(*count).ok(),
            _ => None,
        };
        match (self.arena.text(tag), self.arena.text(key), count) {
            (Some("storage"), Some(_), Some(count)) => Ok(Storage { key, class, count }),
            _ => Err("the storage has no key or no number of elements".into()),
        }
    }
}

fn pairs(items: &[Id]) -> Result<Vec<(Id, Id)>, Fault> {
    match items.as_chunks() {
        (pairs, []) => Ok(pairs.iter().map(|&[key, value]| (key, value)).collect()),
        _ => Err("a key has no value".into()),
    }
}

/// A decimal integer.
fn integer(text: &str) -> Result<Node, Fault> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("its text is not an integer".into());
    }
    Ok(text.parse().map_or(Node::BigInt, Node::Int))
}

/// An integer in two's complement, the lowest byte first.
fn long(bytes: &[u8]) -> Node {
    if bytes.len() > 8 {
        return Node::BigInt;
    }
    let sign = if bytes.last().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
    let mut whole = [sign; 8];
    whole[..bytes.len()].copy_from_slice(bytes);
    Node::Int(i64::from_le_bytes(whole))
}
