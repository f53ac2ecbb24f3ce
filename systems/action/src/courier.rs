//! Who carries errands to one Redis server.

use std::sync::Arc;
use std::time::Duration;

use detector_components::model::RedisServer;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, IntoConnectionInfo,
    RedisConnectionInfo, RedisError,
};
use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::counters::ActionCounters;
use crate::errand::{Command, Errand, Parcel};
use crate::plugin::ActConfig;
use crate::queue::Queue;

/// Encodes the pictures of errands in the order they come, and queues them for the server, until no
/// more can come.
pub async fn pack(
    mut errands: mpsc::Receiver<Errand>,
    queue: Arc<Queue>,
    counters: ActionCounters,
) {
    while let Some(errand) = errands.recv().await {
        let steps = errand.steps.len();
        let packed = tokio::task::spawn_blocking(move || errand.packed()).await;
        match packed {
            Ok(Ok(parcel)) => {
                for _ in 0..queue.put(parcel) {
                    counters.crowded_out();
                }
            }
            Ok(Err(error)) => {
                warn!(%error, "an action's picture was not encoded");
                counters.failed(steps);
            }
            Err(error) => {
                warn!(%error, "encoding an action's picture failed");
                counters.failed(steps);
            }
        }
    }
    queue.close();
}

/// Sends what is queued, oldest first, until the queue is closed and empty.
///
/// While the server is away it waits and tries again, for ever; what has waited for too long then is
/// dropped and counted. A command whose answer was lost with the connection is sent again: Redis may
/// see it twice.
pub async fn deliver(
    server: RedisServer,
    queue: Arc<Queue>,
    config: ActConfig,
    counters: ActionCounters,
) {
    let mut connection = None;
    let mut pause = config.reconnect_base;
    while let Some(mut parcel) = queue.next().await {
        if parcel.since.elapsed() > config.time_to_live {
            counters.expired();
            continue;
        }
        match send(&server, &mut connection, &mut parcel, &config, &counters).await {
            Ok(()) => pause = config.reconnect_base,
            Err(error) => {
                if connection.take().is_some() || pause == config.reconnect_base {
                    warn!(server = %address(&server), reason = %reason(&error),
                        "Redis is away; what is sent to it waits");
                }
                queue.put_back(parcel);
                tokio::time::sleep(jittered(pause)).await;
                pause = (pause * 2).min(config.reconnect_cap);
            }
        }
    }
}

/// Sends what is left of a parcel. What was answered is taken out of it.
async fn send(
    server: &RedisServer,
    connection: &mut Option<MultiplexedConnection>,
    parcel: &mut Parcel,
    config: &ActConfig,
    counters: &ActionCounters,
) -> Result<(), RedisError> {
    while let Some(command) = parcel.commands.first() {
        let connection = match connection {
            Some(connection) => connection,
            None => {
                let opened = connect(server, config.timeout).await?;
                info!(server = %address(server), "connected to Redis");
                connection.insert(opened)
            }
        };
        let answer = query(command).query_async::<redis::Value>(connection).await;
        match answer {
            Ok(_) => counters.executed(),
            Err(error) if is_away(&error) => return Err(error),
            Err(error) => {
                // The server understood and does not want it: it would not next time either.
                warn!(server = %address(server), reason = %reason(&error), "Redis refused an action");
                counters.failed(1);
            }
        }
        parcel.commands.remove(0);
    }
    Ok(())
}

async fn connect(
    server: &RedisServer,
    timeout: Duration,
) -> Result<MultiplexedConnection, RedisError> {
    let mut settings = RedisConnectionInfo::default().set_db(server.db);
    if let Some(username) = &server.username {
        settings = settings.set_username(username);
    }
    if let Some(password) = &server.password {
        settings = settings.set_password(password.expose());
    }
    let address = ConnectionAddr::Tcp(server.host.clone(), server.port);
    let info = address.into_connection_info()?.set_redis_settings(settings);
    let limits = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(timeout))
        .set_response_timeout(Some(timeout));
    Client::open(info)?.get_multiplexed_async_connection_with_config(&limits).await
}

fn query(command: &Command) -> redis::Cmd {
    match command {
        Command::Publish { channel, message } => {
            redis::cmd("PUBLISH").arg(channel).arg(message).to_owned()
        }
        Command::Set { key, value, expire } => {
            let mut set = redis::cmd("SET");
            set.arg(key).arg(&value[..]);
            if let Some(expire) = expire {
                set.arg("PX").arg(u64::try_from(expire.as_millis()).unwrap_or(u64::MAX));
            }
            set
        }
    }
}

/// Whether the server did not get to do the command, rather than refusing it.
fn is_away(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_timeout()
        || error.is_connection_dropped()
        || error.is_connection_refusal()
        || matches!(error.kind(), ErrorKind::AuthenticationFailed)
        || matches!(
            error.code(),
            Some("LOADING" | "MASTERDOWN" | "NOAUTH" | "READONLY" | "TRYAGAIN")
        )
}

/// Why, without what was sent.
fn reason(error: &RedisError) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.category()),
        None => error.category().to_owned(),
    }
}

fn address(server: &RedisServer) -> String {
    format!("{}:{}", server.host, server.port)
}

/// From half the pause to all of it, so that many workers do not return at once.
fn jittered(pause: Duration) -> Duration {
    let part = (uuid::Uuid::new_v4().as_u128() % 1_000) as f64 / 2_000.0;
    pause.mul_f64(0.5 + part)
}
