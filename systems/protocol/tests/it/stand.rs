//! An engine that only has this stage, and a CMS to talk to it through.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use detector_components::clock::{Clock, Timepiece};
use detector_components::command::{ClientCommand, Command};
use detector_components::pass::Finished;
use detector_components::stage::{Deliver, StagePlugin, StageSystems};
use detector_components::wake::{Reasons, Sleeper, Wake, wake};
use detector_protocol::{
    ProtocolConfig, ProtocolCounters, ProtocolCounts, ProtocolPlugin, ProtocolServer,
};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// The longest that anything in a test may take. Reaching it is a failure.
pub const PATIENCE: Duration = Duration::from_secs(20);

type Step = Box<dyn FnOnce(&mut World) + Send>;

/// Commands that arrived where `subscribe` would read them.
#[derive(Resource, Default)]
pub struct Heard(pub Vec<ClientCommand>);

/// An engine in a thread of its own. Its clock stands still unless it is moved.
pub struct Engine {
    pub address: SocketAddr,
    pub timepiece: Timepiece,
    pub runtime: Runtime,
    wake: Wake,
    steps: mpsc::Sender<Step>,
    thread: Option<JoinHandle<()>>,
}

impl Engine {
    pub fn start() -> Self {
        Self::start_with(|_| {})
    }

    pub fn start_with(change: impl FnOnce(&mut ProtocolConfig)) -> Self {
        Self::start_beside(change, |_| {})
    }

    /// An engine with more than this stage.
    pub fn start_beside(
        change: impl FnOnce(&mut ProtocolConfig),
        more: impl FnOnce(&mut App) + Send + 'static,
    ) -> Self {
        let mut config = ProtocolConfig {
            listen: "127.0.0.1:0".to_owned(),
            worker_id: "worker-1".to_owned(),
            ..ProtocolConfig::default()
        };
        change(&mut config);
        let runtime = Runtime::new().unwrap();
        let (wake, sleeper) = wake();
        let timepiece = Timepiece::manual();
        let server =
            ProtocolServer::bind(config, runtime.handle(), timepiece.clone(), wake.clone())
                .unwrap();
        let address = server.local_addr();
        let (steps, todo) = mpsc::channel();
        let time = timepiece.clone();
        let thread = thread::spawn(move || {
            let mut app = app(server);
            more(&mut app);
            run(app, &time, &sleeper, &todo);
        });
        Self { address, timepiece, runtime, wake, steps, thread: Some(thread) }
    }

    /// Lets the engine's thread do something, then run once.
    pub fn tell(&self, step: impl FnOnce(&mut World) + Send + 'static) {
        self.steps.send(Box::new(step)).unwrap();
        self.wake.call(Reasons::DELIVERY);
    }

