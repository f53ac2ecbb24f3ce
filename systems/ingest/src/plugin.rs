use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use detector_components::clock::Timepiece;
use detector_components::secret::SecretUrl;
use detector_components::stage::{Deliver, Sample, StageSystems};
use detector_components::wake::Wake;
use reqwest::Client;
use tokio::runtime::Handle;

use crate::accounts::Accounts;
use crate::config::{IngestConfig, Settings};
use crate::governor::Governor;
use crate::http::{self, Requests};
use crate::systems::{follow_config, follow_streams, open_cameras, refresh_frames, take_frames};

/// Where what waits is done.
#[derive(Resource, Clone)]
pub struct Outside {
    pub runtime: Handle,
    /// Fetches pictures.
    pub client: Client,
    /// Opens streams.
    pub streams: Client,
    pub settings: Settings,
    /// Whose turn it is to connect.
    pub governor: Governor,
    /// Which logins are known to be wrong.
    pub accounts: Accounts,
}

impl Outside {
    /// With a client and settings of its own.
    pub fn new(runtime: Handle, config: &IngestConfig) -> Self {
        let (client, streams) = (http::client(config), http::endless_client(config));
        let settings = Settings::new(config.clone());
        Self {
            runtime,
            client,
            streams,
            settings,
            governor: Governor::default(),
            accounts: Accounts::default(),
        }
    }

    /// Asks a camera for one picture after the other.
    pub fn pictures_of(&self, camera: &SecretUrl) -> Requests {
        self.requests(self.client.clone(), camera)
    }

    /// Asks a camera for what has no end.
    pub fn stream_of(&self, camera: &SecretUrl) -> Requests {
        self.requests(self.streams.clone(), camera)
    }

    fn requests(&self, client: Client, camera: &SecretUrl) -> Requests {
        Requests::new(client, self.settings.get().reach, self.accounts.clone(), camera)
    }
}

/// Adds this stage to an app. Its [`IngestConfig`] may be replaced at any time.
///
/// [`init`](crate::init) comes first.
pub struct IngestPlugin {
    /// How cameras are opened and watched.
    pub config: IngestConfig,
    /// Where snapshots are fetched.
    pub runtime: Handle,
    /// Tells when frames arrive.
    pub timepiece: Timepiece,
    /// Called when a camera that is due has a frame, and when its state changes.
    pub wake: Wake,
}

impl Plugin for IngestPlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(self.config.clone())
            .insert_resource(self.timepiece.clone())
            .insert_resource(self.wake.clone())
            .insert_resource(Outside::new(self.runtime.clone(), &self.config))
            .add_systems(
                Deliver,
                (
                    follow_config.run_if(resource_changed::<IngestConfig>),
                    open_cameras,
                    refresh_frames,
                    follow_streams,
                )
                    .chain()
                    .in_set(StageSystems::Ingest),
            )
            .add_systems(Sample, take_frames.in_set(StageSystems::Ingest));
    }
}
