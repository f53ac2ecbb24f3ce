//! One connection of a client, from its first byte to its last.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinHandle;

use super::login::{self, Account, Nonce, Verdict};
use super::message::{self, Incoming, Reply};
use super::record::Request;
use super::route::{Route, Udp};
use super::stream::{Setup, Start, Stream, Writer};
use super::{Shared, sdp, tunnel};
use crate::fault::{
    Answer, BaseForm, DigestHash, End, KeepAlive, RtpInfoForm, Track, TransportForm,
};
use crate::random::Random;
use crate::script::Behaviour;

/// How many seconds a session is said to last without requests, when no fault says otherwise. Nothing
/// enforces it.
const TIMEOUT_SECS: u64 = 60;

/// Where bytes come from.
pub type Reader = Box<dyn AsyncRead + Send + Unpin>;

/// Serves a connection until one side closes it.
pub async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let number = shared.recorder.change(|record| {
        record.open += 1;
        record.connections += 1;
        record.connections
    });
    if let Err(error) = run(stream, &shared, number).await {
        tracing::debug!(connection = number, %error, "a connection ended");
    }
    shared.recorder.change(|record| record.open -= 1);
}

async fn run(stream: TcpStream, shared: &Arc<Shared>, number: u64) -> io::Result<()> {
    let active = shared.active();
    let open = shared.recorder.read(|record| record.open);
    if active.behaviour.max_connections.is_some_and(|most| open > most) {
        return Ok(());
    }
    stream.set_nodelay(true)?;
    let peer = stream.peer_addr()?;
    // A second handle: the first one is inside whatever wraps it.
    let stream = stream.into_std()?;
    let handle = stream.try_clone()?;
    let stream = TcpStream::from_std(stream)?;
    // Not `into_split`: its writer ends the connection in order when it is dropped, also where it is
    // to be reset.
    let (mut reader, writer): (Reader, Box<dyn AsyncWrite + Send + Unpin>) = match &active.identity
    {
        Some(identity) => {
            let (reader, writer) = tokio::io::split(identity.acceptor.accept(stream).await?);
            (Box::new(reader), Box::new(writer))
        }
        None => {
            let (reader, writer) = tokio::io::split(stream);
            (Box::new(reader), Box::new(writer))
        }
    };
    let mut buffer = BytesMut::new();
    if reader.read_buf(&mut buffer).await? == 0 {
        return Ok(());
    }
    let writer: Writer = Arc::new(Mutex::new(writer));
    let tunnel = active.behaviour.http_tunnel;
    let how = if tunnel.is_some() && tunnel::is_http(&buffer) {
        tunnel::serve(reader, writer, buffer, shared, number, peer).await?
    } else if tunnel == Some(true) {
        End::Close
    } else {
        converse(reader, writer, buffer, shared, number, peer).await?
    };
    if how == End::Reset {
        let socket = socket2::SockRef::from(&handle);
        socket.set_linger(Some(Duration::ZERO))?;
    } else {
        // The client may have done so already.
        let _ = handle.shutdown(std::net::Shutdown::Both);
    }
    Ok(())
}

/// Speaks RTSP until the end, and says how that is to be.
pub async fn converse(
    mut reader: Reader,
    writer: Writer,
    mut buffer: BytesMut,
    shared: &Arc<Shared>,
    number: u64,
    peer: SocketAddr,
) -> io::Result<End> {
    let (ended, mut over) = mpsc::channel(1);
    let mut client = Client::new(shared.clone(), writer, number, peer, ended);
    loop {
        loop {
            let invalid = |reason| io::Error::new(io::ErrorKind::InvalidData, reason);
            match message::take(&mut buffer).map_err(invalid)? {
                None => break,
                Some(Incoming::Interleaved) => {
                    shared.recorder.change(|record| record.reports_received += 1);
                }
                Some(Incoming::Request { method, url, headers }) => {
                    if client.request(&method, &url, headers).await?.is_break() {
                        return Ok(End::Close);
                    }
                }
            }
        }
        let deadline = client.deadline();
        let far = Duration::from_secs(3_600);
        let wake = deadline.unwrap_or_else(|| Instant::now() + far);
        tokio::select! {
            read = reader.read_buf(&mut buffer) => {
                if read? == 0 {
                    return Ok(End::Close);
                }
            }
            Some(how) = over.recv() => return Ok(how),
            () = tokio::time::sleep_until(wake.into()) => {
                if deadline.is_some() {
                    shared.recorder.change(|record| record.timed_out_sessions += 1);
                    return Ok(End::Close);
                }
            }
        }
    }
}

type Flow = std::ops::ControlFlow<()>;

