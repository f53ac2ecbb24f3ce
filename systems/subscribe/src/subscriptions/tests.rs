use std::time::Duration;

use detector_components::camera::{StreamOptions, Transport};
use detector_components::clock::{Clock, Moment};
use detector_components::command::{Command, Crop};
use detector_components::display::Display;
use detector_components::secret::SecretUrl;
use detector_components::view::WatchedBy;

use super::*;
use crate::SubscribeConfig;
use crate::stand::{GATE, Stage, YARD, subscribe, wish};

#[test]
fn equal_subscriptions_share_one_view() {
    let mut stage = Stage::new();
    let client = stage.client();
    stage.send(client, subscribe("a;gate", GATE));
    stage.send(client, subscribe("b;gate", GATE));

    assert_eq!(stage.count::<Subscription>(), 2);
    assert_eq!(stage.count::<View>(), 1);
    assert_eq!(stage.count::<Camera>(), 1);
}

#[test]
fn another_crop_is_another_view_of_the_same_camera() {
    let mut stage = Stage::new();
    let client = stage.client();
    stage.send(client, subscribe("a;gate", GATE));
    let crop = Some(Crop { x1: 0, y1: 0, x2: 100, y2: 100 });
    let cropped = Subscribe { crop_in_frame: crop, ..wish("b;gate", GATE) };
    stage.send(client, Command::Subscribe(cropped));

    assert_eq!(stage.count::<View>(), 2);
    assert_eq!(stage.count::<Camera>(), 1);
    assert_eq!(stage.count::<Model>(), 1);
}

#[test]
fn the_same_again_changes_nothing() {
    let mut stage = Stage::new();
    let client = stage.client();
    stage.send(client, subscribe("a;gate", GATE));
    let before = (stage.entities::<Subscription>(), stage.entities::<View>());
    stage.send(client, subscribe("a;gate", GATE));

    assert_eq!((stage.entities::<Subscription>(), stage.entities::<View>()), before);
}

#[test]
fn other_content_replaces_without_closing_the_camera() {
    let mut stage = Stage::new();
    let client = stage.client();
    stage.send(client, subscribe("a;gate", GATE));
    let camera = stage.entities::<Camera>();
    let crop = Some(Crop { x1: 0, y1: 0, x2: 100, y2: 100 });
    stage.send(
        client,
        Command::Subscribe(Subscribe { crop_in_frame: crop, ..wish("a;gate", GATE) }),
    );

    assert_eq!(stage.entities::<Camera>(), camera);
    assert_eq!(stage.count::<Subscription>(), 1);
    assert_eq!(stage.count::<View>(), 1);
}

#[test]
fn another_transport_or_track_is_another_camera_and_replaces() {
    let mut stage = Stage::new();
    let client = stage.client();
    stage.send(client, subscribe("a;gate", GATE));
    let mut before = stage.entities::<Camera>();
    for options in [
        StreamOptions { transport: Transport::Udp, track: None },
        StreamOptions { transport: Transport::Udp, track: Some(1) },
    ] {
        let url = SecretUrl::parse(GATE).unwrap();
        let camera = CameraSource::Stream { url, options };
        let wish = Subscribe { camera: camera.clone(), ..wish("a;gate", GATE) };
        stage.send(client, Command::Subscribe(wish));

        let now = stage.entities::<Camera>();
        assert_eq!((now.len(), stage.count::<Subscription>()), (1, 1));
        assert_ne!(now, before, "the stream is opened anew");
        assert_eq!(stage.app.world().get::<Camera>(now[0]).unwrap().source, camera);
        before = now;
    }
}

#[test]
fn the_last_subscription_closes_the_camera() {
    let mut stage = Stage::new();
    let client = stage.client();
    stage.send(client, subscribe("a;gate", GATE));
    stage.send(client, subscribe("b;gate", GATE));

    stage.send(client, Command::Unsubscribe(SubscriptionId::new("a;gate")));
    assert_eq!(stage.count::<Camera>(), 1);

    stage.send(client, Command::Unsubscribe(SubscriptionId::new("b;gate")));
    assert_eq!(stage.count::<Camera>(), 0);
    assert_eq!(stage.count::<View>(), 0);
    assert_eq!(stage.count::<Display>(), 0);
    assert_eq!(stage.count::<Model>(), 1, "kept warm for a while");
}

