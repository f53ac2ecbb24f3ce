//! An operator asks what became of the last actions, and whether their servers are there.

use detector_components::action::{
    Action, ActionKind, ActionServer, ActionServers, Outcome, RecentAction, RecentActions,
};
use detector_components::model::RedisServer as Server;
use detector_components::secret::Secret;
use detector_simulator::RedisServer;

use crate::stand::{
    Engine, gated, impatient, list, publish, save, server, shot, stream_add, wait_for,
};

fn recent(engine: &Engine) -> Vec<RecentAction> {
    engine.app.world().resource::<RecentActions>().newest_first()
}

fn servers(engine: &Engine) -> Vec<ActionServer> {
    engine.app.world().resource::<ActionServers>().all()
}

#[test]
fn what_was_done_and_what_was_not_is_told_with_who_wanted_it_and_why() {
    let (_redis, named) = gated();
    let unnamed = stream_add("entries", "n", "{session_id}");
    let waiting = Action { wait_for: ["color".into()].into(), ..publish("news", "{frame}") };
    let actions = list([save("shot:{frame}"), publish("news", "{frame}"), unnamed, waiting]);
    let mut engine = Engine::new(Some(named), impatient(), actions);
    engine.find();
    engine.find();
    engine.flush();

    let recent = recent(&engine);
    for action in &recent {
        let origin = &action.origin;
        assert_eq!(origin.subscription.as_str(), "gate;cam");
        assert_eq!((&*origin.model_name, &*origin.node), ("Cars", "cars"));
        assert_eq!(action.times, 2, "the second time is told with the first: {action:?}");
    }
    let told = |kind, outcome| {
        let action = recent.iter().find(|action| (action.kind, action.outcome) == (kind, outcome));
        action.unwrap_or_else(|| panic!("no {kind:?} {outcome:?} in {recent:#?}")).reason.as_deref()
    };
    assert_eq!(told(ActionKind::SaveImage, Outcome::Executed), None);
    let refused = told(ActionKind::Publish, Outcome::Refused).unwrap();
    assert!(refused.contains("run this command"), "{refused}");
    let missing = told(ActionKind::StreamAdd, Outcome::MissingValue);
    assert_eq!(missing, Some("{session_id} has no value"));
    assert_eq!(told(ActionKind::Publish, Outcome::MissingBranch), Some("color found nothing"));
    assert_eq!(recent.len(), 4);
    assert!(!format!("{recent:?}").contains("secret"));
}

#[test]
fn a_server_that_is_away_is_told_with_the_reason_until_it_is_there() {
    let redis = RedisServer::start().unwrap();
    let port = redis.port();
    drop(redis);
    let named = Server { password: Some(Secret::new("secret")), ..server(port) };
    let mut engine = Engine::new(Some(named), impatient(), shot());
    assert_eq!(servers(&engine), []);
    engine.find();
    let away = || servers(&engine).into_iter().find_map(|server| server.absence);
    wait_for(|| away().is_some(), || format!("its absence: {:?}", servers(&engine)));
    assert_eq!(&*servers(&engine)[0].name, format!("redis://127.0.0.1:{port}/0"));
    assert_eq!(recent(&engine), [], "what waits has not come to its end");
    let _redis = RedisServer::start_on(port, Some("secret")).unwrap();
    engine.wait_for(Outcome::Executed, 2);
    wait_for(|| away().is_none(), || format!("its return: {:?}", servers(&engine)));
    engine.flush();
    assert_eq!(servers(&engine), [], "nothing is under way to it any more");
}