    /// Asks the world something.
    pub fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut World) -> T + Send + 'static,
    ) -> T {
        let (answer, answered) = mpsc::channel();
        self.tell(move |world| answer.send(question(world)).unwrap());
        answered.recv_timeout(PATIENCE).expect("an answer of the world in time")
    }

    /// Asks the world again and again until the answer is some.
    #[track_caller]
    pub fn wait_for<T: Send + 'static>(
        &self,
        question: impl Fn(&mut World) -> Option<T> + Clone + Send + 'static,
    ) -> T {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(answer) = self.ask(question.clone()) {
                return answer;
            }
        }
        panic!("the world did not become so in time");
    }

    /// The first commands that arrived, once there are that many.
    #[track_caller]
    pub fn heard(&self, count: usize) -> Vec<Command> {
        self.wait_for(move |world| {
            let heard = &world.resource::<Heard>().0;
            let commands = || heard.iter().map(|heard| heard.command.clone()).collect();
            (heard.len() >= count).then(commands)
        })
    }

    pub fn counts(&self) -> ProtocolCounts {
        self.ask(|world| world.resource::<ProtocolCounters>().counts())
    }

    /// Keeps the engine from running until the answer is dropped.
    pub fn pause(&self) -> mpsc::Sender<()> {
        let (go_on, gone_on) = mpsc::channel();
        let (stand, stood) = mpsc::channel();
        self.tell(move |_| {
            stand.send(()).unwrap();
            // An error is what ends the pause.
            let _ = gone_on.recv();
        });
        stood.recv_timeout(PATIENCE).expect("a pause in time");
        go_on
    }

    pub fn advance(&self, millis: u64) {
        self.timepiece.advance(Duration::from_millis(millis));
        self.wake.call(Reasons::DELIVERY);
    }

    pub fn connect(&self) -> Cms<'_> {
        self.connect_to("/").unwrap()
    }

    pub fn connect_to(&self, path: &str) -> Result<Cms<'_>, tungstenite::Error> {
        self.connect_from(path, None)
    }

    /// A client that is a page in a browser, if an origin is given.
    pub fn connect_from(
        &self,
        path: &str,
        origin: Option<&str>,
    ) -> Result<Cms<'_>, tungstenite::Error> {
        let mut url = format!("ws://{}{path}", self.address).into_client_request()?;
        if let Some(origin) = origin {
            url.headers_mut().insert("origin", origin.parse().unwrap());
        }
        // Two small messages in a row must not wait for an acknowledgement of the first.
        let connecting = tokio_tungstenite::connect_async_with_config(url, None, true);
        let (socket, _) = self.runtime.block_on(connecting)?;
        Ok(Cms { engine: self, socket })
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.wake.call(Reasons::EXIT);
        let ended = self.thread.take().expect("taken here only").join();
        if !thread::panicking() {
            ended.unwrap();
        }
    }
}

fn app(server: ProtocolServer) -> App {
    let mut app = App::empty();
    app.add_plugins((StagePlugin, ProtocolPlugin { server }))
        .init_resource::<Clock>()
        .init_resource::<Heard>()
        .add_systems(
            Deliver,
            (hear.in_set(StageSystems::Subscribe), clear_finished.after(StageSystems::Publish)),
        );
    app
}

fn hear(mut asked: MessageReader<ClientCommand>, mut heard: ResMut<Heard>) {
    heard.0.extend(asked.read().cloned());
}

fn clear_finished(passes: Query<Entity, With<Finished>>, mut commands: Commands) {
    for pass in &passes {
        commands.entity(pass).despawn();
    }
}

fn run(mut app: App, timepiece: &Timepiece, sleeper: &Sleeper, todo: &mpsc::Receiver<Step>) {
    app.finish();
    app.cleanup();
    let world = app.world_mut();
    while !sleeper.wait(PATIENCE).contains(Reasons::EXIT) {
        loop {
            let step = todo.try_recv();
            let last = step.is_err();
            if let Ok(step) = step {
                step(world);
            }
            let mut clock = world.resource_mut::<Clock>();
            clock.now = timepiece.now();
            clock.run += 1;
            world.run_schedule(Deliver);
            world.clear_trackers();
            if last {
                break;
            }
        }
    }
}

/// A CMS: a WebSocket client that waits for what it expects.
pub struct Cms<'a> {
    engine: &'a Engine,
    pub socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Cms<'_> {
    pub fn send(&mut self, message: &Value) {
        self.send_raw(Message::text(message.to_string()));
    }

    pub fn send_raw(&mut self, message: Message) {
        self.engine.runtime.block_on(self.socket.send(message)).unwrap();
    }

    /// The next message of any kind. None when the socket was closed.
    #[track_caller]
    pub fn next_raw(&mut self) -> Option<Message> {
        let next = async { tokio::time::timeout(PATIENCE, self.socket.next()).await };
        let message = self.engine.runtime.block_on(next).expect("a message in time");
        message.and_then(Result::ok)
    }

    /// The next message of the protocol.
    #[track_caller]
    pub fn next(&mut self) -> Value {
        loop {
            match self.next_raw().expect("an open socket") {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                _ => continue,
            }
        }
    }

    /// The next message of a type; others are left out.
    #[track_caller]
    pub fn next_of(&mut self, wanted: &str) -> Value {
        loop {
            let message = self.next();
            if message["type"] == wanted {
                return message;
            }
        }
    }
}
