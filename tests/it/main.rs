//! End to end: a real worker, real cameras, real sockets, a real Redis, tiny networks.

mod a_client_hangs;
mod cameras_come_back;
mod checking;
mod clients;
mod configuration;
#[cfg(feature = "window")]
mod desktop;
mod detect_equals_the_reference;
mod documented_commands;
mod ends_in_order;
mod heartbeats;
mod hostile_input;
mod log_lines;
mod logins;
mod no_credential_leaves;
mod old_faults;
mod order;
mod probing;
mod program;
mod redis_is_away;
mod service;
mod stand;
mod terminal;
mod the_contract;
mod the_main_job;
mod webcam;
#[cfg(feature = "window")]
mod window;