#[test]
fn an_idle_model_is_unloaded_in_time() {
    let mut stage = Stage::new();
    let client = stage.client();
    stage.send(client, subscribe("a;gate", GATE));
    stage.send(client, Command::Unsubscribe(SubscriptionId::new("a;gate")));

    stage.wait(Duration::from_secs(299));
    assert_eq!(stage.count::<Model>(), 1);
    stage.wait(Duration::from_secs(1));
    assert_eq!(stage.count::<Model>(), 0);
}

#[test]
fn a_failed_model_is_tried_anew() {
    let mut stage = Stage::new();
    let client = stage.client();
    stage.send(client, subscribe("a;gate", GATE));
    let failed = stage.entities::<Model>()[0];
    let reason = "not found".into();
    stage.app.world_mut().entity_mut(failed).insert(ModelState::Failed { reason });
    stage.send(client, subscribe("b;gate", GATE));

    assert_eq!(stage.count::<Model>(), 2);
}

#[test]
fn an_unknown_subscription_is_refused() {
    let mut stage = Stage::new();
    let client = stage.client();
    let refusals = stage.send(client, Command::Unsubscribe(SubscriptionId::new("nobody")));
    assert_eq!(refusals[0].code, RefusalCode::UnknownSubscription);
}

#[test]
fn one_camera_too_many_is_refused_and_leaves_nothing() {
    let mut stage = Stage::with(SubscribeConfig { max_streams: 1, ..SubscribeConfig::default() });
    let client = stage.client();
    stage.send(client, subscribe("a;gate", GATE));
    let refusals = stage.send(client, subscribe("a;yard", YARD));

    assert_eq!(refusals[0].code, RefusalCode::LimitReached);
    assert_eq!((stage.count::<Camera>(), stage.count::<Subscription>()), (1, 1));
    // A second look at an open camera needs no further stream.
    assert!(stage.send(client, subscribe("b;gate", GATE)).is_empty());
}

#[test]
fn two_clients_may_hold_the_same_thing() {
    let mut stage = Stage::new();
    let (first, second) = (stage.client(), stage.client());
    stage.send(first, subscribe("a;gate", GATE));
    assert!(stage.send(second, subscribe("a;gate", GATE)).is_empty());

    stage.send(first, Command::Unsubscribe(SubscriptionId::new("a;gate")));
    assert_eq!(stage.count::<Subscription>(), 1);
    assert_eq!(stage.count::<Camera>(), 1);
}

#[test]
fn another_clients_identifier_cannot_be_taken_for_something_else() {
    let mut stage = Stage::new();
    let (first, second) = (stage.client(), stage.client());
    stage.send(first, subscribe("a;gate", GATE));
    let refusals = stage.send(second, subscribe("a;gate", YARD));

    assert_eq!(refusals[0].code, RefusalCode::Conflict);
    assert_eq!(stage.count::<Camera>(), 1);
}

#[test]
fn a_client_that_comes_back_finds_its_streams_warm() {
    let mut stage = Stage::new();
    let client = stage.client();
    stage.send(client, subscribe("a;gate", GATE));
    let camera = stage.entities::<Camera>();
    stage.app.world_mut().entity_mut(client).despawn();
    stage.wait(Duration::from_secs(29));

    let back = stage.client();
    stage.send(back, subscribe("a;gate", GATE));
    stage.wait(Duration::from_secs(60));

    assert_eq!(stage.entities::<Camera>(), camera);
    assert_eq!(stage.count::<Orphaned>(), 0);
}

#[test]
fn orphans_end_after_the_grace_time() {
    let mut stage = Stage::new();
    let client = stage.client();
    stage.send(client, subscribe("a;gate", GATE));
    stage.app.world_mut().entity_mut(client).despawn();
    stage.run();
    stage.wait(Duration::from_secs(30));

    assert_eq!(stage.count::<Subscription>(), 0);
    assert_eq!(stage.count::<Camera>(), 0);
}

#[test]
fn nothing_is_left_after_many_subscriptions() {
    let mut stage = Stage::new();
    let client = stage.client();
    for n in 0..1_000 {
        let id = format!("d{};c{}", n % 7, n % 5);
        stage.send(client, subscribe(&id, [GATE, YARD][n % 2]));
        stage.send(client, Command::Unsubscribe(SubscriptionId::new(id)));
    }
    stage.wait(Duration::from_secs(600));

    assert_eq!(stage.count::<WatchedBy>() + stage.count::<View>() + stage.count::<Camera>(), 0);
    assert_eq!(stage.count::<Model>() + stage.count::<Display>(), 0);
    assert!(stage.app.world().resource::<Clock>().now > Moment::default());
}

