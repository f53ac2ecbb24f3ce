//! End to end: a real worker, real cameras, real sockets, a real Redis, tiny networks.

mod cameras_come_back;
mod clients;
mod heartbeats;
mod hostile_input;
mod order;
mod service;
mod stand;
mod the_contract;
mod the_main_job;
