//! What actions are run for, and what they say.

use std::time::Duration;

use detector_components::action::{Action, ActionKind, Deed, Outcome, PictureFormat, Template};
use detector_components::display::{ProgressionStage, Session, SessionValues};
use detector_components::identity::ExternalId;
use detector_components::node::{Actions, Occasion};
use detector_components::results::Finding;
use detector_simulator::RedisServer;
use redis::Commands;

use crate::stand::{
    Engine, action, connection, finding, impatient, list, publish, save, server, stream, stream_add,
};

/// What these actions add to the stream `entries` for what is found.
fn entries(actions: Actions, find: impl FnOnce(&mut Engine)) -> (Vec<String>, Engine) {
    let redis = RedisServer::start().unwrap();
    let mut engine = Engine::new(Some(server(redis.port())), impatient(), actions);
    find(&mut engine);
    engine.flush();
    (stream(&mut connection(&redis), "entries"), engine)
}

fn tell(text: &str) -> Action {
    stream_add("entries", "text", text)
}

#[test]
fn a_json_message_is_the_archives_own() {
    let message = r#"{"kind":"seen","n":{frame},"who":{"class":"{class}"},"list":[{color}]}"#;
    let (entries, _) = entries(list([tell(message)]), |engine| {
        let car = engine.with_color("c\"r", "red");
        engine.find_all(vec![car]);
    });
    assert_eq!(entries, [r#"{"kind":"seen","n":1,"who":{"class":"c\"r"},"list":["red"]}"#]);
}

#[test]
fn actions_of_a_branch_know_display_session_and_camera() {
    let (entries, _) = entries(Actions::default(), |engine| {
        let world = engine.app.world_mut();
        let text = "{display_id} {camera_id} {subscription_id} {session_id} {session.plate} \
                    {progression_stage} {model_id} {model_name} {class}";
        world.entity_mut(engine.branch).insert(list([tell(text)]));
        world.entity_mut(engine.display).insert((
            Session(ExternalId::Number(10001)),
            SessionValues([("plate".into(), "AB 1".into())].into()),
            ProgressionStage("car_wait_staff".into()),
        ));
        let car = engine.with_color("car", "red");
        engine.find_all(vec![car]);
    });
    assert_eq!(entries, ["gate cam gate;cam 10001 AB 1 car_wait_staff 7 Cars red"]);
}

#[test]
fn actions_of_a_parent_come_after_those_of_its_branches_and_know_what_these_found() {
    let (entries, _) = entries(list([tell("{class} is {color} {color.confidence}")]), |engine| {
        engine.app.world_mut().entity_mut(engine.branch).insert(list([tell("{class}")]));
        let car = engine.with_color("car", "red");
        engine.find_all(vec![car]);
    });
    assert_eq!(entries, ["red", "car is red 0.9"]);
}

#[test]
fn every_box_is_acted_on() {
    let (entries, _) = entries(list([tell("{class}")]), |engine| {
        engine.find_all(vec![finding("car"), finding("car"), finding("bus")]);
    });
    assert_eq!(entries, ["car", "car", "bus"]);
}

#[test]
fn an_answer_that_is_one_event_is_acted_on_once() {
    let together = Actions { occasion: Occasion::Answer, ..list([tell("{class} {color}")]) };
    let (entries, _) = entries(together, |engine| {
        let front = engine.with_color("front", "red");
        engine.find_all(vec![finding("car"), front]);
    });
    assert_eq!(entries, ["car red"]);
}

#[test]
fn a_list_rests_for_each_track_and_not_when_nothing_was_done() {
    let cooldown = Some(Duration::from_secs(10));
    let actions = Actions { cooldown, ..list([tell("{frame} {id} {color}")]) };
    let (entries, engine) = entries(actions, |engine| {
        let tracked = |engine: &Engine, track| Finding {
            track: Some(track),
            ..engine.with_color("car", "red")
        };
        let uncolored = Finding { track: Some(1), ..finding("car") };
        let (one, two) = (tracked(engine, 1), tracked(engine, 2));
        for found in [vec![uncolored], vec![one.clone()], vec![one.clone(), two]] {
            engine.find_all(found);
            engine.timepiece.advance(Duration::from_secs(4));
        }
        engine.timepiece.advance(Duration::from_secs(3));
        engine.find_all(vec![one]);
    });
    assert_eq!(entries, ["2 1 red", "3 2 red", "4 1 red"]);
    assert_eq!(engine.total(Outcome::CoolingDown), 1);
    assert_eq!(engine.total(Outcome::MissingValue), 1);
}

#[test]
fn a_name_without_a_value_skips_its_action_alone() {
    let actions = list([tell("{session_id}"), tell("{image_key}"), tell("{class}")]);
    let (entries, engine) = entries(actions, Engine::find);
    assert_eq!(entries, ["car"]);
    assert_eq!(engine.counters().of(ActionKind::StreamAdd, Outcome::MissingValue), 2);
}

#[test]
fn an_action_waits_for_its_branches() {
    let waiting = Action { wait_for: ["color".into()].into(), ..tell("{frame}") };
    let (entries, engine) = entries(list([waiting]), |engine| {
        engine.find();
        let car = engine.with_color("car", "red");
        engine.find_all(vec![car]);
    });
    assert_eq!(entries, ["2"]);
    assert_eq!(engine.total(Outcome::MissingBranch), 1);
}

#[test]
fn a_session_is_patched() {
    let patch = Deed::PatchSession { data: [("color".into(), Template::new("{color}"))].into() };
    let mut engine = Engine::new(None, impatient(), list([action(patch)]));
    let car = engine.with_color("car", "red");
    engine.find_all(vec![car.clone()]);
    assert!(engine.patches().is_empty(), "there is no session");
    let session = Session(ExternalId::Text("s".into()));
    engine.app.world_mut().entity_mut(engine.display).insert(session);
    engine.find_all(vec![car]);
    let [patch] = engine.patches().try_into().unwrap();
    assert_eq!((patch.display.as_str(), patch.session.to_string()), ("gate", "s".to_owned()));
    let data: Vec<_> = patch.data.iter().map(|(key, value)| (&**key, &**value)).collect();
    assert_eq!(data, [("color", "red")]);
    assert_eq!(engine.total(Outcome::Executed), 1);
    assert_eq!(engine.total(Outcome::MissingValue), 1);
}

#[test]
fn a_region_is_cut_out_by_its_class_or_else_the_box_itself() {
    let redis = RedisServer::start().unwrap();
    let shot = |key: &str, region: &str| {
        action(Deed::SaveImage {
            key: Template::new(key),
            region: Some(region.into()),
            format: PictureFormat::Jpeg { quality: 90 },
            expire: None,
        })
    };
    let actions = list([shot("front", "FRONT"), shot("gone", "wheel"), save("own")]);
    let mut engine = Engine::new(Some(server(redis.port())), impatient(), actions);
    let mut front = finding("front");
    front.bbox_in_frame.x2 = 6.0;
    let together = Actions {
        occasion: Occasion::Answer,
        ..engine.app.world().get::<Actions>(engine.root).unwrap().clone()
    };
    engine.app.world_mut().entity_mut(engine.root).insert(together);
    engine.find_all(vec![finding("car"), front]);
    engine.flush();
    let mut reader = connection(&redis);
    let mut width = |key: &str| {
        let picture: Vec<u8> = reader.get(key).unwrap();
        detector_picture::decode(&picture).unwrap().size().width
    };
    assert_eq!([width("front"), width("gone"), width("own")], [4, 8, 8]);
    let left: i64 = redis::cmd("TTL").arg("front").query(&mut connection(&redis)).unwrap();
    assert_eq!(left, -1, "for ever");
}

#[test]
fn a_message_of_a_list_names_the_picture_before_it() {
    let actions = list([save("shot:{uuid}"), publish("c:{camera_id}", "{image_key}")]);
    let (_, engine) = entries(actions, Engine::find);
    assert_eq!(engine.total(Outcome::Executed), 2);
}
