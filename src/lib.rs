//! The worker, assembled from its stages.
//!
//! [`Worker`](worker::Worker) plugs the stages together and `runner` runs them; the other modules
//! are the commands of the program and what an operator decides.

pub mod bench;
pub mod check;
pub mod cli;
pub mod config;
pub mod demo;
pub mod detect;
pub mod doctor;
mod engine;
mod faults;
mod findings;
pub mod healthcheck;
mod http;
pub mod inspect;
mod log;
pub mod manual;
pub mod pack;
pub mod probe;
mod progress;
mod reload;
pub mod run;
mod runner;
mod service;
pub mod simulate;
mod source;
mod stop;
mod tiny;
#[cfg(feature = "window")]
pub mod view;
mod wishes;
pub mod worker;