/// What the camera knows of a client.
struct Client {
    shared: Arc<Shared>,
    writer: Writer,
    number: u64,
    peer: SocketAddr,
    ended: mpsc::Sender<End>,
    random: Random,
    session: String,
    nonce: Nonce,
    setups: Vec<Arc<Setup>>,
    start: Option<Start>,
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
    fn new(
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
    fn deadline(&self) -> Option<Instant> {
        let (after, _) = self.shared.behaviour().timeout?;
        self.playing.as_ref().map(|_| self.kept_alive + after)
    }

    async fn request(
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
            schemes.push(crate::fault::Scheme::Digest {
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

    async fn setup(
        &mut self,
        url: &str,
        headers: &BTreeMap<String, String>,
        behaviour: &Behaviour,
    ) -> io::Result<Reply> {
        let video = behaviour.tracks.iter().position(|&track| track == Track::Video);
        // Without a track in its address, the one that matters is meant.
        let index = track_of(url).or(video).unwrap_or(0);
        let Some(&track) = behaviour.tracks.get(index) else {
            return Ok(Reply::new(404));
        };
        let transport = headers.get("transport").map_or("", String::as_str);
        let mut offers = transport.split(',').map(str::trim);
        let (route, text) = loop {
            let Some(offer) = offers.next() else {
                let refusal = match behaviour.transport {
                    TransportForm::Udp406 => 406,
                    _ => 461,
                };
                return Ok(Reply::new(refusal));
            };
            if let Some(accepted) = self.accept(offer, index, behaviour).await? {
                break accepted;
            }
        };
        let start =
            *self.start.get_or_insert_with(|| Start::random(&mut self.random, behaviour.clock));
        let ssrc = if behaviour.wrong_ssrc { !start.ssrc } else { start.ssrc };
        let text = format!("{text};ssrc={ssrc:08X};mode=\"PLAY\"");
        self.setups.retain(|setup| setup.index != index);
        self.setups.push(Arc::new(Setup { track, index, route }));
        let timeout = behaviour.timeout.map_or(TIMEOUT_SECS, |(after, _)| after.as_secs().max(1));
        Ok(Reply::new(200)
            .with("Transport", text)
            .with("Session", format!("{};timeout={timeout}", self.session)))
    }

    /// Takes one of the transports that a client offers, or not.
    async fn accept(
        &self,
        offer: &str,
        index: usize,
        behaviour: &Behaviour,
    ) -> io::Result<Option<(Route, String)>> {
        let parameter = |name: &str| {
            offer.split(';').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
        };
        let pair = |name: &str| {
            let (first, second) = parameter(name)?.split_once('-')?;
            Some((first.trim().parse::<u16>().ok()?, second.trim().parse::<u16>().ok()?))
        };
        let (protocol, _) = offer.split_once(';').unwrap_or((offer, ""));
        let is = |name: &str| offer.split(';').any(|part| part.trim().eq_ignore_ascii_case(name));
        match protocol.trim().to_ascii_uppercase().as_str() {
            "RTP/AVP/TCP" => {
                if !matches!(behaviour.transport, TransportForm::Both | TransportForm::Tcp) {
                    return Ok(None);
                }
                let channel = |number: u16| u8::try_from(number).ok();
                let asked = pair("interleaved")
                    .and_then(|(data, control)| Some((channel(data)?, channel(control)?)));
                let next = (index as u8 * 2, index as u8 * 2 + 1);
                let (data, control) = match behaviour.channel {
                    Some(channel) => (channel, channel.saturating_add(1)),
                    None => asked.unwrap_or(next),
                };
                let mut text = "RTP/AVP/TCP;unicast".to_owned();
                if !behaviour.no_interleaved {
                    text += &format!(";interleaved={data}-{control}");
                }
                Ok(Some((Route::Tcp { data, control }, text)))
            }
            "RTP/AVP" | "RTP/AVP/UDP" if is("multicast") => {
                if behaviour.transport != TransportForm::Multicast {
                    return Ok(None);
                }
                let (udp, text) = Udp::multicast(self.shared.address.ip()).await?;
                Ok(Some((Route::Udp(udp), text)))
            }
            "RTP/AVP" | "RTP/AVP/UDP" => {
                let Some(ports) = pair("client_port") else { return Ok(None) };
                if matches!(behaviour.transport, TransportForm::Tcp | TransportForm::Multicast) {
                    return Ok(None);
                }
                let udp = Udp::new(self.shared.address.ip(), self.peer.ip(), ports).await?;
                let (rtp, rtcp) = udp.ports()?;
                let text = format!(
                    "RTP/AVP;unicast;client_port={}-{};server_port={rtp}-{rtcp}",
                    ports.0, ports.1
                );
                Ok(Some((Route::Udp(udp), text)))
            }
            _ => Ok(None),
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

/// The track that an address names, as [`sdp`] writes it.
fn track_of(url: &str) -> Option<usize> {
    let (_, rest) = url.rsplit_once("trackID=")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}
