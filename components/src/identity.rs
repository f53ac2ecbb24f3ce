//! Names that the CMS gives to things.

use std::fmt;
use std::sync::Arc;

/// An identifier that the CMS chose: a number or a text, given back in the form it came in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ExternalId {
    /// A whole number, such as `101`.
    Number(i64),
    /// A text, such as `"vehicle"`.
    Text(Arc<str>),
}

impl fmt::Display for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

/// The unique key of a subscription: `display;camera`.
///
/// Split at the first `;`. Without one, the whole is the display and the camera.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriptionId(Arc<str>);

impl SubscriptionId {
    /// Takes the identifier as it came. The caller has checked that it is not empty.
    pub fn new(identifier: impl Into<Arc<str>>) -> Self {
        Self(identifier.into())
    }

    /// The whole identifier.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The display it is shown on.
    pub fn display(&self) -> DisplayId {
        DisplayId::new(self.0.split_once(';').map_or(&*self.0, |(display, _)| display))
    }

    /// The camera's name in the CMS.
    pub fn camera(&self) -> &str {
        self.0.split_once(';').map_or(&*self.0, |(_, camera)| camera)
    }
}

impl fmt::Display for SubscriptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A screen of the CMS. A session belongs to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DisplayId(Arc<str>);

impl DisplayId {
    /// Takes the identifier as it came.
    pub fn new(identifier: impl Into<Arc<str>>) -> Self {
        Self(identifier.into())
    }

    /// The whole identifier.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DisplayId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(identifier: &str, display: &str, camera: &str) {
        let id = SubscriptionId::new(identifier);
        assert_eq!((id.display().as_str(), id.camera()), (display, camera));
    }

    #[test]
    fn a_subscription_names_its_display_and_camera() {
        check("display-001;cam-001", "display-001", "cam-001");
    }

    #[test]
    fn only_the_first_semicolon_splits() {
        check("a;b;c", "a", "b;c");
    }

    #[test]
    fn without_a_semicolon_the_whole_is_both() {
        check("gate", "gate", "gate");
    }
}
