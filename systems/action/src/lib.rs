//! Finished passes become pictures, messages and rows, in order, whether their servers are there or
//! not.
//!
//! In: passes with their [`PassResults`](detector_components::results::PassResults). Out: pictures
//! saved, messages published, entries added, rows written, and
//! [`SessionPatch`](detector_components::display::SessionPatch)es for the clients. For each server
//! there is one connection that is opened again when it breaks, and one bounded queue; nothing here
//! makes the engine wait. What happened to each action is counted in
//! [`ActionCounters`](detector_components::action::ActionCounters) and remembered for a while in
//! [`RecentActions`](detector_components::action::RecentActions).

mod cooldown;
mod courier;
mod dispatcher;
mod errand;
mod event;
mod facts;
mod ledger;
mod plugin;
#[cfg(feature = "postgres")]
mod postgres;
mod queue;
mod redis;
mod server;
mod systems;
mod template;

pub use dispatcher::Dispatcher;
pub use plugin::{ActConfig, ActPlugin};
