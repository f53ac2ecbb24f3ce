//! Clients say whatever comes to their minds, right and wrong, in any order, and come and go. What the
//! worker shows afterwards is what a simple model of the contract says, after each message.

use std::collections::{BTreeMap, BTreeSet};

use bevy_ecs::prelude::*;
use detector_components::client::Client;
use detector_components::display::{Display, ProgressionStage, Session, SessionValues};
use detector_components::subscription::Subscription;
use detector_subscribe::{SubscribeConfig, SubscribePlugin};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::stand::{Cms, Engine};

const CLIENTS: usize = 2;
const MAX_STREAMS: usize = 3;
const MAX_SUBSCRIPTIONS: usize = 5;

/// The content of a subscription: its camera, and whether it is cropped.
type Content = (u8, bool);

#[derive(Clone, Debug)]
enum Said {
    Subscribe(u8, Content),
    Unsubscribe(u8),
    List(BTreeMap<u8, Content>),
    /// With an entry of a wrong type in it.
    WrongList(BTreeMap<u8, Content>),
    Session(u8, Option<i64>),
    Stage(u8, Option<u8>),
    Patch(i64, u8, Option<u8>),
    Rubbish(Value),
    /// The client goes, and comes back.
    Reconnect,
}

fn any_said() -> impl Strategy<Value = Said> {
    let content = || (0..5_u8, any::<bool>());
    let list = || prop::collection::btree_map(0..7_u8, content(), 0..6);
    let rubbish = prop_oneof![
        Just(json!([])),
        Just(json!({"type": "levitate"})),
        Just(json!({"type": "subscribe", "payload": {"subscriptionIdentifier": "d0;s0"}})),
        Just(json!({"type": "setSessionId", "payload": {"displayIdentifier": "d0"}})),
        Just(json!({"type": "patchSession", "payload": {"sessionId": [], "data": 7}})),
    ];
    prop_oneof![
        6 => (0..7_u8, content()).prop_map(|(id, content)| Said::Subscribe(id, content)),
        2 => (0..7_u8).prop_map(Said::Unsubscribe),
        3 => list().prop_map(Said::List),
        1 => list().prop_map(Said::WrongList),
        2 => (0..3_u8, prop::option::of(1..3_i64)).prop_map(|(d, s)| Said::Session(d, s)),
        1 => (0..3_u8, prop::option::of(0..3_u8)).prop_map(|(d, s)| Said::Stage(d, s)),
        2 => (1..3_i64, 0..3_u8, prop::option::of(0..9_u8))
            .prop_map(|(session, key, value)| Said::Patch(session, key, value)),
        1 => rubbish.prop_map(Said::Rubbish),
        1 => Just(Said::Reconnect),
    ]
}

fn id(number: u8) -> String {
    format!("d{};s{number}", number % 3)
}

fn payload(number: u8, (camera, cropped): Content) -> Value {
    let mut payload = json!({
        "subscriptionIdentifier": id(number), "rtspUrl": format!("rtsp://camera-{camera}/"),
        "modelUrl": "http://host/a.mpta", "modelId": 7, "modelName": "m",
    });
    if cropped {
        for (name, side) in [("cropX1", 0), ("cropY1", 0), ("cropX2", 9), ("cropY2", 9)] {
            payload[name] = side.into();
        }
    }
    payload
}

impl Said {
    fn message(&self) -> Value {
        let named = |name: &str, payload: Value| json!({"type": name, "payload": payload});
        let entries = |list: &BTreeMap<u8, Content>| -> Vec<Value> {
            list.iter().map(|(number, content)| payload(*number, *content)).collect()
        };
        match self {
            Self::Subscribe(number, content) => named("subscribe", payload(*number, *content)),
            Self::Unsubscribe(number) => {
                named("unsubscribe", json!({"subscriptionIdentifier": id(*number)}))
            }
            Self::List(list) => {
                json!({"type": "setSubscriptionList", "subscriptions": entries(list)})
            }
            Self::WrongList(list) => {
                let mut entries = entries(list);
                entries.push(json!({"subscriptionIdentifier": 7}));
                named("setSubscriptionList", json!({"subscriptions": entries}))
            }
            Self::Session(display, session) => named(
                "setSessionId",
                json!({"displayIdentifier": format!("d{display}"), "sessionId": session}),
            ),
            Self::Stage(display, stage) => named(
                "setProgressionStage",
                json!({"displayIdentifier": format!("d{display}"),
                    "progressionStage": stage.map(|stage| stage.to_string())}),
            ),
            Self::Patch(session, key, value) => named(
                "patchSession",
                json!({"sessionId": session, "data": {key.to_string(): value}}),
            ),
            Self::Rubbish(message) => message.clone(),
            Self::Reconnect => Value::Null,
        }
    }
}

