//! The port from outside: real sockets, a real schedule, and cameras, views and results put into the
//! world by hand.

mod commands;
mod detections;
mod doors;
mod glances;
mod hostile;
mod log;
mod page;
mod pictures;
mod reports;
mod scene;
mod sequences;
mod sessions;
mod stand;
mod state;
