//! The servers that actions go to, and how they are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use bevy_ecs::prelude::*;

use crate::clock::Moment;

/// Why a server cannot be spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absence {
    /// Why, without credentials.
    pub reason: Arc<str>,
    /// Since when.
    pub since: Moment,
}

/// A server that something was sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionServer {
    /// Its address, without credentials.
    pub name: Arc<str>,
    /// None while it is there.
    pub absence: Option<Absence>,
}

/// The servers that actions go to, from the first action on until no model names them any more.
/// Written by `action` on several threads.
#[derive(Resource, Debug, Clone, Default)]
pub struct ActionServers(Arc<Mutex<Servers>>);

#[derive(Debug, Default)]
struct Servers {
    next: u64,
    // Two may have the same name: they are spoken to as different users.
    by_number: BTreeMap<u64, ActionServer>,
}

/// The place of one server among them. It goes when this is dropped.
#[derive(Debug)]
pub struct ServerPlace {
    servers: ActionServers,
    number: u64,
}

impl ActionServers {
    /// Adds a server that is taken to be there until something else is seen.
    pub fn add(&self, name: impl Into<Arc<str>>) -> ServerPlace {
        let mut servers = self.lock();
        let number = servers.next;
        servers.next += 1;
        servers.by_number.insert(number, ActionServer { name: name.into(), absence: None });
        ServerPlace { servers: self.clone(), number }
    }

    /// All of them, in the order in which they were first needed.
    pub fn all(&self) -> Vec<ActionServer> {
        self.lock().by_number.values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Servers> {
        // Held only to look at a few servers.
        self.0.lock().expect("never held across a panic")
    }
}

impl ServerPlace {
    /// Says that the server answers, or why it does not.
    pub fn set(&self, absence: Option<Absence>) {
        if let Some(server) = self.servers.lock().by_number.get_mut(&self.number) {
            server.absence = absence;
        }
    }
}

impl Drop for ServerPlace {
    fn drop(&mut self) {
        self.servers.lock().by_number.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_known_while_it_has_its_place() {
        let servers = ActionServers::default();
        let [first, second] = ["redis://a/0", "redis://a/0"].map(|name| servers.add(name));
        let absence = Absence { reason: "refused".into(), since: Moment { nanos: 7 } };
        first.set(Some(absence.clone()));
        let absences =
            || servers.all().into_iter().map(|server| server.absence).collect::<Vec<_>>();
        assert_eq!(absences(), [Some(absence), None]);
        first.set(None);
        assert_eq!(absences(), [None, None]);
        drop(second);
        assert_eq!(absences(), [None]);
    }
}
