//! The debug window: what the worker sees, with what it found drawn over it.
//!
//! In: the world. Out: a window, and [`Command`]s from whoever looks at it. The engine leaves its
//! newest [`Scene`] at a [`Link`] and never waits for anybody to look; the window has the main thread
//! and a device of its own. Closing it, moving it, or a display that is slow changes no result.

mod colors;
mod error;
mod link;
mod marks;
mod overlay;
mod pictures;
mod plugin;
mod scene;
mod screen;
mod style;
mod systems;
mod ui;
mod why;
mod window;

pub use error::WindowError;
pub use link::{Command, EndOnDrop, Link, News, Wishes};
pub use plugin::WindowPlugin;
pub use scene::{Look, LookNode, Scene};
pub use window::{Left, Window};
