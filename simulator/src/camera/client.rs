//! What a camera answers to a client.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use tokio::io::AsyncWriteExt;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::login::{self, Account, Nonce, Verdict};
use super::message::Reply;
use super::record::Request;
use super::stream::{Setup, Start, Stream, Writer};
use super::{Shared, sdp};
use crate::fault::{Answer, BaseForm, DigestHash, End, KeepAlive, RtpInfoForm, Scheme};
use crate::random::Random;
use crate::script::Behaviour;

/// What comes after a request: more of them, or the end of the connection.
pub type Flow = std::ops::ControlFlow<()>;

/// What the camera knows of a client.
pub struct Client {
    pub(super) shared: Arc<Shared>,
    writer: Writer,
    number: u64,
    pub(super) peer: SocketAddr,
    ended: mpsc::Sender<End>,
    pub(super) random: Random,
    pub(super) session: String,
    nonce: Nonce,
    pub(super) setups: Vec<Arc<Setup>>,
    pub(super) start: Option<Start>,
    playing: Option<Playing>,
    kept_alive: Instant,
}

/// A stream that ends when this is dropped.
struct Playing {
    task: JoinHandle<()>,
    shared: Arc<Shared>,
}

impl Playing {
    fn new(shared: Arc<Shared>, task: JoinHandle<()>) -> Self {
        shared.recorder.change(|record| record.playing += 1);
        Self { task, shared }
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        self.task.abort();
        self.shared.recorder.change(|record| record.playing -= 1);
    }
}

impl Client {
    pub fn new(
        shared: Arc<Shared>,
        writer: Writer,
        number: u64,
        peer: SocketAddr,
        ended: mpsc::Sender<End>,
    ) -> Self {
        let mut random = Random::new(shared.active().script.seed ^ number << 32);
        Self {
            session: format!("{:08X}", random.next() as u32),
            shared,
            writer,
            number,
            peer,
            ended,
            random,
            nonce: Nonce::default(),
            setups: Vec::new(),
            start: None,
            playing: None,
            kept_alive: Instant::now(),
        }
    }

    /// When the session ends if nothing is asked.
    pub fn deadline(&self) -> Option<Instant> {
        let (after, _) = self.shared.behaviour().timeout?;
        self.playing.as_ref().map(|_| self.kept_alive + after)
    }

    pub async fn request(
        &mut self,
        method: &str,
        url: &str,
        headers: BTreeMap<String, String>,
    ) -> io::Result<Flow> {
        let active = self.shared.active();
        let behaviour = &*active.behaviour;
        let sequence = headers.get("cseq").cloned().unwrap_or_default();
        self.shared.recorder.request(Request {
            connection: self.number,
            method: method.to_owned(),
            url: url.to_owned(),
            headers: headers.clone(),
            at: Instant::now(),
        });
        self.keep_alive(method, &headers, behaviour);
        if let Some(delay) = behaviour.delay(method) {
            tokio::time::sleep(delay).await;
        }
        match behaviour.answer(method) {
            Some(Answer::Status(status)) => {
                return self.reply(Reply::new(status), &sequence, behaviour).await;
            }
            Some(Answer::Ignore) => return Ok(Flow::Continue(())),
            Some(Answer::Close) => return Ok(Flow::Break(())),
            None => {}
        }
        if (method != "OPTIONS" || behaviour.auth_options)
            && let Some(refusal) = self.refuse(method, url, &headers)
        {
            return self.reply(refusal, &sequence, behaviour).await;
        }
        let reply = match method {
            "OPTIONS" => Reply::new(200).with("Public", public(behaviour)),
            "DESCRIBE" => {
                if behaviour.endless_header || behaviour.endless_body {
                    return self.never_end(&sequence, behaviour).await;
                }
                self.describe(url, behaviour)
            }
            "SETUP" => self.setup(url, &headers, behaviour).await?,
            "PLAY" => return self.play(url, &headers, &sequence, behaviour).await,
            "PAUSE" => {
                self.playing = None;
                self.in_session(&headers, Reply::new(200))
            }
            "TEARDOWN" => {
                let reply = self.in_session(&headers, Reply::new(200));
                self.playing = None;
                self.setups.clear();
                reply
            }
            "GET_PARAMETER" | "SET_PARAMETER" => self.in_session(&headers, Reply::new(200)),
            _ => Reply::new(501),
        };
        self.reply(reply, &sequence, behaviour).await
    }

