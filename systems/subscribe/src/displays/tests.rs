use detector_components::client::SessionPatched;
use detector_components::command::Command;

use super::*;
use crate::stand::{GATE, Stage, subscribe};

fn set(session: Option<i64>) -> Command {
    let session = session.map(ExternalId::Number);
    Command::SetSession { display: DisplayId::new("display-1"), session }
}

fn patched(stage: &mut Stage, session: i64, data: &[(&str, Option<&str>)]) -> Result<(), String> {
    let client = stage.client();
    let data = data.iter().map(|(key, value)| (Arc::from(*key), value.map(Arc::from))).collect();
    stage.send(client, Command::PatchSession { session: ExternalId::Number(session), data });
    let mut results = stage.app.world_mut().resource_mut::<Messages<SessionPatched>>();
    let patched = results.drain().next().unwrap();
    assert_eq!((patched.client, patched.session), (client, ExternalId::Number(session)));
    patched.result.map_err(|reason| reason.to_string())
}

fn values(stage: &mut Stage) -> Vec<(String, String)> {
    let world = stage.app.world_mut();
    let values = world.query::<&SessionValues>().iter(world).next();
    let text = |(key, value): (&Arc<str>, &Arc<str>)| (key.to_string(), value.to_string());
    values.into_iter().flat_map(|values| values.0.iter().map(text)).collect()
}

#[test]
fn a_session_may_come_before_any_subscription() {
    let mut stage = Stage::new();
    let client = stage.client();
    let session = Some(ExternalId::Number(10001));
    let display = DisplayId::new("display-1");
    stage.send(client, Command::SetSession { display: display.clone(), session });
    stage.send(client, subscribe("display-1;gate", GATE));

    assert_eq!(stage.entities::<Session>(), stage.entities::<Display>());

    stage.send(client, Command::SetSession { display, session: None });
    assert_eq!((stage.count::<Session>(), stage.count::<Display>()), (0, 1));
}

#[test]
fn values_are_merged_into_a_session() {
    let mut stage = Stage::new();
    let client = stage.client();
    stage.send(client, set(Some(1)));
    patched(&mut stage, 1, &[("plate", Some("XY-1")), ("lane", Some("2"))]).unwrap();
    patched(&mut stage, 1, &[("plate", Some("XY-2")), ("lane", None)]).unwrap();
    assert_eq!(values(&mut stage), [("plate".to_owned(), "XY-2".to_owned())]);
}

#[test]
fn values_go_with_their_session() {
    let mut stage = Stage::new();
    let client = stage.client();
    for next in [Some(2), None] {
        stage.send(client, set(Some(1)));
        patched(&mut stage, 1, &[("plate", Some("XY-1"))]).unwrap();
        stage.send(client, set(Some(1)));
        assert_eq!(values(&mut stage).len(), 1, "the same session again changes nothing");
        stage.send(client, set(next));
        assert_eq!(values(&mut stage), []);
    }
}

#[test]
fn a_session_that_runs_nowhere_cannot_be_patched() {
    let mut stage = Stage::new();
    let refused = patched(&mut stage, 7, &[("plate", Some("XY-1"))]).unwrap_err();
    assert_eq!(refused, "no display has the session 7");
}

#[test]
fn values_of_a_session_stay_few() {
    let mut stage = Stage::new();
    let client = stage.client();
    stage.send(client, set(Some(1)));
    for number in 0..SessionValues::MAX {
        patched(&mut stage, 1, &[(&number.to_string(), Some("x"))]).unwrap();
    }
    let refused = patched(&mut stage, 1, &[("0", Some("y")), ("more", Some("x"))]).unwrap_err();
    assert_eq!(refused, "the session would have 257 values, expected at most 256");
    assert_eq!(values(&mut stage)[0].1, "x");
}

#[test]
fn a_stage_is_kept_with_the_display_until_it_is_cleared() {
    let mut stage = Stage::new();
    let client = stage.client();
    let display = || DisplayId::new("display-1");
    let named = Some(Arc::from("car_wait_staff"));
    stage.send(client, Command::SetStage { display: display(), stage: named });
    stage.send(client, subscribe("display-1;gate", GATE));
    assert_eq!(stage.entities::<ProgressionStage>(), stage.entities::<Display>());
    stage.send(client, Command::SetStage { display: display(), stage: None });
    assert_eq!((stage.count::<ProgressionStage>(), stage.count::<Display>()), (0, 1));
}

#[test]
fn clearing_what_is_not_there_makes_no_display() {
    let mut stage = Stage::new();
    let client = stage.client();
    stage.send(client, set(None));
    stage.send(client, Command::SetStage { display: DisplayId::new("display-2"), stage: None });
    assert_eq!(stage.count::<Display>(), 0);
}

#[test]
fn displays_without_subscriptions_stay_few() {
    let mut stage = Stage::with(SubscribeConfig { max_displays: 3, ..SubscribeConfig::default() });
    let client = stage.client();
    let named = |name: usize| Command::SetSession {
        display: DisplayId::new(name.to_string()),
        session: Some(ExternalId::Number(1)),
    };
    let refused: Vec<_> = (0..5).flat_map(|name| stage.send(client, named(name))).collect();
    assert_eq!(refused.len(), 2);
    assert_eq!(refused[0].code, RefusalCode::LimitReached);
    assert_eq!(refused[0].message, "3 displays are known, limits.displays is 3");
}
