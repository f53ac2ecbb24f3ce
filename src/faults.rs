//! What happens when a system fails or panics: it is written down, and the worker lives
//! on.

use bevy_ecs::error::{BevyError, ErrorContext, Severity};
use tracing::{debug, error, info, trace, warn};

/// Writes a system's error down at the level that its severity asks for.
///
/// Severities beyond an error, among them a panic inside a system, do not end the process: fifty
/// cameras do not go dark for the sake of one.
pub fn write_down(fault: BevyError, context: ErrorContext) {
    let system = context.name();
    match fault.severity() {
        Severity::Ignore => {}
        Severity::Trace => trace!(%system, %fault, "a system failed"),
        Severity::Debug => debug!(%system, %fault, "a system failed"),
        Severity::Info => info!(%system, %fault, "a system failed"),
        Severity::Warning => warn!(%system, %fault, "a system failed"),
        Severity::Error | Severity::Panic => error!(%system, %fault, "a system failed"),
    }
}
