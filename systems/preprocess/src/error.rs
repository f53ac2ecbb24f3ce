//! What can go wrong while a slot is filled.

/// Why a slot was not filled.
#[derive(Debug, thiserror::Error)]
pub enum FillError {
    /// The GPU refused the work.
    #[error("the GPU refused to preprocess: {0}")]
    Refused(String),
    /// A fault of this stage. The log has the panic.
    #[error("preprocessing panicked")]
    Panicked,
}
