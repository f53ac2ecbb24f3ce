use winit::error::{EventLoopError, OsError};

/// Why there is no window, or no longer.
#[derive(Debug, thiserror::Error)]
pub enum WindowError {
    /// There is no display, or it lets nobody in.
    #[error(
        "no display can be opened ({0}): set DISPLAY or WAYLAND_DISPLAY to one that is on, or look at \
         the worker's page in a browser instead"
    )]
    Display(String),
    /// The display gives no window.
    #[error("the display gives no window")]
    Window(#[from] OsError),
    /// No driver can draw on the display.
    #[error("no Vulkan driver can draw on this display: {0}")]
    Device(String),
    /// What was drawn was refused.
    #[error("drawing failed: {0}")]
    Drawing(String),
    /// The library beneath the window gave up.
    #[error("the window was lost: {0}")]
    Lost(String),
}

impl From<EventLoopError> for WindowError {
    fn from(error: EventLoopError) -> Self {
        Self::Display(error.to_string())
    }
}
