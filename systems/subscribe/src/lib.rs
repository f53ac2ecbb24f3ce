//! Commands of clients become displays, subscriptions, views, cameras and models; what nobody wants
//! any more goes.
//!
//! In: [`ClientCommand`](detector_components::command::ClientCommand)s, clients that leave. Out:
//! entities and their relations, [`Refused`](detector_components::client::Refused) and
//! [`SessionPatched`](detector_components::client::SessionPatched). This stage does
//! no IO: opening cameras and fetching models is what other stages do when the entities appear.

mod apply;
mod displays;
mod plugin;
#[cfg(test)]
mod stand;
mod subscriptions;
mod systems;

pub use plugin::{SubscribeConfig, SubscribePlugin};
