//! Models on their way to being ready.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use bevy_app::prelude::*;
use bevy_ecs::prelude::{Entity, IntoScheduleConfigs, Query, Res, Resource};
use bevy_ecs::system::SystemParam;
use detector_components::model::{Fetched, Model, ModelState};
use detector_components::network::{LoadProgress, LoadStep, NetworkState};
use detector_components::node::{NodeOf, RunsNetwork};
use detector_components::stage::{Deliver, StageSystems};

use super::{Bytes, Step, WATCHED};

/// Between two drawings.
const FRAME: Duration = Duration::from_millis(100);

/// What is told of a model that is not ready yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What is done.
    pub words: String,
    /// How much of its archive has come, while it is fetched.
    pub bytes: Option<Bytes>,
}

impl Line {
    /// Shows it as a step.
    pub fn show(self, step: &Step) {
        match self.bytes {
            Some(bytes) => step.show_bytes(self.words, bytes),
            None => step.say(self.words),
        }
    }
}

/// The models that are on their way.
#[derive(SystemParam)]
pub struct Underway<'w, 's> {
    models: Query<'w, 's, (Entity, &'static Model, &'static ModelState, Option<&'static Fetched>)>,
    nodes: Query<'w, 's, (&'static NodeOf, &'static RunsNetwork)>,
    networks: Query<'w, 's, (&'static NetworkState, &'static LoadProgress)>,
}

impl Underway<'_, '_> {
    /// What is told of each.
    pub fn lines(&self) -> BTreeMap<Entity, Line> {
        let lines = self.models.iter().filter_map(|(entity, model, state, fetched)| {
            let (words, bytes) = match state {
                ModelState::Ready | ModelState::Failed { .. } => return None,
                ModelState::Fetching => {
                    let bytes = fetched
                        .map(|fetched| Bytes { done: fetched.bytes(), total: fetched.total() });
                    let verb = if fetched.is_some() { "fetching" } else { "reading" };
                    (format!("{verb} {}", model.source), bytes)
                }
                ModelState::Loading => (format!("{} {}", self.step(entity), model.source), None),
            };
            Some((entity, Line { words, bytes }))
        });
        lines.collect()
    }

    /// What is done to the networks of a model: the device makes one after the other ready.
    fn step(&self, model: Entity) -> &'static str {
        let own = self.nodes.iter().filter(|(of, _)| of.0 == model);
        let loading = own.filter_map(|(_, runs)| self.networks.get(runs.0).ok());
        let steps = loading.filter(|(state, _)| **state == NetworkState::Loading);
        let step = steps.map(|(_, progress)| progress.step());
        match step.filter(|step| *step != LoadStep::Waiting).last() {
            Some(LoadStep::Comparing) => "comparing with the CPU:",
            Some(LoadStep::WarmingUp) => "warming up",
            _ => "loading",
        }
    }
}

/// Shows the models that are on their way, where someone watches.
///
/// The engine only says what there is to show. A thread of its own draws, so that a terminal that
/// was stopped holds up nothing.
pub struct ModelProgressPlugin {
    board: Option<Board>,
}

/// What there is to show, between the engine and the thread that draws.
#[derive(Clone, Default, Resource)]
struct Board(Arc<(Mutex<BTreeMap<Entity, Line>>, Condvar)>);

impl ModelProgressPlugin {
    /// Starts the thread that draws, if someone watches.
    ///
    /// # Errors
    /// When the system refuses the thread.
    pub fn start() -> Result<Self> {
        if !*WATCHED {
            return Ok(Self { board: None });
        }
        let board = Board::default();
        let drawn = board.clone();
        thread::Builder::new()
            .name("progress".to_owned())
            .spawn(move || draw(&drawn))
            .context("starting the thread that draws progress")?;
        Ok(Self { board: Some(board) })
    }
}

impl Plugin for ModelProgressPlugin {
    fn build(&self, app: &mut App) {
        if let Some(board) = &self.board {
            app.insert_resource(board.clone())
                .add_systems(Deliver, post.after(StageSystems::Publish));
        }
    }
}

impl Board {
    fn lines(&self) -> MutexGuard<'_, BTreeMap<Entity, Line>> {
        // Held only to move a few lines.
        self.0.0.lock().expect("never held across a panic")
    }
}

/// Says what there is to show.
fn post(underway: Underway, board: Res<Board>) {
    let lines = underway.lines();
    let mut posted = board.lines();
    if *posted != lines {
        *posted = lines;
        board.0.1.notify_one();
    }
}

/// Draws what there is to show, for as long as the process lives.
fn draw(board: &Board) {
    let mut steps: BTreeMap<Entity, Step> = BTreeMap::new();
    loop {
        let mut lines = board.lines();
        if steps.is_empty() {
            let wait = board.0.1.wait_while(lines, |lines| lines.is_empty());
            lines = wait.expect("never held across a panic");
        }
        let lines = {
            let now = lines.clone();
            drop(lines);
            now
        };
        steps.retain(|model, _| lines.contains_key(model));
        for (model, line) in lines {
            let step = steps.entry(model).or_insert_with(|| Step::begin(line.words.clone()));
            line.show(step);
        }
        thread::sleep(FRAME);
    }
}

#[cfg(test)]
mod tests {
    use bevy_ecs::prelude::World;
    use bevy_ecs::system::RunSystemOnce;
    use detector_components::model::ModelSource;
    use detector_components::network::Network;

    use super::*;

    fn told(world: &mut World) -> Vec<(String, Option<Bytes>)> {
        let lines = world.run_system_once(|underway: Underway| underway.lines()).unwrap();
        lines.into_values().map(|line| (line.words, line.bytes)).collect()
    }

    #[test]
    fn a_model_is_followed_from_its_archive_to_its_first_run() {
        let mut world = World::new();
        let source = ModelSource::File("a.mpta".into());
        let model = world.spawn(Model { source }).id();
        assert_eq!(told(&mut world), [("reading a.mpta".to_owned(), None)]);

        let fetched = Fetched::default();
        fetched.begin(Some(40));
        fetched.set(10);
        world.entity_mut(model).insert(fetched);
        let bytes = Bytes { done: 10, total: Some(40) };
        assert_eq!(told(&mut world), [("fetching a.mpta".to_owned(), Some(bytes))]);

        let network = world.spawn(Network { sha256: "0".into() }).id();
        world.spawn((NodeOf(model), RunsNetwork(network)));
        world.entity_mut(model).insert(ModelState::Loading);
        assert_eq!(told(&mut world), [("loading a.mpta".to_owned(), None)]);
        world.get::<LoadProgress>(network).unwrap().begin(LoadStep::WarmingUp);
        assert_eq!(told(&mut world), [("warming up a.mpta".to_owned(), None)]);

        world.entity_mut(model).insert(ModelState::Ready);
        assert_eq!(told(&mut world), []);
    }
}