    fn keep_alive(
        &mut self,
        method: &str,
        headers: &BTreeMap<String, String>,
        behaviour: &Behaviour,
    ) {
        let counts = match behaviour.timeout.map_or(KeepAlive::Any, |(_, counts)| counts) {
            KeepAlive::Any => true,
            KeepAlive::GetParameter => method == "GET_PARAMETER",
            KeepAlive::Options => method == "OPTIONS",
        };
        if self.playing.is_some() && counts && self.names_session(headers) {
            self.kept_alive = Instant::now();
            self.shared.recorder.change(|record| record.keep_alives += 1);
        }
    }

    fn names_session(&self, headers: &BTreeMap<String, String>) -> bool {
        let named = headers.get("session").map(|session| session.split(';').next());
        named.flatten().is_some_and(|session| session.trim() == self.session)
    }

    /// The reply, if the session is the right one.
    fn in_session(&self, headers: &BTreeMap<String, String>, reply: Reply) -> Reply {
        if self.setups.is_empty() || !self.names_session(headers) {
            return Reply::new(454);
        }
        reply.with("Session", self.session.clone())
    }

    /// The answer to a request whose login is not accepted.
    fn refuse(
        &mut self,
        method: &str,
        url: &str,
        headers: &BTreeMap<String, String>,
    ) -> Option<Reply> {
        let active = self.shared.active();
        let (script, behaviour) = (&active.script, &active.behaviour);
        let mut schemes = behaviour.auth.clone();
        if schemes.is_empty() {
            if !behaviour.refuse_login && behaviour.lock_after.is_none() {
                return None;
            }
            schemes.push(Scheme::Digest {
                hash: DigestHash::Md5,
                session: false,
                qop: false,
                named: true,
            });
        }
        let account =
            Account { user: &script.user, password: &script.password, realm: &script.realm };
        let header = headers.get("authorization").map(String::as_str);
        let life = behaviour.nonce_life;
        let mut verdict =
            login::check(header, &schemes, &account, &mut self.nonce, life, (method, url));
        let refused = self.shared.recorder.read(|record| record.refused_logins);
        let locked = behaviour.lock_after.is_some_and(|most| refused >= most);
        if verdict != Verdict::Missing && (locked || behaviour.refuse_login) {
            verdict = Verdict::Wrong;
        }
        match verdict {
            Verdict::Right => return None,
            Verdict::Wrong => self.shared.recorder.change(|record| record.refused_logins += 1),
            Verdict::Missing | Verdict::Stale => {}
        }
        if self.nonce.value.is_empty() || verdict == Verdict::Stale {
            let value = format!("{:016x}{:016x}", self.random.next(), self.random.next());
            self.nonce = Nonce::new(value);
        }
        let stale = verdict == Verdict::Stale;
        let challenges = login::challenges(&schemes, &script.realm, &self.nonce.value, stale);
        let reply = Reply::new(401);
        Some(challenges.into_iter().fold(reply, |reply, text| reply.with("WWW-Authenticate", text)))
    }

    fn describe(&self, url: &str, behaviour: &Behaviour) -> Reply {
        if let Some((to, code)) = &behaviour.redirect {
            let to = to.as_ref().map_or_else(|| url.to_owned(), url::Url::to_string);
            return Reply::new(*code).with("Location", to);
        }
        let viewers = self.shared.recorder.read(|record| record.playing);
        if behaviour.viewers.is_some_and(|most| viewers >= most) {
            return Reply::new(453);
        }
        let url = url.trim_end_matches('/');
        let without_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
        let base = match behaviour.content_base {
            BaseForm::Slash => Some(format!("{url}/")),
            BaseForm::NoSlash => Some(url.to_owned()),
            BaseForm::Missing => None,
            BaseForm::Empty => Some(String::new()),
            BaseForm::Relative => Some("/".to_owned()),
            BaseForm::NoScheme => Some(format!("{without_scheme}/")),
            BaseForm::OtherHost => Some("rtsp://192.0.2.10:554/stream0/".to_owned()),
        };
        let mut reply = Reply::new(200);
        if let Some(base) = base {
            reply = reply.with("Content-Base", base);
        }
        reply = reply.with("Content-Type", "application/sdp");
        if let Some(length) = behaviour.huge_length {
            return reply.with("Content-Length", length.to_string());
        }
        let (path, shown) = (path_of(url), self.shared.active().shown);
        let host = self.shared.address.to_string();
        reply.body = sdp::describe(url, &host, &shown.at(&path), shown.later.as_deref(), behaviour);
        reply
    }

