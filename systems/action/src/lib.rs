//! Finished passes become Redis commands, in order, whether Redis is there or not.
//!
//! In: passes with their [`PassResults`](detector_components::results::PassResults). Out: pictures
//! saved, messages published. For each server there is one connection that is opened again when it
//! breaks, and one bounded queue; nothing here makes the engine wait.

mod counters;
mod courier;
mod dispatcher;
mod errand;
mod facts;
mod plugin;
mod queue;
mod systems;
mod template;

pub use counters::{ActionCounters, ActionTotals};
pub use dispatcher::Dispatcher;
pub use plugin::{ActConfig, ActPlugin};
