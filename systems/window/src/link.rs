//! Between the engine and the window: the newest scene one way, what the user asks for the other.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bevy_ecs::prelude::*;
use crossbeam_channel::{Receiver, Sender, bounded};

use crate::scene::Scene;

/// What the user asked for and the engine has not done yet. Full: the newest is dropped, and the user,
/// who sees nothing change, asks again.
const MAX_COMMANDS: usize = 64;

/// What the user asks the engine for.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Let a node find whatever has more confidence than this. Only where the window may change what
    /// is found.
    SetThreshold {
        /// The node.
        node: Entity,
        /// 0 to 1.
        min_confidence: f32,
    },
    /// Tell what the nodes of a view leave out, or stop telling.
    Disclose {
        /// The view.
        view: Entity,
        /// Whether to tell.
        on: bool,
    },
}

/// Why the window's thread is woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// There is a scene.
    Scene,
    /// The engine has ended.
    Ended,
}

/// The engine's end. Cheap to clone.
#[derive(Clone)]
pub struct Link(Arc<Shared>);

struct Shared {
    /// One place: a slow display shows the newest scene, never a backlog.
    newest: Mutex<Option<Scene>>,
    open: AtomicBool,
    tell: Box<dyn Fn(News) + Send + Sync>,
    asked: Receiver<Command>,
}

/// The window's end.
pub struct Wishes(Sender<Command>);

/// Tells the window that the engine has ended, however it did.
pub struct EndOnDrop(Link);

impl Link {
    /// Both ends. `tell` wakes the window's thread, and never waits.
    pub fn new(tell: impl Fn(News) + Send + Sync + 'static) -> (Self, Wishes) {
        let (ask, asked) = bounded(MAX_COMMANDS);
        let (newest, open) = (Mutex::new(None), AtomicBool::new(true));
        (Self(Arc::new(Shared { newest, open, tell: Box::new(tell), asked })), Wishes(ask))
    }

    /// Whether somebody looks.
    pub fn is_open(&self) -> bool {
        self.0.open.load(Ordering::Acquire)
    }

    /// Leaves a scene, in the place of one that was not looked at.
    pub fn put(&self, scene: Scene) {
        // Both sides hold the lock only to move a scene.
        let unseen = self.0.newest.lock().expect("never held across a panic").replace(scene);
        // Of the one that was not looked at, the window was told: its queue holds one such news.
        if unseen.is_none() {
            (self.0.tell)(News::Scene);
        }
    }

    /// What the user asked for since the last time.
    pub fn asked(&self) -> impl Iterator<Item = Command> + '_ {
        self.0.asked.try_iter()
    }

    /// Ends the window when dropped.
    pub fn end_on_drop(&self) -> EndOnDrop {
        EndOnDrop(self.clone())
    }

    /// Takes the newest scene, if it was not taken.
    pub fn take(&self) -> Option<Scene> {
        self.0.newest.lock().expect("never held across a panic").take()
    }

    /// Says that nobody looks any more.
    pub fn close(&self) {
        self.0.open.store(false, Ordering::Release);
        self.take();
    }
}

impl Wishes {
    /// Asks the engine for something, which it does in its next run.
    pub fn ask(&self, command: Command) {
        // Full, or the engine is gone: see MAX_COMMANDS.
        let _ = self.0.try_send(command);
    }
}

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        (self.0.0.tell)(News::Ended);
    }
}
