use std::collections::HashMap;
use std::sync::Arc;

use bevy_ecs::prelude::*;
use detector_components::client::Client;
use detector_components::clock::{Clock, Timepiece};
use detector_components::command::ClientCommand;
use tokio::sync::{mpsc, watch};

use crate::config::{ProtocolConfig, Settings};
use crate::counters::ProtocolCounters;
use crate::event::{ConnectionId, Event, MAX_EVENTS, News, PictureRequest};
use crate::heartbeat::{Heartbeat, StateWanted};
use crate::outbox::Outbox;
use crate::pulse::Pulse;
use crate::vitals::Vitals;

/// What clients say: the world's end of a channel of [`MAX_EVENTS`].
#[derive(Resource)]
pub struct ClientEvents(pub mpsc::Receiver<Event>);

/// Who wants pictures: the world's end of a bounded channel.
#[derive(Resource)]
pub struct PictureQueue(pub mpsc::Receiver<PictureRequest>);

/// What the systems of this stage need to know besides the world.
#[derive(Resource)]
pub struct Surroundings {
    /// Where sockets read how clients are served.
    pub settings: Settings,
    /// The time of sending, which is later than that of the run.
    pub timepiece: Timepiece,
    /// How busy the machine is.
    pub vitals: watch::Receiver<Vitals>,
}

/// Takes a new configuration over to the sockets.
pub fn follow_config(config: Res<ProtocolConfig>, surroundings: Res<Surroundings>) {
    surroundings.settings.set(config.clone());
}

impl Surroundings {
    /// How clients are served now.
    pub fn config(&self) -> Arc<ProtocolConfig> {
        self.settings.get()
    }
}

/// Shows that the engine runs.
pub fn beat(pulse: Res<Pulse>, clock: Res<Clock>) {
    pulse.beat(clock.now);
}

/// Turns what happened on sockets into clients and what they ask for, in the order it happened.
///
/// At most as many events a run as the channel holds: whoever sends without end must not keep the
/// world from doing anything else. Each later event has called the world by itself.
pub fn receive(
    mut events: ResMut<ClientEvents>,
    mut open: Local<HashMap<ConnectionId, Entity>>,
    mut asked: MessageWriter<ClientCommand>,
    mut commands: Commands,
) {
    for _ in 0..MAX_EVENTS {
        let Ok(Event { connection, news }) = events.0.try_recv() else {
            return;
        };
        if let News::Opened { peer, at, outbox } = news {
            let client = commands.spawn((Client { peer }, outbox, Heartbeat { due: at })).id();
            open.insert(connection, client);
            continue;
        }
        let Some(&client) = open.get(&connection) else { continue };
        match news {
            News::Asked(command) => {
                asked.write(ClientCommand { client, command });
            }
            News::WantsState => {
                commands.entity(client).insert(StateWanted);
            }
            News::Closed => {
                open.remove(&connection);
                commands.entity(client).despawn();
            }
            News::Opened { .. } => {}
        }
    }
}

/// Counts what clients did not read in time.
pub fn count_dropped(outboxes: Query<&Outbox>, counters: Res<ProtocolCounters>) {
    for outbox in &outboxes {
        counters.dropped(outbox.take_dropped());
    }
}
