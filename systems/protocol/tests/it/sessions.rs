//! Sessions in both directions: what the CMS adds is answered, what pipelines add is told.

use std::sync::Arc;

use bevy_ecs::prelude::*;
use detector_components::client::{Client, SessionPatched};
use detector_components::display::{Display, Session, SessionPatch, SessionValues};
use detector_components::identity::{DisplayId, ExternalId};
use serde_json::json;

use crate::scene::Scene;
use crate::stand::Engine;

fn patch(display: &str, key: &str, value: &str) -> SessionPatch {
    SessionPatch {
        display: DisplayId::new(display),
        session: ExternalId::Number(10_001),
        data: [(Arc::from(key), Arc::from(value))].into_iter().collect(),
    }
}

#[test]
fn what_a_pipeline_adds_is_told_to_who_watches_the_display() {
    let engine = Engine::start();
    let mut watching = engine.connect();
    watching.next_of("stateReport");
    engine.ask(|world| {
        let scene = Scene::new(world);
        scene.subscribe(world, "gate;cam", None);
    });
    let mut elsewhere = engine.connect();
    elsewhere.next_of("stateReport");
    engine.tell(|world| {
        world.write_message(patch("gate", "plate", "XY-1"));
    });
    let expected = json!({"type": "patchSession", "sessionId": 10001, "data": {"plate": "XY-1"}});
    assert_eq!(watching.next_of("patchSession"), expected);
    elsewhere.send(&json!({"type": "levitate"}));
    assert_eq!(elsewhere.next()["type"], "error", "nobody else is told");
    assert_eq!(engine.counts().patches, 1);
}

#[test]
fn what_pipelines_add_is_merged_while_their_session_runs() {
    let engine = Engine::start();
    engine.tell(|world| {
        let session = Session(ExternalId::Number(10_001));
        world.spawn((Display { id: DisplayId::new("gate") }, session));
        world.spawn((Display { id: DisplayId::new("ended") }, Session(ExternalId::Number(2))));
        world.write_message(patch("gate", "plate", "XY-1"));
        world.write_message(patch("gate", "lane", "2"));
        world.write_message(patch("ended", "lane", "2"));
    });
    let values = engine.ask(|world| {
        let values: Vec<_> = world.query::<&SessionValues>().iter(world).cloned().collect();
        values
    });
    let expected = [("plate", "XY-1"), ("lane", "2")];
    let expected = expected.map(|(key, value)| (Arc::from(key), Arc::from(value)));
    assert_eq!(values, [SessionValues(expected.into_iter().collect())]);
}

#[test]
fn who_adds_to_a_session_is_answered() {
    let engine = Engine::start();
    let mut cms = engine.connect();
    let client =
        engine.wait_for(|world| world.query_filtered::<Entity, With<Client>>().iter(world).next());
    engine.tell(move |world| {
        let session = ExternalId::Text("s".into());
        world.write_message(SessionPatched { client, session: session.clone(), result: Ok(()) });
        let result = Err("no display has the session s".into());
        world.write_message(SessionPatched { client, session, result });
    });
    let answer = |success: bool, message: &str| {
        json!({"type": "patchSessionResult", "sessionId": "s", "success": success,
            "message": message})
    };
    assert_eq!(cms.next_of("patchSessionResult"), answer(true, "merged"));
    let refused = answer(false, "no display has the session s");
    assert_eq!(cms.next_of("patchSessionResult"), refused);
}

#[test]
fn the_answers_of_the_cms_are_counted() {
    let engine = Engine::start();
    let mut cms = engine.connect();
    for success in [true, true, false] {
        cms.send(&json!({"type": "patchSessionResult",
            "payload": {"sessionId": 10001, "success": success, "message": "noted"}}));
    }
    cms.send(&json!({"type": "requestState"}));
    for _ in 0..2 {
        cms.next_of("stateReport");
    }
    let counts = engine.counts();
    assert_eq!((counts.patches_taken, counts.patches_failed), (2, 1));
}