const DOCK: &str = "rtsp://dock/stream";

fn list<const N: usize>(wishes: [(&str, &str); N]) -> Command {
    Command::SetSubscriptions(wishes.iter().map(|(id, camera)| wish(id, camera)).collect())
}

/// The identifiers of all subscriptions, with the entities that they and their cameras are.
fn shown(stage: &mut Stage) -> Vec<(String, Entity, Entity)> {
    let world = stage.app.world_mut();
    let mut shown: Vec<_> = world
        .query::<(Entity, &Subscription, &Watches)>()
        .iter(world)
        .map(|(entity, held, watches)| (held.id.to_string(), entity, watches.0))
        .collect();
    shown.sort();
    shown
        .into_iter()
        .map(|(id, entity, view)| (id, entity, stage.app.world().get::<ViewOf>(view).unwrap().0))
        .collect()
}

fn ids(stage: &mut Stage) -> Vec<String> {
    shown(stage).into_iter().map(|(id, ..)| id).collect()
}

#[test]
fn a_list_adds_removes_and_leaves_alone_what_is_equal() {
    let mut stage = Stage::new();
    let client = stage.client();
    stage.send(client, list([("a;gate", GATE), ("b;gate", GATE), ("a;yard", YARD)]));
    let before = shown(&mut stage);
    stage.send(client, list([("a;dock", DOCK), ("b;gate", GATE), ("a;gate", GATE)]));

    let after = shown(&mut stage);
    assert_eq!(ids(&mut stage), ["a;dock", "a;gate", "b;gate"]);
    assert_eq!(after[1..], [before[0].clone(), before[2].clone()]);
    assert_eq!(stage.count::<Camera>(), 2);
}

#[test]
fn the_same_list_again_in_any_order_changes_nothing() {
    let mut stage = Stage::new();
    let client = stage.client();
    stage.send(client, list([("a;gate", GATE), ("b;yard", YARD), ("c;dock", DOCK)]));
    let before = shown(&mut stage);
    stage.send(client, list([("c;dock", DOCK), ("a;gate", GATE), ("b;yard", YARD)]));
    assert_eq!(shown(&mut stage), before);
}

#[test]
fn a_list_replaces_what_differs_without_closing_the_camera() {
    let mut stage = Stage::new();
    let client = stage.client();
    stage.send(client, list([("a;gate", GATE)]));
    let before = shown(&mut stage);
    let crop = Some(Crop { x1: 0, y1: 0, x2: 100, y2: 100 });
    let cropped = Subscribe { crop_in_frame: crop, ..wish("a;gate", GATE) };
    stage.send(client, Command::SetSubscriptions(vec![cropped]));
    assert_eq!(shown(&mut stage), before);
    assert_eq!(stage.count::<View>(), 1);
}

#[test]
fn an_empty_list_ends_everything_of_this_client_only() {
    let mut stage = Stage::new();
    let (first, second) = (stage.client(), stage.client());
    stage.send(first, list([("a;gate", GATE), ("a;yard", YARD)]));
    stage.send(second, list([("b;gate", GATE)]));
    stage.send(first, list([]));
    assert_eq!(ids(&mut stage), ["b;gate"]);
    assert_eq!(stage.count::<Camera>(), 1);
}

#[test]
fn a_list_that_cannot_be_had_whole_changes_nothing_and_says_all_reasons() {
    let mut stage = Stage::with(SubscribeConfig { max_streams: 2, ..SubscribeConfig::default() });
    let (first, second) = (stage.client(), stage.client());
    stage.send(first, list([("a;gate", GATE)]));
    stage.send(second, list([("b;gate", GATE)]));
    let before = shown(&mut stage);
    let refusals = stage.send(second, list([("a;gate", YARD), ("b;dock", DOCK), ("c;gate", GATE)]));

    assert_eq!(refusals.len(), 1);
    assert_eq!(refusals[0].code, RefusalCode::Conflict);
    assert_eq!(
        refusals[0].message,
        "another client holds a;gate with other content; \
         3 cameras would be open, max_streams is 2"
    );
    assert_eq!(shown(&mut stage), before);
}

