//! The worker, assembled from its stages.
//!
//! [`Worker`](worker::Worker) plugs the stages together and `runner` runs them; the other modules
//! are the commands of the program and what an operator decides.

pub mod bench;
pub mod cli;
pub mod config;
pub mod demo;
pub mod detect;
mod engine;
mod faults;
pub mod healthcheck;
pub mod inspect;
mod log;
pub mod run;
mod runner;
mod service;
pub mod simulate;
mod stop;
pub mod worker;
