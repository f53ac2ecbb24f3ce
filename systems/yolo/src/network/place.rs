//! Where in a checkpoint a module is.

use std::fmt;
use std::sync::Arc;

/// A module's path from the root of the checkpoint, as `model.10.m.0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(Arc<str>);

impl Place {
    /// The root itself, or one of its entries.
    pub(crate) fn root(name: &str) -> Self {
        Self(name.into())
    }

    pub(crate) fn child(&self, name: &str) -> Self {
        Self(format!("{}.{name}", self.0).into())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
