//! One Redis server: how events are put to it, each once.
//!
//! A connection can break between a command and its answer, and then nobody can tell whether the
//! command was done. A picture may be saved twice, a message must not be published twice. So an event
//! goes to Redis as one script with a number: the script notes the number of the last event that was
//! done, and does nothing for a number that is not higher. An event whose answer was lost is sent
//! again with its number, and both copies together are done once, even if the first one arrives late.
//! What this cannot see is a Redis that forgot its notes by a restart: there the event is done again.
//!
//! A user who may not run the script, or not write its note, is served command by command. Then a
//! picture is sent again, and a message whose answer was lost is not: it is counted.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use detector_components::action::{Origin, Outcome};
use detector_components::model::RedisServer;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ErrorKind, IntoConnectionInfo,
    RedisConnectionInfo, RedisError, TlsCertificates,
};
use tracing::{debug, info, warn};
use uuid::Uuid;

use crate::courier::Away;
use crate::errand::{Command, Parcel};
use crate::ledger::Ledger;
use crate::plugin::ActConfig;
use crate::server::Server;

/// Runs an event's commands unless its number is done already.
///
/// `KEYS[1]` is where the number is noted. `ARGV`: the number, how long in milliseconds the note is
/// kept, then for each command the count of its words, and the words. Answers with an error or an
/// empty text for each command, or with nothing when they were done before.
const ONCE: &str = r"
local done = redis.call('GET', KEYS[1])
if done and tonumber(done) >= tonumber(ARGV[1]) then return false end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local answers = {}
local at = 3
while at <= #ARGV do
  local count = tonumber(ARGV[at])
  local answer = redis.pcall(unpack(ARGV, at + 1, at + count))
  answers[#answers + 1] = type(answer) == 'table' and answer.err or ''
  at = at + 1 + count
end
return answers
";
/// What the keys of the notes begin with.
const NOTES: &str = "detector-worker:done:";

/// The connection to one server.
pub struct RedisLink {
    server: RedisServer,
    tls_ca: Option<Bytes>,
    timeout: Duration,
    ledger: Ledger,
    connection: Option<MultiplexedConnection>,
    /// Where the number of the last event is noted.
    note: String,
    note_kept: Duration,
    numbered: u64,
    /// Whether the server was seen to refuse the script on this connection.
    plain: bool,
}

/// What came of a script.
enum Scripted {
    /// What each command said; empty when it was done.
    Answers(Vec<String>),
    /// All of it was done before, and its answer was lost.
    DoneBefore,
    /// The user may not run it.
    Forbidden,
}

impl RedisLink {
    pub fn new(server: &RedisServer, config: &ActConfig, ledger: &Ledger) -> Self {
        Self {
            server: server.clone(),
            tls_ca: config.tls_ca.clone(),
            timeout: config.timeout,
            ledger: ledger.clone(),
            connection: None,
            note: format!("{NOTES}{}", Uuid::new_v4()),
            // Longer than anything is sent again.
            note_kept: config.time_to_live * 2 + Duration::from_secs(60),
            numbered: 0,
            plain: false,
        }
    }

    /// Sends what is left of a parcel.
    pub async fn send(&mut self, parcel: &mut Parcel) -> Result<(), Away> {
        let sent = self.try_send(parcel).await;
        sent.map_err(|error| {
            self.connection = None;
            Away(reason(&error))
        })
    }

    async fn try_send(&mut self, parcel: &mut Parcel) -> Result<(), RedisError> {
        if self.connection.is_none() {
            self.connection = Some(connect(&self.server, self.tls_ca.clone(), self.timeout).await?);
            self.plain = false;
            info!(server = %self.name(), "connected to Redis");
        }
        if !self.plain {
            match self.send_once(parcel).await? {
                Scripted::Answers(answers) => {
                    for (command, fault) in parcel.commands.drain(..).zip(answers) {
                        self.note(&command, &parcel.origin, &fault);
                    }
                }
                Scripted::DoneBefore => {
                    debug!(server = %self.name(), "an event had been done, only its answer was lost");
                    for command in parcel.commands.drain(..) {
                        self.note(&command, &parcel.origin, "");
                    }
                }
                Scripted::Forbidden => {
                    warn!(server = %self.name(), "the user may not run scripts that write {NOTES}*: a \
                        message whose answer is lost with the connection will not be sent again");
                    self.plain = true;
                }
            }
        }
        self.send_plainly(parcel).await
    }

    /// Sends all of a parcel as one script.
    async fn send_once(&mut self, parcel: &mut Parcel) -> Result<Scripted, RedisError> {
        let number = *parcel.number.get_or_insert_with(|| {
            self.numbered += 1;
            self.numbered
        });
        let mut script = Cmd::new();
        script.arg("EVAL").arg(ONCE).arg(1).arg(&self.note);
        script.arg(number).arg(millis(self.note_kept));
        for command in &parcel.commands {
            let words = words(command);
            script.arg(words.len());
            for word in &words {
                script.arg(&word[..]);
            }
        }
        match self.query::<Option<Vec<String>>>(&script).await {
            Ok(Some(answers)) => Ok(Scripted::Answers(answers)),
            Ok(None) => Ok(Scripted::DoneBefore),
            Err(error) if is_forbidden(&error) => Ok(Scripted::Forbidden),
            Err(error) if is_away(&error) => Err(error),
            // The script as a whole is refused: each command would be.
            Err(error) => Ok(Scripted::Answers(vec![reason(&error); parcel.commands.len()])),
        }
    }

    /// Sends what is left of a parcel, one command after the other.
    async fn send_plainly(&mut self, parcel: &mut Parcel) -> Result<(), RedisError> {
        while let Some(command) = parcel.commands.pop_front() {
            let mut query = Cmd::new();
            for word in words(&command) {
                query.arg(&word[..]);
            }
            match self.query::<redis::Value>(&query).await {
                Ok(_) => self.note(&command, &parcel.origin, ""),
                Err(error) if !is_away(&error) => {
                    self.note(&command, &parcel.origin, &reason(&error));
                }
                Err(error) => {
                    let lost = !matches!(command, Command::Set { .. }) && may_be_done(&error);
                    if lost {
                        let (kind, why) = (command.kind(), reason(&error));
                        self.ledger.note_why(kind, &parcel.origin, Outcome::AnswerLost, why);
                    } else {
                        parcel.commands.push_front(command);
                    }
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    async fn query<T: redis::FromRedisValue>(&mut self, query: &Cmd) -> Result<T, RedisError> {
        let connection = self.connection.as_mut().expect("it was opened before");
        query.query_async(connection).await
    }

    fn note(&self, command: &Command, origin: &Arc<Origin>, fault: &str) {
        let kind = command.kind();
        if fault.is_empty() {
            self.ledger.note(kind, origin, Outcome::Executed);
        } else {
            let Origin { subscription, model_name, node } = &**origin;
            warn!(server = %self.name(), action = kind.as_str(), reason = fault,
                subscription = %subscription, model = %model_name, %node, "Redis refused an action");
            self.ledger.note_why(kind, origin, Outcome::Refused, fault);
        }
    }

    fn name(&self) -> Server {
        Server::Redis(self.server.clone())
    }
}

async fn connect(
    server: &RedisServer,
    tls_ca: Option<Bytes>,
    timeout: Duration,
) -> Result<MultiplexedConnection, RedisError> {
    let mut settings = RedisConnectionInfo::default().set_db(server.db);
    if let Some(username) = &server.username {
        settings = settings.set_username(username);
    }
    if let Some(password) = &server.password {
        settings = settings.set_password(password.expose());
    }
    let (host, port) = (server.host.clone(), server.port);
    let address = if server.tls {
        // Whoever comes first installs it; they are all the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(host, port)
    };
    let info = address.into_connection_info()?.set_redis_settings(settings);
    let client = match tls_ca.filter(|_| server.tls) {
        Some(ca) => {
            let certificates = TlsCertificates { client_tls: None, root_cert: Some(ca.into()) };
            Client::build_with_tls(info, certificates)?
        }
        None => Client::open(info)?,
    };
    let limits = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(timeout))
        .set_response_timeout(Some(timeout));
    client.get_multiplexed_async_connection_with_config(&limits).await
}

/// A command as Redis reads it.
fn words(command: &Command) -> Vec<Cow<'_, [u8]>> {
    let text = |text: &'_ str| Cow::Owned(text.as_bytes().to_vec());
    let number = |number: u64| Cow::Owned(number.to_string().into_bytes());
    match command {
        Command::Set { key, value, expire } => {
            let mut words = vec![text("SET"), text(key), Cow::Borrowed(&value[..])];
            if let Some(expire) = expire {
                words.extend([text("PX"), number(millis(*expire))]);
            }
            words
        }
        Command::Publish { channel, message } => {
            vec![text("PUBLISH"), text(channel), text(message)]
        }
        Command::StreamAdd { stream, entry, max_len } => {
            let mut words = vec![text("XADD"), text(stream)];
            if let Some(max_len) = max_len {
                words.extend([text("MAXLEN"), text("~"), number(*max_len)]);
            }
            words.push(text("*"));
            for (field, value) in entry {
                words.extend([text(field), text(value)]);
            }
            words
        }
        // Rows go to another kind of server.
        Command::WriteRow(_) => Vec::new(),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Whether the server did not get to do the command, rather than refusing it.
fn is_away(error: &RedisError) -> bool {
    /// What servers say that are there and not ready, or full.
    const NOT_NOW: [&str; 10] = [
        "LOADING",
        "MASTERDOWN",
        "NOAUTH",
        "READONLY",
        "TRYAGAIN",
        "CLUSTERDOWN",
        "BUSY",
        "OOM",
        "MISCONF",
        "NOREPLICAS",
    ];
    error.is_io_error()
        || error.is_timeout()
        || error.is_connection_dropped()
        || error.is_connection_refusal()
        || matches!(error.kind(), ErrorKind::AuthenticationFailed)
        || error.code().is_some_and(|code| NOT_NOW.contains(&code))
}

/// Whether the server may have done the command though it did not say so.
fn may_be_done(error: &RedisError) -> bool {
    error.code().is_none() && !error.is_connection_refusal()
}

/// Whether the user may not run scripts, or not with this key; or the server knows none.
fn is_forbidden(error: &RedisError) -> bool {
    let detail = error.detail().unwrap_or_default();
    error.code() == Some("NOPERM") || detail.starts_with("unknown command")
}

/// Why, without what was sent.
fn reason(error: &RedisError) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {}", error.category(), without_words(detail)),
        None => error.category().to_owned(),
    }
}

/// What Redis says of a command that it does not know ends with the command's first words.
fn without_words(detail: &str) -> &str {
    detail.split_once(", with args").map_or(detail, |(said, _)| said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_holds_nothing_of_what_was_sent() {
        let said = "unknown command 'XADD', with args beginning with: 'cars' '*' 'plate' 'AB 12' ";
        let error = RedisError::from((ErrorKind::UnexpectedReturnType, "refused", said.to_owned()));
        assert!(reason(&error).ends_with(": unknown command 'XADD'"), "{}", reason(&error));
    }
}
