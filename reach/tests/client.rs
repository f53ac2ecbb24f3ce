//! Guarded clients, against a web server on loopback that redirects.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use detector_reach::{Reach, forbidden, guard};
use reqwest::Client;

/// A web server that answers every request with `answer`, for as long as the test runs.
fn start_server(host: &str, answer: String) -> SocketAddr {
    let listener = TcpListener::bind((host, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // Requests of these tests come in one piece.
            let _ = stream.read(&mut [0; 4_096]);
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    address
}

fn ok() -> String {
    "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok".to_owned()
}

fn moved(to: &str) -> String {
    format!(
        "HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    )
}

/// What a guarded client gets at `url`, or why not.
fn fetch(reach: &Reach, url: &str) -> Result<String, String> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = guard(Client::builder().no_proxy(), reach).build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let answer = client.get(url).send().await.map_err(|error| {
            forbidden(&error).map_or_else(|| format!("{error:?}"), ToString::to_string)
        })?;
        answer.text().await.map_err(|error| error.to_string())
    })
}

fn only(network: &str) -> Reach {
    Reach { networks: vec![network.parse().unwrap()], ..Reach::models() }
}

#[test]
fn what_may_be_reached_is() {
    let there = start_server("127.0.0.1", ok());
    let moved = start_server("127.0.0.1", moved(&format!("http://{there}/elsewhere")));
    assert_eq!(fetch(&Reach::models(), &format!("http://{moved}/")).as_deref(), Ok("ok"));
    let by_name = format!("http://localhost:{}/", there.port());
    assert_eq!(fetch(&only("127.0.0.0/8"), &by_name).as_deref(), Ok("ok"));
}

#[test]
fn a_redirect_to_where_nobody_may_go_is_not_followed() {
    let there = start_server("127.0.0.2", ok());
    let moved_away = start_server("127.0.0.1", moved(&format!("http://{there}/")));
    let refused = fetch(&only("127.0.0.1/32"), &format!("http://{moved_away}/"));
    assert_eq!(refused, Err("127.0.0.2 is in none of the allowed networks".to_owned()));

    let metadata = start_server("127.0.0.1", moved("http://169.254.169.254/latest/"));
    let refused = fetch(&Reach::models(), &format!("http://{metadata}/")).unwrap_err();
    assert!(refused.starts_with("169.254.169.254 is link-local"), "{refused}");

    let file = start_server("127.0.0.1", moved("file:///etc/passwd"));
    // Not even asked about: it is no address of the web. The redirect itself is the answer.
    assert_eq!(fetch(&Reach::models(), &format!("http://{file}/")).as_deref(), Ok(""));
}

#[test]
fn a_name_that_leads_elsewhere_is_not_followed() {
    let there = start_server("127.0.0.1", ok());
    let refused = fetch(&only("192.0.2.0/24"), &format!("http://localhost:{}/", there.port()));
    let refused = refused.unwrap_err();
    assert!(refused.ends_with("is in none of the allowed networks"), "{refused}");
}

#[test]
fn redirects_without_end_end() {
    // An address without a host is one of the same host.
    let round = start_server("127.0.0.1", moved("/again"));
    let refused = fetch(&Reach::models(), &format!("http://{round}/")).unwrap_err();
    assert!(refused.contains("more than 5 redirects"), "{refused}");
}