#[test]
fn a_list_takes_over_what_a_client_that_went_has_left() {
    let mut stage = Stage::new();
    let client = stage.client();
    stage.send(client, list([("a;gate", GATE), ("a;yard", YARD)]));
    let before = shown(&mut stage);
    stage.app.world_mut().entity_mut(client).despawn();
    stage.run();
    let back = stage.client();
    stage.send(back, list([("a;yard", YARD), ("a;gate", GATE)]));

    assert_eq!(shown(&mut stage), before);
    assert_eq!(stage.count::<Orphaned>(), 0);
}

#[test]
fn whoever_takes_over_leaves_no_second_orphan_behind() {
    let mut stage = Stage::new();
    let (first, second) = (stage.client(), stage.client());
    stage.send(first, subscribe("a;gate", GATE));
    stage.send(second, subscribe("a;gate", GATE));
    for client in [first, second] {
        stage.app.world_mut().entity_mut(client).despawn();
    }
    stage.run();
    assert_eq!(stage.count::<Orphaned>(), 2);
    let back = stage.client();
    stage.send(back, subscribe("a;gate", YARD));

    assert_eq!(ids(&mut stage), ["a;gate"]);
    assert_eq!(stage.count::<Camera>(), 1);
}

#[test]
fn ones_own_ends_before_what_another_has_left_behind() {
    let mut stage = Stage::new();
    let (first, second) = (stage.client(), stage.client());
    stage.send(first, subscribe("a;gate", GATE));
    stage.send(second, subscribe("a;gate", GATE));
    stage.app.world_mut().entity_mut(first).despawn();
    stage.run();
    stage.send(second, Command::Unsubscribe(SubscriptionId::new("a;gate")));
    assert_eq!((stage.count::<Subscription>(), stage.count::<Orphaned>()), (1, 1));
}

#[test]
fn the_last_camera_may_be_exchanged_for_another() {
    let mut stage = Stage::with(SubscribeConfig { max_streams: 1, ..SubscribeConfig::default() });
    let client = stage.client();
    stage.send(client, subscribe("a;gate", GATE));
    assert!(stage.send(client, subscribe("a;gate", YARD)).is_empty());
    assert!(stage.send(client, list([("b;dock", DOCK)])).is_empty());
    assert_eq!(stage.count::<Camera>(), 1);
}

#[test]
fn one_subscription_too_many_is_refused() {
    let config = SubscribeConfig { max_subscriptions: 2, ..SubscribeConfig::default() };
    let mut stage = Stage::with(config);
    let client = stage.client();
    stage.send(client, list([("a;gate", GATE), ("b;gate", GATE)]));
    let refusals = stage.send(client, subscribe("c;gate", GATE));
    assert_eq!(refusals[0].code, RefusalCode::LimitReached);
    assert_eq!(refusals[0].message, "there would be 3 subscriptions, limits.subscriptions is 2");
    assert_eq!(refusals[0].subscription, Some(SubscriptionId::new("c;gate")));
    assert!(stage.send(client, list([("c;gate", GATE), ("d;gate", GATE)])).is_empty());
    assert_eq!(ids(&mut stage), ["c;gate", "d;gate"]);
}

#[test]
fn a_fresh_signature_gives_a_failed_model_another_try() {
    let mut stage = Stage::new();
    let client = stage.client();
    let signed = |signature: &str| {
        let url = format!("http://models/vehicle.mpta?sig={signature}");
        let model = ModelSource::Url(SecretUrl::parse(&url).unwrap());
        Command::Subscribe(Subscribe { model, ..wish("a;gate", GATE) })
    };
    stage.send(client, signed("1"));
    let model = stage.entities::<Model>();
    stage.send(client, signed("2"));
    assert_eq!(stage.entities::<Model>(), model, "the same archive, whatever its signature");

    let failed = ModelState::Failed { reason: "403 Forbidden".into() };
    stage.app.world_mut().entity_mut(model[0]).insert(failed);
    stage.send(client, signed("1"));
    assert_eq!(stage.entities::<Model>(), model, "it has failed with this very address");
    stage.send(client, signed("3"));
    assert_ne!(stage.entities::<Model>(), model);
    assert_eq!((stage.count::<Model>(), stage.count::<Camera>()), (1, 1));
}