/// What the contract says that there is.
#[derive(Clone, Debug, Default, PartialEq)]
struct Expected {
    /// By identifier and owner: a client, or [`CLIENTS`] more when it went and left it behind.
    shown: BTreeMap<(u8, usize), Content>,
    sessions: BTreeMap<u8, i64>,
    values: BTreeMap<u8, BTreeMap<String, String>>,
    stages: BTreeMap<u8, String>,
}

impl Expected {
    /// Whether it is done. What is not done leaves everything as it was.
    fn hear(&mut self, client: usize, said: &Said) -> bool {
        match said {
            Said::Subscribe(number, content) => {
                self.settle(client, &BTreeMap::from([(*number, *content)]), false)
            }
            Said::List(list) => self.settle(client, list, true),
            Said::Unsubscribe(number) => {
                let owners = std::iter::once(client).chain(CLIENTS..2 * CLIENTS);
                owners.into_iter().any(|owner| self.shown.remove(&(*number, owner)).is_some())
            }
            Said::Session(display, session) => {
                if self.sessions.get(display) != session.as_ref() {
                    self.values.remove(display);
                }
                match session {
                    Some(session) => self.sessions.insert(*display, *session),
                    None => self.sessions.remove(display),
                };
                true
            }
            Said::Stage(display, stage) => {
                match stage {
                    Some(stage) => self.stages.insert(*display, stage.to_string()),
                    None => self.stages.remove(display),
                };
                true
            }
            Said::Patch(session, key, value) => {
                let running = self.sessions.iter().filter(|(_, own)| *own == session);
                for (display, _) in running {
                    let values = self.values.entry(*display).or_default();
                    match value {
                        Some(value) => values.insert(key.to_string(), value.to_string()),
                        None => values.remove(&key.to_string()),
                    };
                }
                // Whoever patches nothing is told so, but not by an error.
                true
            }
            Said::WrongList(_) | Said::Rubbish(_) => false,
            Said::Reconnect => {
                let left = |owner| if owner == client { CLIENTS + client } else { owner };
                let shown = std::mem::take(&mut self.shown).into_iter();
                self.shown =
                    shown.map(|((number, owner), held)| ((number, left(owner)), held)).collect();
                true
            }
        }
    }

    fn settle(&mut self, client: usize, wishes: &BTreeMap<u8, Content>, only: bool) -> bool {
        let mut after = self.shown.clone();
        for (number, content) in wishes {
            let others = (0..CLIENTS).filter(|other| *other != client);
            for other in others {
                if after.get(&(*number, other)).is_some_and(|held| held != content) {
                    return false;
                }
            }
            after.retain(|(held, owner), _| held != number || *owner < CLIENTS);
            after.insert((*number, client), *content);
        }
        if only {
            after.retain(|(number, owner), _| *owner != client || wishes.contains_key(number));
        }
        let cameras = |shown: &BTreeMap<_, Content>| {
            shown.values().map(|(camera, _)| *camera).collect::<BTreeSet<_>>().len()
        };
        if after.len() > MAX_SUBSCRIPTIONS.max(self.shown.len())
            || cameras(&after) > MAX_STREAMS.max(cameras(&self.shown))
        {
            return false;
        }
        self.shown = after;
        true
    }

    /// The identifiers of a report, with whether they are cropped.
    fn reported(&self) -> BTreeMap<String, bool> {
        self.shown.iter().map(|((number, _), (_, cropped))| (id(*number), *cropped)).collect()
    }
}