    /// A reply to DESCRIBE without an end.
    async fn never_end(&self, sequence: &str, behaviour: &Behaviour) -> io::Result<Flow> {
        let head = format!("RTSP/1.0 200 OK\r\nCSeq: {sequence}\r\n");
        let (head, filler) = if behaviour.endless_header {
            (head, "X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n")
        } else {
            let body = "Content-Type: application/sdp\r\nContent-Length: 4294967295\r\n\r\nv=0\r\n";
            (head + body, "a=filler:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n")
        };
        let mut writer = self.writer.lock().await;
        writer.write_all(head.as_bytes()).await?;
        let filler = filler.repeat(512);
        loop {
            writer.write_all(filler.as_bytes()).await?;
            tokio::task::yield_now().await;
        }
    }

    async fn play(
        &mut self,
        url: &str,
        headers: &BTreeMap<String, String>,
        sequence: &str,
        behaviour: &Behaviour,
    ) -> io::Result<Flow> {
        let mut reply = self.in_session(headers, Reply::new(200));
        let Some(start) = self.start.filter(|_| reply.status == 200) else {
            return self.reply(reply, sequence, behaviour).await;
        };
        reply = reply.with("Range", "npt=now-");
        let said = match behaviour.rtp_info {
            RtpInfoForm::Right => Some((start.sequence, start.timestamp)),
            RtpInfoForm::Missing => None,
            RtpInfoForm::Zero => Some((0, 0)),
            RtpInfoForm::Wrong => {
                Some((start.sequence.wrapping_add(3_000), start.timestamp.wrapping_add(1 << 30)))
            }
            RtpInfoForm::Ahead => Some((start.sequence.wrapping_add(10), start.timestamp)),
            RtpInfoForm::Behind => Some((start.sequence.wrapping_sub(10), start.timestamp)),
        };
        if let Some((first, timestamp)) = said {
            let url = url.trim_end_matches('/');
            let tracks = self.setups.iter().map(|setup| {
                format!("url={url}/trackID={};seq={first};rtptime={timestamp}", setup.index)
            });
            reply = reply.with("RTP-Info", tracks.collect::<Vec<_>>().join(","));
        }
        if self.playing.is_some() {
            return self.reply(reply, sequence, behaviour).await;
        }
        self.kept_alive = Instant::now();
        if behaviour.early_rtp {
            let mut began = self.spawn(url, start);
            // It fails when the stream has ended; then the reply will fail, too.
            let _ = began.wait_for(|&began| began).await;
            return self.reply(reply, sequence, behaviour).await;
        }
        let flow = self.reply(reply, sequence, behaviour).await?;
        self.spawn(url, start);
        Ok(flow)
    }

    /// Starts the stream. What is given becomes true with its first picture.
    fn spawn(&mut self, url: &str, start: Start) -> watch::Receiver<bool> {
        let shown = self.shared.active().shown;
        let (began, first) = watch::channel(false);
        let stream = Stream {
            shared: self.shared.clone(),
            connection: self.number,
            writer: self.writer.clone(),
            setups: self.setups.clone(),
            shown: shown.at(&path_of(url)),
            later: shown.later.clone(),
            start,
            random: Random::new(self.random.next()),
            began,
        };
        let ended = self.ended.clone();
        let task = tokio::spawn(async move {
            if let Some(how) = stream.run().await
                && how != End::ByeOnly
            {
                // Nobody listens when the connection is gone.
                let _ = ended.send(how).await;
            }
        });
        self.playing = Some(Playing::new(self.shared.clone(), task));
        first
    }

    async fn reply(&self, reply: Reply, sequence: &str, behaviour: &Behaviour) -> io::Result<Flow> {
        let line_end = if behaviour.lf_only { "\n" } else { "\r\n" };
        let text = reply.write(sequence, line_end);
        let mut writer = self.writer.lock().await;
        writer.write_all(text.as_bytes()).await?;
        writer.flush().await?;
        Ok(Flow::Continue(()))
    }
}

fn public(behaviour: &Behaviour) -> &'static str {
    if behaviour.answer("GET_PARAMETER").is_some() {
        "OPTIONS, DESCRIBE, SETUP, TEARDOWN, PLAY, PAUSE"
    } else {
        "OPTIONS, DESCRIBE, SETUP, TEARDOWN, PLAY, PAUSE, GET_PARAMETER, SET_PARAMETER"
    }
}

/// The path and query of a request's address.
fn path_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or_else(|| "/".to_owned(), |at| rest[at..].to_owned())
}
