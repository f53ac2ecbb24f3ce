//! The vocabulary that every stage shares: components, relations, messages, geometry, time, and
//! the order of the stages.
//!
//! Nothing here does IO, names a backend or can be serialized. A stage depends on this crate and on
//! its own backend; two stages that need each other share data, and the data is declared here.
//!
//! Where to start: [`subscription`] and [`view`] say what is watched, [`camera`] and [`frame`] what
//! arrives, [`model`], [`node`] and [`network`] what is run, [`pass`], [`job`] and [`detection`]
//! what is in flight, [`results`] what came out, [`tally`] what did not, [`stage`] in which order.

pub mod action;
pub mod camera;
pub mod client;
pub mod clock;
pub mod command;
pub mod detection;
pub mod device;
pub mod display;
pub mod frame;
pub mod geometry;
pub mod identity;
pub mod integrity;
pub mod job;
pub mod model;
pub mod network;
pub mod node;
pub mod outline;
pub mod pass;
pub mod results;
pub mod secret;
pub mod slot;
pub mod stage;
pub mod subscription;
pub mod tally;
pub mod timing;
pub mod view;
pub mod wake;
