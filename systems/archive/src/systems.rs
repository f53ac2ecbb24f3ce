use bevy_ecs::prelude::*;
use detector_components::model::{Fetched, Model, ModelSource, ModelState};
use detector_components::node::{BranchOf, Checkpoint, InputShape, Node, NodeOf};
use tracing::{info, warn};

use crate::loader::{Arrived, Loader};
use crate::plugin::ArchiveConfig;
use crate::unpack::Unpacked;

/// Begins to fetch what is new.
pub fn begin_loading(
    models: Query<(Entity, &Model), Added<Model>>,
    config: Res<ArchiveConfig>,
    mut loader: ResMut<Loader>,
    mut commands: Commands,
) {
    for (entity, model) in &models {
        info!(model = %model.source, "fetching the model");
        let fetched = Fetched::default();
        if matches!(model.source, ModelSource::Url(_)) {
            commands.entity(entity).insert(fetched.clone());
        }
        loader.begin(entity, model.source.clone(), config.clone(), fetched);
    }
}

/// Stops fetching what nobody wants any more.
pub fn cancel_loading(gone: On<Remove<Model>>, mut loader: ResMut<Loader>) {
    loader.cancel(gone.entity);
}

/// Turns archives that have arrived into nodes, each before its branches.
pub fn receive_archives(
    mut models: Query<(&Model, &mut ModelState)>,
    mut loader: ResMut<Loader>,
    mut commands: Commands,
) {
    for Arrived { model: entity, result } in loader.arrived() {
        let Ok((model, mut state)) = models.get_mut(entity) else { continue };
        commands.entity(entity).remove::<Fetched>();
        match result {
            Ok(archive) => {
                for warning in &archive.pipeline.warnings {
                    warn!(model = %model.source, "{warning}");
                }
                spawn_nodes(entity, &archive, &mut commands);
                *state = ModelState::Loading;
            }
            Err(error) => {
                let reason = error.to_string();
                warn!(model = %model.source, %reason, "the model cannot be used");
                *state = ModelState::Failed { reason: reason.into() };
            }
        }
    }
}

fn spawn_nodes(model: Entity, archive: &Unpacked, commands: &mut Commands) {
    if let Some(redis) = &archive.pipeline.redis {
        commands.entity(model).insert(redis.clone());
    }
    if let Some(postgres) = &archive.pipeline.postgres {
        commands.entity(model).insert(postgres.clone());
    }
    let mut spawned = Vec::new();
    for spec in &archive.pipeline.nodes {
        let file = &archive.files[&spec.file];
        let mut node = commands.spawn((
            Node { name: spec.name.clone() },
            NodeOf(model),
            Checkpoint { path: file.path.clone(), sha256: file.sha256.clone() },
            spec.trigger.clone(),
            spec.keep.clone(),
            spec.actions.clone(),
        ));
        if let Some(size) = spec.size {
            node.insert(InputShape::Fixed(size));
        }
        if let Some(tracking) = &spec.tracking {
            node.insert(tracking.clone());
        }
        if let Some(parent) = spec.parent {
            node.insert(BranchOf(spawned[parent]));
        }
        spawned.push(node.id());
    }
}
