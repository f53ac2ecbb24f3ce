//! A module in a checkpoint, read with suspicion.

use std::cell::{Cell, RefCell};

use super::block::{Block, Builder, builder};
use super::error::NetworkError;
use super::head::Branch;
use super::place::Place;
use super::shape::unfit;
use super::weights::{Weights, WeightsId};
use crate::checkpoint::Value;

/// Most modules of one network. A pickle can name one module many times over, so that a small
/// file describes a tree without end. The largest known networks have two thousand.
const MAX_MODULES: usize = 20_000;
/// Deepest nesting of modules. Known networks have eight.
const MAX_DEPTH: usize = 32;
/// Most trained numbers of one network. The largest known network has 155 million.
const MAX_PARAMETERS: usize = 1 << 28;
/// Largest plain number in a module: sizes of kernels, counts of channels.
const MAX_SIZE: usize = 1 << 20;

/// What all modules of one network share while it is being built.
pub(crate) struct Site {
    /// Which branch of the head is to be built.
    pub branch: Branch,
    modules: Cell<usize>,
    parameters: Cell<usize>,
    weights: RefCell<Vec<Weights>>,
}

impl Site {
    pub fn new(branch: Branch) -> Self {
        Self {
            branch,
            modules: Cell::new(0),
            parameters: Cell::new(0),
            weights: RefCell::new(Vec::new()),
        }
    }

    /// Keeps the weights of an operation.
    pub fn keep(&self, weights: Weights) -> WeightsId {
        let mut kept = self.weights.borrow_mut();
        kept.push(weights);
        WeightsId(kept.len() - 1)
    }

    /// All weights that were kept, by their numbers.
    pub fn into_weights(self) -> Vec<Weights> {
        self.weights.into_inner()
    }
}

/// Trained numbers and their shape.
pub(crate) struct Array {
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

/// A module in a checkpoint, and where it is.
pub(crate) struct Source<'a> {
    pub value: Value<'a>,
    pub place: Place,
    pub site: &'a Site,
    depth: usize,
}

impl<'a> Source<'a> {
    pub fn new(value: Value<'a>, place: Place, site: &'a Site) -> Self {
        Self { value, place, site, depth: 0 }
    }

    fn at(&self, value: Value<'a>, name: &str) -> Result<Self, NetworkError> {
        let place = self.place.child(name);
        let modules = self.site.modules.get() + 1;
        self.site.modules.set(modules);
        let too_large = |what, limit| NetworkError::TooLarge { place: place.clone(), what, limit };
        if modules > MAX_MODULES {
            return Err(too_large("number of modules", MAX_MODULES));
        }
        if self.depth == MAX_DEPTH {
            return Err(too_large("depth of modules", MAX_DEPTH));
        }
        Ok(Self { value, place, site: self.site, depth: self.depth + 1 })
    }

