//! SETUP: which transports a camera accepts, and what it says about them.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::client::Client;
use super::message::Reply;
use super::route::{Route, Udp};
use super::stream::{Setup, Start};
use crate::fault::{Track, TransportForm};
use crate::script::Behaviour;

/// How many seconds a session is said to last without requests, when no fault says otherwise. Nothing
/// enforces it.
const TIMEOUT_SECS: u64 = 60;

impl Client {
    /// Answers a SETUP.
    pub async fn setup(
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
}

/// The track that an address names, as [`sdp`] writes it.
fn track_of(url: &str) -> Option<usize> {
    let (_, rest) = url.rsplit_once("trackID=")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}