fn displays(engine: &Engine) -> Expected {
    engine.ask(|world| {
        let mut found = Expected::default();
        let mut displays = world.query::<(
            &Display,
            Option<&Session>,
            Option<&SessionValues>,
            Option<&ProgressionStage>,
        )>();
        for (display, session, values, stage) in displays.iter(world) {
            let name: u8 = display.id.as_str()[1..].parse().unwrap();
            if let Some(session) = session {
                found.sessions.insert(name, session.0.to_string().parse().unwrap());
            }
            if let Some(values) = values {
                let text = |text: &std::sync::Arc<str>| text.to_string();
                let values = values.0.iter().map(|(key, value)| (text(key), text(value)));
                found.values.insert(name, values.collect());
            }
            if let Some(stage) = stage {
                found.stages.insert(name, stage.0.to_string());
            }
        }
        found
    })
}

/// What is answered until a report that was asked for: whether there was an error, and the report.
fn answer(cms: &mut Cms) -> (bool, Value) {
    cms.send(&json!({"type": "requestState"}));
    let mut refused = false;
    loop {
        let message = cms.next();
        match message["type"].as_str() {
            Some("error") => refused = true,
            Some("stateReport") => return (refused, message),
            _ => {}
        }
    }
}

fn connect(engine: &Engine) -> Cms<'_> {
    let mut cms = engine.connect();
    cms.next_of("stateReport");
    cms
}

fn wait_for_clients(engine: &Engine, count: usize) {
    engine.wait_for(move |world| {
        (world.query::<&Client>().iter(world).count() == count).then_some(())
    });
}

fn check(engine: &Engine, sequence: &[(usize, Said)]) {
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| connect(engine)).collect();
    let mut expected = Expected::default();
    for (client, said) in sequence {
        let (client, mut after) = (*client, expected.clone());
        let done = after.hear(client, said);
        if done {
            expected = after;
        }
        let story = || format!("{said:?} of {client} in {sequence:#?}");
        if let Said::Reconnect = said {
            let gone = clients.remove(client);
            drop(gone);
            wait_for_clients(engine, CLIENTS - 1);
            clients.insert(client, connect(engine));
        } else {
            clients[client].send(&said.message());
        }
        let (refused, report) = answer(&mut clients[client]);
        assert_eq!(refused, !done, "{}", story());
        let entries = report["cameraConnections"].as_array().unwrap().iter();
        let reported: BTreeMap<String, bool> = entries
            .map(|entry| {
                let id = entry["subscriptionIdentifier"].as_str().unwrap().to_owned();
                (id, entry.get("cropX1").is_some())
            })
            .collect();
        assert_eq!(reported, expected.reported(), "{}", story());
        let mut found = displays(engine);
        found.values.retain(|_, values| !values.is_empty());
        expected.values.retain(|_, values| !values.is_empty());
        found.shown = expected.shown.clone();
        assert_eq!(found, expected, "{}", story());
    }
    // Everything ends: nothing is left for the next.
    for display in 0..3 {
        clients[0].send(&Said::Session(display, None).message());
        clients[0].send(&Said::Stage(display, None).message());
    }
    answer(&mut clients[0]);
    drop(clients);
    wait_for_clients(engine, 0);
    engine.advance(31_000);
    engine.wait_for(|world| {
        let mut left = world.query_filtered::<(), Or<(With<Subscription>, With<Display>)>>();
        (left.iter(world).count() == 0).then_some(())
    });
}

#[test]
fn a_thousand_sequences_leave_what_the_contract_says() {
    let engine = Engine::start_beside(
        |config| config.messages_per_second = 1_000_000,
        |app| {
            let config = SubscribeConfig {
                max_streams: MAX_STREAMS,
                max_subscriptions: MAX_SUBSCRIPTIONS,
                ..SubscribeConfig::default()
            };
            app.add_plugins(SubscribePlugin { config });
        },
    );
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 1_000,
        failure_persistence: None,
        max_shrink_iters: 0,
        ..ProptestConfig::default()
    });
    let sequence = prop::collection::vec((0..CLIENTS, any_said()), 1..12);
    let checked = runner.run(&sequence, |sequence| {
        check(&engine, &sequence);
        Ok(())
    });
    checked.unwrap();
}
