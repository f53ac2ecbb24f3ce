//! Which models a network is part of, for lines of the log.

use bevy_ecs::prelude::*;
use bevy_ecs::system::SystemParam;
use detector_components::model::Model;
use detector_components::network::RunsNodes;
use detector_components::node::NodeOf;

/// Looks up the models whose nodes a network runs.
#[derive(SystemParam)]
pub struct Origins<'w, 's> {
    networks: Query<'w, 's, &'static RunsNodes>,
    nodes: Query<'w, 's, &'static NodeOf>,
    models: Query<'w, 's, &'static Model>,
}

impl Origins<'_, '_> {
    /// The addresses of a network's models, without credentials. None once they are gone.
    pub fn models(&self, network: Entity) -> Option<String> {
        let nodes = self.networks.get(network).ok()?;
        let models = self.nodes.iter_many(nodes.iter()).matched().map(|of| of.0);
        let mut named: Vec<String> =
            self.models.iter_many(models).matched().map(|model| model.source.to_string()).collect();
        named.sort_unstable();
        named.dedup();
        Some(named.join(", "))
    }
}
