//! A CMS asks for things; the world hears of it, in order, and answers what it refuses.

use std::sync::Arc;

use bevy_ecs::prelude::*;
use detector_components::camera::{CameraSource, StreamOptions, Transport};
use detector_components::client::{Client, Refused};
use detector_components::command::{Command, Crop, Refusal, RefusalCode, Subscribe};
use detector_components::identity::{DisplayId, ExternalId, SubscriptionId};
use detector_components::model::ModelSource;
use detector_components::secret::SecretUrl;
use serde_json::{Value, json};

use crate::stand::Engine;

fn client(world: &mut World) -> Option<Entity> {
    world.query_filtered::<Entity, With<Client>>().iter(world).next()
}

#[test]
fn what_a_client_asks_for_reaches_the_world() {
    let engine = Engine::start();
    let mut cms = engine.connect_to("/ws").unwrap();
    cms.send(&json!({"type": "setSessionId",
        "payload": {"displayIdentifier": "display-001", "sessionId": 10001}}));
    cms.send(&json!({"type": "subscribe", "payload": {
        "subscriptionIdentifier": "display-001;cam-001",
        "rtspUrl": "rtsp://user:pass@host/stream", "rtspTransport": "udp", "track": 1,
        "modelUrl": "http://host/models/vehicle.mpta?sig=1",
        "modelId": 101, "modelName": "Vehicle Detection",
        "cropX1": 100, "cropY1": 200, "cropX2": 300, "cropY2": 400}}));
    cms.send(&json!({"type": "unsubscribe",
        "payload": {"subscriptionIdentifier": "display-001;cam-001"}}));

    let id = SubscriptionId::new("display-001;cam-001");
    let url = |text| SecretUrl::parse(text).unwrap();
    let expected = [
        Command::SetSession {
            display: DisplayId::new("display-001"),
            session: Some(ExternalId::Number(10_001)),
        },
        Command::Subscribe(Subscribe {
            id: id.clone(),
            camera: CameraSource::Stream {
                url: url("rtsp://user:pass@host/stream"),
                options: StreamOptions { transport: Transport::Udp, track: Some(1) },
            },
            model: ModelSource::Url(url("http://host/models/vehicle.mpta?sig=1")),
            model_name: Arc::from("Vehicle Detection"),
            model_id: ExternalId::Number(101),
            crop_in_frame: Some(Crop { x1: 100, y1: 200, x2: 300, y2: 400 }),
        }),
        Command::Unsubscribe(id),
    ];
    assert_eq!(engine.heard(3), expected);
}

#[test]
fn a_client_is_there_while_its_socket_is_open() {
    let engine = Engine::start();
    let cms = engine.connect();
    engine.wait_for(client);
    drop(cms);
    engine.wait_for(|world| client(world).is_none().then_some(()));
}

#[test]
fn what_the_world_refuses_is_answered() {
    let engine = Engine::start();
    let mut cms = engine.connect();
    let client = engine.wait_for(client);
    engine.tell(move |world| {
        let refusal = Refusal {
            code: RefusalCode::LimitReached,
            message: "32 cameras are open".to_owned(),
            subscription: Some(SubscriptionId::new("a;b")),
        };
        world.write_message(Refused { client, refusal });
    });
    let expected = json!({"type": "error", "code": "limit_reached",
        "message": "32 cameras are open", "subscriptionIdentifier": "a;b"});
    assert_eq!(cms.next_of("error"), expected);
    assert_eq!(engine.counts().refused, 1);
}

#[test]
fn everything_wrong_with_a_message_is_answered_at_once() {
    let engine = Engine::start();
    let mut cms = engine.connect();
    cms.send(&json!({"type": "subscribe", "payload": {
        "subscriptionIdentifier": "a;b", "rtspUrl": "rtsp://host/stream", "modelId": 1}}));
    let expected = json!({"type": "error", "code": "invalid_message",
        "message": "payload.modelUrl: missing; payload.modelName: missing",
        "subscriptionIdentifier": "a;b"});
    assert_eq!(cms.next_of("error"), expected);
}

#[test]
fn a_transport_that_is_none_is_answered_with_those_that_are() {
    let engine = Engine::start();
    let mut cms = engine.connect();
    cms.send(&json!({"type": "setSubscriptionList", "subscriptions": [{
        "subscriptionIdentifier": "a;b", "rtspUrl": "rtsp://host/stream", "rtspTransport": "TCP",
        "modelUrl": "http://host/a.mpta", "modelId": 1, "modelName": "m"}]}));
    let expected = json!({"type": "error", "code": "invalid_message",
        "message": "subscriptions[0].rtspTransport: \"TCP\", \
                    expected one of auto, tcp, udp, multicast, http"});
    assert_eq!(cms.next_of("error"), expected);
}

#[test]
fn silenced_errors_are_counted() {
    let engine = Engine::start_with(|config| config.errors = false);
    let mut cms = engine.connect();
    cms.send(&json!({"type": "levitate"}));
    cms.send(&json!({"type": "requestState"}));
    for _ in 0..2 {
        // The heartbeat at the start, and the one that was asked for.
        assert_eq!(cms.next()["type"], "stateReport");
    }
    assert_eq!(engine.counts().refused, 1);
}

#[test]
fn nothing_is_lost_while_the_engine_is_busy() {
    const COUNT: usize = 5_000;
    let engine = Engine::start_with(|config| config.messages_per_second = 1_000_000);
    let mut cms = engine.connect();
    let pause = engine.pause();
    let ids = || (0..COUNT).map(|number| format!("display;{number}"));
    for id in ids() {
        let payload: Value = json!({"subscriptionIdentifier": id});
        cms.send(&json!({"type": "unsubscribe", "payload": payload}));
    }
    drop(pause);
    let expected: Vec<_> = ids().map(|id| Command::Unsubscribe(SubscriptionId::new(id))).collect();
    assert_eq!(engine.heard(COUNT), expected);
}
