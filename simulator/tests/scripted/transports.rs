//! UDP, multicast, HTTP and TLS.

use std::net::UdpSocket;
use std::sync::Arc;

use detector_simulator::{Codec, NumberedScene, ScriptedCamera};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::gst_client::GstClient;
use super::raw_client::{RawClient, Rtp};
use super::{PATIENCE, camera};

const TCP: &str = "RTP/AVP/TCP;unicast;interleaved=0-1";
const UDP: &str = "RTP/AVP;unicast;client_port=50000-50001";

#[test]
fn transports_are_refused() {
    for (fault, tcp, udp) in [
        ("transport=both", 200, 200),
        ("transport=tcp", 200, 461),
        ("transport=udp", 461, 200),
        ("transport=udp406", 406, 200),
        ("transport=multicast", 461, 461),
    ] {
        let camera = camera(Codec::H264, &[fault]);
        assert_eq!(RawClient::connect(&camera).setup(TCP).status, tcp, "{fault}");
        assert_eq!(RawClient::connect(&camera).setup(UDP).status, udp, "{fault}");
        let both = format!("{UDP},{TCP}");
        let expected = tcp.min(udp);
        assert_eq!(RawClient::connect(&camera).setup(&both).status, expected, "{fault}");
    }
}

/// Watches over UDP by hand.
fn udp_packets(faults: &[&str], count: usize) -> (ScriptedCamera, Vec<Rtp>) {
    let camera = camera(Codec::H264, &[&["fps=50", "transport=udp"], faults].concat());
    let sockets = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
    let [rtp, rtcp] = sockets.each_ref().map(|socket| socket.local_addr().unwrap().port());
    sockets[0].set_read_timeout(Some(PATIENCE)).unwrap();
    let mut client = RawClient::connect(&camera);
    let reply = client.setup(&format!("RTP/AVP;unicast;client_port={rtp}-{rtcp}"));
    let transport = reply.header("Transport").unwrap();
    assert!(transport.contains("server_port="), "{transport}");
    assert_eq!(client.request("PLAY", &[]).status, 200);
    let mut buffer = [0; 2_048];
    let packets = (0..count).map(|_| {
        let bytes = sockets[0].recv(&mut buffer).unwrap();
        Rtp::read(0, &buffer[..bytes])
    });
    let packets = packets.collect();
    (camera, packets)
}

#[test]
fn datagrams_change_places_come_twice_or_not_at_all() {
    let steps = |packets: &[Rtp]| -> Vec<i16> {
        packets.windows(2).map(|p| p[1].sequence.wrapping_sub(p[0].sequence) as i16).collect()
    };
    let (_camera, packets) = udp_packets(&[], 50);
    assert!(steps(&packets).iter().all(|&step| step == 1));
    let (_camera, packets) = udp_packets(&["reorder=0.2"], 100);
    assert!(steps(&packets).iter().any(|&step| step < 0));
    let (_camera, packets) = udp_packets(&["duplicate=0.2"], 100);
    assert!(steps(&packets).contains(&0));
    let (camera, packets) = udp_packets(&["loss=0.1"], 100);
    assert!(steps(&packets).iter().any(|&step| step > 1));
    assert!(camera.record().packets_left_out > 0);
}

#[test]
fn gstreamer_watches_over_udp() {
    let camera = camera(Codec::H264, &["fps=50", "transport=udp", "reorder=0.1", "duplicate=0.1"]);
    let url = camera.url("/gate");
    let client = GstClient::watch_with(&url, Codec::H264, "protocols=udp latency=200");
    client.right_numbers(&NumberedScene::default(), 10);
}

#[test]
fn gstreamer_watches_a_group() {
    let camera = camera(Codec::H264, &["fps=50", "transport=multicast"]);
    let properties = "protocols=udp-mcast latency=200 multicast-iface=lo";
    let client = GstClient::watch_with(&camera.url("/gate"), Codec::H264, properties);
    client.right_numbers(&NumberedScene::default(), 5);
}

#[test]
fn gstreamer_watches_through_http() {
    for fault in ["http-tunnel", "http-tunnel=only"] {
        let camera = camera(Codec::H264, &["fps=50", fault, "auth=md5"]);
        let mut url = camera.url_with_login("/gate").to_string();
        url.replace_range(..4, "rtsph");
        let url = url::Url::parse(&url).unwrap();
        let client = GstClient::watch_with(&url, Codec::H264, "latency=0");
        client.right_numbers(&NumberedScene::default(), 5);
    }
}

#[test]
fn a_camera_speaks_http_only_where_it_is_said_to() {
    let tunnel = camera(Codec::H264, &["http-tunnel=only"]);
    let mut client = RawClient::connect(&tunnel);
    client.send("OPTIONS", "*", &[]);
    assert_eq!(client.packet(), None);

    let plain = camera(Codec::H264, &[]);
    let mut client = RawClient::connect(&plain);
    // RTSP has no such method.
    assert_eq!(client.request("GET", &[]).status, 501);
}

/// Connects by TLS. Gives why it fails.
fn secure(camera: &ScriptedCamera) -> Result<RawClient, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(camera.certificate().unwrap())).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::from(camera.address().ip());
    let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = std::net::TcpStream::connect(camera.address()).unwrap();
    while connection.is_handshaking() {
        if let Err(error) = connection.complete_io(&mut stream) {
            return Err(error.downcast::<rustls::Error>().unwrap());
        }
    }
    Ok(RawClient::over(Box::new(StreamOwned::new(connection, stream)), camera))
}

#[test]
fn a_camera_speaks_tls() {
    let camera = camera(Codec::H264, &["fps=50", "tls"]);
    assert_eq!(camera.url("/gate").scheme(), "rtsps");
    let mut client = secure(&camera).unwrap();
    client.start();
    assert_eq!(client.pictures(3).iter().filter(|packet| packet.marker).count(), 3);
}

#[test]
fn certificates_have_faults() {
    for (fault, expected) in [("tls=expired", "expired"), ("tls=other-name", "not valid for")] {
        let Err(error) = secure(&camera(Codec::H264, &[fault])) else { panic!("{fault}") };
        assert!(error.to_string().contains(expected), "{fault}: {error}");
    }
}
