//! The last layer of a network: what makes numbers about a picture of its features.

mod classify;
mod detect;
mod prototypes;

use std::str::FromStr;

use burn::tensor::Tensor;

use super::error::NetworkError;
use super::plan::{Output, PlanBuilder, Value};

pub(crate) use self::classify::classify;
pub(crate) use self::detect::{detect, obb, obb26, pose, pose26, segment};

/// The last layer of a network.
pub(crate) trait Head: Send + Sync {
    /// Adds what it does with `features` to a plan, or says why they do not fit.
    fn emit(&self, plan: &mut PlanBuilder, features: &[Value]) -> Result<Output, NetworkError>;
}

/// Which branch of a head that has two finds the boxes. Other heads have only the second one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Branch {
    /// What the reference version does: one to many, where the checkpoint has that branch.
    #[default]
    Auto,
    /// The branch that was trained to find each object once. Nothing is suppressed.
    OneToOne,
    /// The branch that finds each object several times. The best of boxes that overlap is kept.
    OneToMany,
}

/// A text that names no branch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected auto, one2one or one2many, found {0:?}")]
pub struct UnknownBranch(String);

impl FromStr for Branch {
    type Err = UnknownBranch;

    fn from_str(text: &str) -> Result<Self, UnknownBranch> {
        match text.trim().to_ascii_lowercase().as_str() {
            "auto" => Ok(Self::Auto),
            "one2one" => Ok(Self::OneToOne),
            "one2many" => Ok(Self::OneToMany),
            _ => Err(UnknownBranch(text.to_owned())),
        }
    }
}

/// The output of a network, as its head leaves it.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one for each batch, and it is not kept")]
pub enum RawOutput {
    /// Of a head that looks at each place of the picture.
    Anchors {
        /// For each anchor what describes its box, the logit of each class, and what more its head
        /// tells: coefficients of a mask, keypoints or an angle.
        ///
        /// # Shapes
        ///
        /// `[batch, 4 * bins + classes + more, anchors]`; the anchors of all resolutions after each
        /// other, the finest first, each row by row.
        rows: Tensor<3>,
        /// Of a segmenter: what the masks are sums of.
        ///
        /// # Shapes
        ///
        /// `[batch, coefficients, height, width]`
        prototypes: Option<Tensor<4>>,
    },
    /// Of a classifier: logits.
    ///
    /// # Shapes
    ///
    /// `[batch, classes]`
    Classes(Tensor<2>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_is_named() {
        assert_eq!("one2one".parse(), Ok(Branch::OneToOne));
        let error = "nms".parse::<Branch>().unwrap_err();
        assert_eq!(error.to_string(), "expected auto, one2one or one2many, found \"nms\"");
    }
}
