//! Who executes plans.

mod burn;

pub(crate) use self::burn::Burn;
