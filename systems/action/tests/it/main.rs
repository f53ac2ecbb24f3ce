//! Actions against real servers that come and go.

mod answers;
mod events;
mod order;
#[cfg(feature = "postgres")]
mod postgres;
mod recent;
mod servers;
mod stand;