    /// Full name of its class.
    pub fn class(&self) -> &'a str {
        self.value.class().unwrap_or("(not a module)")
    }

    pub fn unknown(&self) -> NetworkError {
        let class = self.class().to_owned();
        NetworkError::UnknownModule { place: self.place.clone(), class }
    }

    pub fn missing(&self, what: impl Into<String>) -> NetworkError {
        NetworkError::Missing { place: self.place.clone(), what: what.into() }
    }

    /// A child module that must be there.
    pub fn child(&self, name: &str) -> Result<Self, NetworkError> {
        self.find(name)?.ok_or_else(|| self.missing(format!("module {name:?}")))
    }

    /// A child module that may be there.
    pub fn find(&self, name: &str) -> Result<Option<Self>, NetworkError> {
        match self.value.module(name) {
            Some(value) if !value.is_none() => self.at(value, name).map(Some),
            _ => Ok(None),
        }
    }

    /// All child modules, in their order.
    pub fn children(&self) -> Result<Vec<Self>, NetworkError> {
        self.value.modules().into_iter().map(|(name, value)| self.at(value, name)).collect()
    }

    /// How many numbers were trained in it and in all that is below.
    pub fn parameters(&self) -> Result<u64, NetworkError> {
        let own = self.attribute("_parameters").map(Value::entries).unwrap_or_default();
        let count = |shape: &[usize]| {
            shape.iter().fold(1_u64, |product, &size| product.saturating_mul(size as u64))
        };
        let own = own.into_iter().filter_map(|(_, value)| value.tensor());
        let own = own.fold(0, |sum: u64, tensor| sum.saturating_add(count(tensor.shape())));
        self.children()?
            .iter()
            .try_fold(own, |sum, child| Ok(sum.saturating_add(child.parameters()?)))
    }

    /// The child as a block, whatever its class.
    pub fn block(&self, name: &str) -> Result<Box<dyn Block>, NetworkError> {
        self.child(name)?.build()
    }

    /// All child modules as blocks, in their order.
    pub fn blocks(&self) -> Result<Vec<Box<dyn Block>>, NetworkError> {
        self.children()?.iter().map(Self::build).collect()
    }

    /// The module itself as a block, whatever its class.
    pub fn build(&self) -> Result<Box<dyn Block>, NetworkError> {
        match builder(self.class()) {
            Some(Builder::Block(build)) => build(self),
            Some(_) => Err(unfit(&self.place, format!("{} cannot stand here", self.class()))),
            None => Err(self.unknown()),
        }
    }

    /// An attribute that is present and not `None`.
    pub fn attribute(&self, name: &str) -> Option<Value<'a>> {
        self.value.get(name).filter(|value| !value.is_none())
    }

    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.attribute(name)?.as_str()
    }

    pub fn flag(&self, name: &str, default: bool) -> Result<bool, NetworkError> {
        match self.attribute(name) {
            None => Ok(default),
            Some(value) => match (value.as_bool(), value.as_i64()) {
                (Some(flag), _) => Ok(flag),
                (None, Some(number)) => Ok(number != 0),
                _ => Err(unfit(&self.place, format!("{name} is not true or false"))),
            },
        }
    }

    /// A finite number.
    pub fn number(&self, name: &str, default: f64) -> Result<f64, NetworkError> {
        let Some(value) = self.attribute(name) else {
            return Ok(default);
        };
        value
            .as_f64()
            .or_else(|| value.as_i64().map(|number| number as f64))
            .filter(|number| number.is_finite())
            .ok_or_else(|| unfit(&self.place, format!("{name} is not a finite number")))
    }

    /// A count that must be there.
    pub fn size(&self, name: &str) -> Result<usize, NetworkError> {
        let value = self.attribute(name).ok_or_else(|| self.missing(format!("{name:?}")))?;
        self.size_of(value, name)
    }

    /// A count for each axis, `[vertical, horizontal]`: written as two numbers or as one for both.
    pub fn sizes(&self, name: &str) -> Result<[usize; 2], NetworkError> {
        let value = self.attribute(name).ok_or_else(|| self.missing(format!("{name:?}")))?;
        if value.as_i64().is_some() {
            let size = self.size_of(value, name)?;
            return Ok([size, size]);
        }
        let mut sizes = value.items().into_iter().map(|value| self.size_of(value, name));
        match (sizes.next(), sizes.next(), sizes.next()) {
            (Some(vertical), Some(horizontal), None) => Ok([vertical?, horizontal?]),
            _ => Err(unfit(&self.place, format!("{name} is neither a count nor two"))),
        }
    }

    /// Counts: a list of numbers.
    pub fn counts(&self, name: &str) -> Result<Vec<usize>, NetworkError> {
        let value = self.attribute(name).ok_or_else(|| self.missing(format!("{name:?}")))?;
        value.items().into_iter().map(|value| self.size_of(value, name)).collect()
    }

    fn size_of(&self, value: Value<'a>, name: &str) -> Result<usize, NetworkError> {
        value
            .as_i64()
            .and_then(|number| usize::try_from(number).ok())
            .filter(|&number| number <= MAX_SIZE)
            .ok_or_else(|| unfit(&self.place, format!("{name} is not a count up to {MAX_SIZE}")))
    }

    /// A trained parameter, if there is one.
    pub fn parameter(&self, name: &str) -> Result<Option<Array>, NetworkError> {
        self.value.parameter(name).map_or(Ok(None), |value| self.array(value, name))
    }

    /// A buffer that was kept with the parameters, if there is one.
    pub fn buffer(&self, name: &str) -> Result<Option<Array>, NetworkError> {
        self.value.buffer(name).map_or(Ok(None), |value| self.array(value, name))
    }

    fn array(&self, value: Value<'a>, name: &str) -> Result<Option<Array>, NetworkError> {
        if value.is_none() {
            return Ok(None);
        }
        let tensor =
            value.tensor().ok_or_else(|| unfit(&self.place, format!("{name} is not a tensor")))?;
        let too_large = || NetworkError::TooLarge {
            place: self.place.clone(),
            what: "number of parameters of the network",
            limit: MAX_PARAMETERS,
        };
        let shape = tensor.shape().to_vec();
        // A tensor may be a view that repeats a few stored numbers: only its shape tells what
        // reading it costs.
        let total = shape
            .iter()
            .try_fold(1_usize, |product, &size| product.checked_mul(size))
            .and_then(|count| count.checked_add(self.site.parameters.get()))
            .filter(|&total| total <= MAX_PARAMETERS)
            .ok_or_else(too_large)?;
        self.site.parameters.set(total);
        let values = tensor.to_f32().map_err(|source| NetworkError::Tensor {
            place: self.place.clone(),
            tensor: name.to_owned(),
            source,
        })?;
        Ok(Some(Array { shape, values }))
    }
}
