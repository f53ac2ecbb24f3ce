//! Guarded clients, against hosts on loopback whose certificates are like those of cameras.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use detector_reach::{Doubt, Fingerprint, Reach, guard, tls_fault};
use rcgen::{CertificateParams, CertifiedKey, KeyPair, date_time_ymd, generate_simple_self_signed};
use reqwest::Client;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use url::Url;

/// What a host shows, and the key that it has.
#[derive(Clone)]
struct Identity {
    certificate: CertificateDer<'static>,
    key: Arc<KeyPair>,
}

impl Identity {
    fn of_itself(names: &[&str]) -> Self {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
        Self { certificate: cert.der().clone(), key: Arc::new(signing_key) }
    }

    fn with(change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        Self { certificate: params.self_signed(&key).unwrap().der().clone(), key: Arc::new(key) }
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.certificate)
    }
}

/// Shows a certificate, whether its key is the right one or not.
#[derive(Debug)]
struct Shown(Arc<sign::CertifiedKey>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<sign::CertifiedKey>> {
        Some(self.0.clone())
    }
}

/// A web server that shows this certificate, for as long as the test runs.
fn start_server(identity: &Identity) -> SocketAddr {
    let key = PrivateKeyDer::try_from(identity.key.serialize_der()).unwrap();
    let key = ring::sign::any_supported_type(&key).unwrap();
    let shown = sign::CertifiedKey::new(vec![identity.certificate.clone()], key);
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Shown(Arc::new(shown))));
    let (config, listener) = (Arc::new(config), TcpListener::bind(("127.0.0.1", 0)).unwrap());
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(config.clone()).unwrap();
            let mut stream = StreamOwned::new(connection, stream.unwrap());
            // Who does not take the certificate goes.
            if stream.read(&mut [0; 4_096]).is_ok_and(|read| read > 0) {
                let _ = stream.write_all(
                    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok",
                );
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    address
}

/// What a client under these rules gets from a host, or why not.
fn fetch(rules: &[&str], url: &str) -> Result<String, String> {
    let tls = rules.iter().map(|rule| rule.parse().unwrap()).collect();
    let reach = Reach { tls, ..Reach::cameras() };
    let _ = ring::default_provider().install_default();
    let client = guard(Client::builder().no_proxy(), &reach).build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let answer = client.get(url).send().await.map_err(|error| {
            tls_fault(&error).map_or_else(|| format!("{error:?}"), |fault| fault.to_string())
        })?;
        answer.text().await.map_err(|error| error.to_string())
    })
}

/// What is said about a host's certificate when it is verified.
#[track_caller]
fn check(identity: &Identity, host: &str, expected: &str) {
    let address = start_server(identity);
    let fault = fetch(&[], &format!("https://{host}:{}/", address.port())).unwrap_err();
    let print = identity.fingerprint();
    assert_eq!(fault, format!("its certificate {expected} (SHA-256 {print})"));
}

#[test]
fn what_is_wrong_with_a_certificate_is_said() {
    check(&Identity::of_itself(&["127.0.0.1"]), "127.0.0.1", "is self-signed");
    check(&Identity::of_itself(&["localhost"]), "localhost", "is self-signed");
    let authority = Identity::with(|params| {
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    });
    check(&authority, "127.0.0.1", "is self-signed");
    let early = Identity::with(|params| params.not_before = date_time_ymd(2999, 1, 1));
    check(&early, "127.0.0.1", "is not valid yet, by the clock of this machine");
}

#[test]
fn an_old_certificate_is_said_to_be_old() {
    let old = Identity::with(|params| {
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
    });
    let address = start_server(&old);
    let fault = fetch(&[], &format!("https://{address}/")).unwrap_err();
    assert!(fault.starts_with("its certificate expired "), "{fault}");
    assert!(fault.contains(" days ago (SHA-256 "), "{fault}");
}

#[test]
fn a_certificate_of_an_unknown_authority_is_told_from_a_self_signed_one() {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, "nobody");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = rcgen::Issuer::new(params, key);
    let own = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&own, &authority).unwrap().der().clone();
    let signed = Identity { certificate, key: Arc::new(own) };
    check(&signed, "127.0.0.1", "is signed by an authority that this machine does not know");
}

#[test]
fn a_pinned_certificate_is_taken_and_no_other() {
    let (right, wrong) = (Identity::of_itself(&["camera"]), Identity::of_itself(&["camera"]));
    let rule = format!("127.0.0.1=pin:{}", right.fingerprint());
    let url = |identity| format!("https://{}/", start_server(identity));
    assert_eq!(fetch(&[&rule], &url(&right)).as_deref(), Ok("ok"));
    let fault = fetch(&[&rule], &url(&wrong)).unwrap_err();
    let print = wrong.fingerprint();
    assert_eq!(fault, format!("its certificate is not the pinned one (SHA-256 {print})"));
}

#[test]
fn a_host_that_is_trusted_may_show_any_certificate() {
    let old = Identity::with(|params| params.not_after = date_time_ymd(2001, 1, 1));
    let address = start_server(&old);
    assert_eq!(fetch(&["127.0.0.0/8=accept"], &format!("https://{address}/")).as_deref(), Ok("ok"));
    // Nobody else is.
    let by_name = format!("https://localhost:{}/", address.port());
    assert!(fetch(&["127.0.0.0/8=accept"], &by_name).is_err());
}

#[test]
fn somebody_elses_certificate_is_no_proof() {
    let (own, other) = (Identity::of_itself(&["camera"]), Identity::of_itself(&["camera"]));
    let stolen = Identity { certificate: other.certificate.clone(), key: own.key };
    let address = start_server(&stolen);
    for rule in ["*=accept".to_owned(), format!("*=pin:{}", other.fingerprint())] {
        let fault = fetch(&[&rule], &format!("https://{address}/")).unwrap_err();
        assert_eq!(fault, "it does not prove that its certificate is its own");
    }
}

#[test]
fn what_is_no_tls_is_said() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.unwrap().write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let fault = fetch(&[], &format!("https://{address}/")).unwrap_err();
    assert_eq!(fault, "what it speaks is not TLS");
}

#[test]
fn a_certificate_is_looked_at_without_being_taken() {
    let own = Identity::of_itself(&["camera"]);
    let address = start_server(&own);
    let url = Url::parse(&format!("https://{address}/")).unwrap();
    let patience = Duration::from_secs(30);
    let shown = Reach::cameras().inspect(&url, address, patience).unwrap();
    assert_eq!(shown.fingerprint, own.fingerprint());
    assert_eq!(shown.fault.unwrap().doubt, Doubt::SelfSigned);

    let rule = format!("127.0.0.1=pin:{}", own.fingerprint()).parse().unwrap();
    let pinned = Reach { tls: vec![rule], ..Reach::cameras() };
    assert_eq!(pinned.inspect(&url, address, patience).unwrap().fault, None);
}
