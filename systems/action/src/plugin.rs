use std::time::Duration;

use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use bytes::Bytes;
use detector_components::clock::Timepiece;
use detector_components::stage::{Deliver, StageSystems};
use tokio::runtime::Handle;

use crate::dispatcher::Dispatcher;
use crate::ledger::Ledger;
use crate::systems::{act, close_unnamed_ways, warn_of_missing_servers};

/// How much may wait for a server, and how long.
#[derive(Clone, Debug, PartialEq)]
pub struct ActConfig {
    /// Events whose actions wait for one server. The oldest make room. Default: 10 000.
    pub max_waiting: usize,
    /// Bytes of what waits for one server, pictures included. Default: 64 MiB.
    pub max_bytes: u64,
    /// What waited longer is dropped: a gate must not open minutes late. Default: 60 s.
    pub time_to_live: Duration,
    /// The longest wait for a connection or an answer. Default: 5 s.
    pub timeout: Duration,
    /// The first wait before connecting again; it doubles with each failure. Default: 100 ms.
    pub reconnect_base: Duration,
    /// The longest wait before connecting again. Default: 5 s.
    pub reconnect_cap: Duration,
    /// Certificates, in PEM, of those who may vouch for servers that are spoken to by TLS. Default:
    /// those that the system trusts.
    pub tls_ca: Option<Bytes>,
}

impl Default for ActConfig {
    fn default() -> Self {
        Self {
            max_waiting: 10_000,
            max_bytes: 64 << 20,
            time_to_live: Duration::from_secs(60),
            timeout: Duration::from_secs(5),
            reconnect_base: Duration::from_millis(100),
            reconnect_cap: Duration::from_secs(5),
            tls_ca: None,
        }
    }
}

/// Adds this stage to an app.
pub struct ActPlugin {
    /// Its limits.
    pub config: ActConfig,
    /// Where it talks to servers and encodes pictures.
    pub runtime: Handle,
    /// Tells how long things have waited.
    pub timepiece: Timepiece,
}

impl Plugin for ActPlugin {
    fn build(&self, app: &mut App) {
        let ledger = Ledger::new(self.timepiece.clone());
        let dispatcher = Dispatcher::new(
            self.config.clone(),
            self.runtime.clone(),
            self.timepiece.clone(),
            ledger.clone(),
        );
        app.insert_resource(ledger.counters.clone())
            .insert_resource(ledger.recent.clone())
            .insert_resource(ledger.servers.clone())
            .insert_resource(ledger)
            .insert_resource(dispatcher)
            .add_systems(
                Deliver,
                (warn_of_missing_servers, act, close_unnamed_ways)
                    .chain()
                    .in_set(StageSystems::Act),
            );
    }
}
