//! Which certificates hosts may show.
//!
//! Nearly all cameras have certificates that they signed themselves. An operator says for each host
//! what is to be done: verify it as a browser does, expect one certificate, or accept any. Whatever is
//! chosen, the host must prove that it has the certificate's key.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use ipnet::IpNet;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore,
    SignatureScheme,
};
use sha2::{Digest, Sha256};

use crate::policy::{HostPattern, Reach};

/// What is done about a host's certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// An authority that this machine knows must have signed it, for this host and this day.
    #[default]
    Verify,
    /// It must be this one, whoever signed it, for whichever name and day.
    Pin(Fingerprint),
    /// Any will do.
    Accept,
}

/// The SHA-256 of a certificate as it is sent (DER). Written as 64 hexadecimal digits; read with or
/// without colons between bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

/// What is done about the certificates of hosts. Written as `HOST=TRUST`: a host's name or address,
/// `*.NAME` for every name below it, a network for the addresses in it, or `*` for all; and `verify`,
/// `accept` or `pin:SHA-256`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustRule {
    hosts: Hosts,
    trust: Trust,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    All,
    Named(HostPattern),
    In(IpNet),
}

/// What is wrong with a certificate, with its fingerprint so that it can be pinned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its certificate {doubt} (SHA-256 {fingerprint})")]
pub struct CertificateFault {
    /// What is wrong.
    pub doubt: Doubt,
    /// Of the certificate that the host showed.
    pub fingerprint: Fingerprint,
}

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// Its time is over.
    #[error("expired {0} days ago")]
    Expired(u64),
    /// Its time has not begun. Often one of the two clocks is wrong.
    #[error("is not valid yet, by the clock of this machine")]
    NotYetValid,
    /// The host signed it itself.
    #[error("is self-signed")]
    SelfSigned,
    /// Who signed it is not known to this machine.
    #[error("is signed by an authority that this machine does not know")]
    UnknownIssuer,
    /// It is somebody else's.
    #[error("is for another name than the address has")]
    WrongName,
    /// It is not the one that is expected here.
    #[error("is not the pinned one")]
    NotPinned,
    /// Anything else: it cannot be read, is meant for something else, or is signed as nobody should.
    #[error("is not acceptable")]
    Other,
}

impl Reach {
    /// How TLS is spoken to these hosts: with the trust that each of them has.
    pub fn tls(&self) -> Arc<ClientConfig> {
        Arc::new(config_of(Arc::new(Verifier::new(self))))
    }
}

pub(crate) fn config_of(verifier: Arc<dyn ServerCertVerifier>) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has what the default versions need")
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth()
}

/// Why a host's certificate is not taken, or why no TLS is spoken with it, if that is why something
/// failed.
pub fn tls_fault(error: &(dyn Error + 'static)) -> Option<TlsFault> {
    match causes(error).find_map(in_tls)? {
        rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(cause))) => {
            cause.downcast_ref::<CertificateFault>().cloned().map(TlsFault::Certificate)
        }
        rustls::Error::InvalidCertificate(_) => Some(TlsFault::Unproven),
        rustls::Error::PeerIncompatible(_) => Some(TlsFault::Incompatible),
        rustls::Error::AlertReceived(alert) => Some(match alert {
            rustls::AlertDescription::ProtocolVersion
            | rustls::AlertDescription::HandshakeFailure
            | rustls::AlertDescription::InsufficientSecurity => TlsFault::Incompatible,
            _ => TlsFault::Alert,
        }),
        rustls::Error::InvalidMessage(_) => Some(TlsFault::NoTls),
        _ => None,
    }
}

/// Why TLS is not spoken with a host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsFault {
    /// Its certificate is not taken.
    #[error(transparent)]
    Certificate(#[from] CertificateFault),
    /// It does not prove to have the certificate's key.
    #[error("it does not prove that its certificate is its own")]
    Unproven,
    /// Both sides know TLS, and have nothing in common.
    #[error("it speaks no TLS that is safe enough: 1.2 or 1.3 are expected")]
    Incompatible,
    /// It ends the connection.
    #[error("it refuses to speak TLS with this machine")]
    Alert,
    /// It speaks something else.
    #[error("what it speaks is not TLS")]
    NoTls,
}

fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'e (dyn Error + 'static)| (*error).source())
}

/// What TLS says, by itself or within errors of sockets, which are no sources of one another.
fn in_tls<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    error.downcast_ref().or_else(|| in_tls(error.downcast_ref::<io::Error>()?.get_ref()?))
}

/// Takes certificates as the rules say.
#[derive(Debug)]
pub(crate) struct Verifier {
    rules: Vec<TrustRule>,
    provider: CryptoProvider,
}

impl Verifier {
    pub(crate) fn new(reach: &Reach) -> Self {
        Self { rules: reach.tls.clone(), provider: ring::default_provider() }
    }

    fn trust(&self, name: &ServerName<'_>) -> Trust {
        let rule = self.rules.iter().find(|rule| rule.hosts.contain(name));
        rule.map_or(Trust::Verify, |rule| rule.trust)
    }

    /// Why a certificate is not taken.
    pub(crate) fn fault(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Option<CertificateFault> {
        let fingerprint = Fingerprint::of(certificate);
        let doubt = match self.trust(name) {
            Trust::Accept => None,
            Trust::Pin(pinned) => (pinned != fingerprint).then_some(Doubt::NotPinned),
            Trust::Verify => match authorities() {
                None => Some(Doubt::UnknownIssuer),
                Some(authorities) => authorities
                    .verify_server_cert(certificate, intermediates, name, ocsp, now)
                    .err()
                    .map(|error| Doubt::of(&error, certificate)),
            },
        };
        doubt.map(|doubt| CertificateFault { doubt, fingerprint })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.fault(certificate, intermediates, name, ocsp, now) {
            None => Ok(ServerCertVerified::assertion()),
            Some(fault) => Err(CertificateError::Other(OtherError(Arc::new(fault))).into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Who may sign certificates, as this machine has it. None: nobody. Read once.
fn authorities() -> Option<&'static Arc<WebPkiServerVerifier>> {
    static AUTHORITIES: OnceLock<Option<Arc<WebPkiServerVerifier>>> = OnceLock::new();
    let read = || {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let provider = Arc::new(ring::default_provider());
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().ok()
    };
    AUTHORITIES.get_or_init(read).as_ref()
}

impl Doubt {
    fn of(error: &rustls::Error, certificate: &CertificateDer<'_>) -> Self {
        let rustls::Error::InvalidCertificate(error) = error else { return Self::Other };
        match error {
            CertificateError::Expired => Self::Expired(0),
            CertificateError::ExpiredContext { time, not_after } => {
                Self::Expired(time.as_secs().saturating_sub(not_after.as_secs()) / 86_400)
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Self::NotYetValid
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::WrongName
            }
            _ if is_self_signed(certificate) => Self::SelfSigned,
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::UnknownIssuer,
            _ => Self::Other,
        }
    }
}

fn is_self_signed(certificate: &CertificateDer<'_>) -> bool {
    let read = webpki::EndEntityCert::try_from(certificate);
    read.is_ok_and(|certificate| certificate.issuer() == certificate.subject())
}

impl Hosts {
    fn contain(&self, name: &ServerName<'_>) -> bool {
        let address = match name {
            ServerName::IpAddress(address) => Some(IpAddr::from(*address)),
            _ => None,
        };
        match self {
            Self::All => true,
            Self::Named(pattern) => pattern.matches(&name.to_str()),
            Self::In(network) => address.is_some_and(|address| network.contains(&address)),
        }
    }
}

impl FromStr for TrustRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (hosts, trust) =
            text.split_once('=').map(|(hosts, trust)| (hosts.trim(), trust.trim())).ok_or_else(
                || format!("{text:?}, expected HOST=verify, HOST=accept or HOST=pin:..."),
            )?;
        let hosts = match hosts {
            "*" => Hosts::All,
            network if network.contains('/') => Hosts::In(
                network
                    .parse()
                    .map_err(|_| format!("{network:?}, expected a network such as 10.0.0.0/8"))?,
            ),
            name => Hosts::Named(name.parse()?),
        };
        let trust = match trust.split_once(':') {
            None if trust == "verify" => Trust::Verify,
            None if trust == "accept" => Trust::Accept,
            Some(("pin", fingerprint)) => Trust::Pin(fingerprint.parse()?),
            _ => return Err(format!("{trust:?}, expected verify, accept or pin:SHA-256")),
        };
        Ok(Self { hosts, trust })
    }
}

impl Fingerprint {
    /// Of a certificate (DER).
    pub fn of(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }
}

impl FromStr for Fingerprint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.replace(':', "");
        let fault = || format!("{text:?}, expected the 64 hexadecimal digits of a SHA-256");
        if digits.len() != 64 || !digits.is_ascii() {
            return Err(fault());
        }
        let mut bytes = [0; 32];
        for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(&digits[at..at + 2], 16).map_err(|_| fault())?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINT: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    /// What is done about a host under these rules.
    #[track_caller]
    fn check(rules: &[&str], host: &str, expected: Trust) {
        let rules = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        let verifier = Verifier { rules, provider: ring::default_provider() };
        let host = ServerName::try_from(host.to_owned()).unwrap();
        assert_eq!(verifier.trust(&host), expected);
    }

    #[test]
    fn the_first_rule_for_a_host_holds() {
        let pin = format!("gate.cams.lan=pin:{PRINT}");
        let rules = [&*pin, "*.cams.lan = accept", "10.1.2.3=verify", "10.0.0.0/8=accept"];
        check(&rules, "gate.cams.lan", Trust::Pin(PRINT.parse().unwrap()));
        check(&rules, "yard.cams.lan", Trust::Accept);
        check(&rules, "cams.lan", Trust::Verify);
        check(&rules, "10.1.2.3", Trust::Verify);
        check(&rules, "10.9.9.9", Trust::Accept);
        check(&rules, "11.0.0.1", Trust::Verify);
        check(&["*=accept"], "anything.else", Trust::Accept);
        check(&["fd00::/8=accept"], "fd00::1", Trust::Accept);
        check(&[], "gate.cams.lan", Trust::Verify);
    }

    #[track_caller]
    fn check_refused(rule: &str, expected: &str) {
        let fault = rule.parse::<TrustRule>().unwrap_err();
        assert!(fault.contains(expected), "{fault}");
    }

    #[test]
    fn what_is_no_rule_is_said() {
        check_refused("gate", "expected HOST=verify");
        check_refused("gate=trust", "expected verify, accept or pin");
        check_refused("gate=pin:abc", "64 hexadecimal digits");
        check_refused("10.0.0.0/99=accept", "expected a network");
        check_refused("a b=accept", "expected a host's name");
    }

    #[test]
    fn fingerprints_are_read_as_other_programs_write_them() {
        let bytes: Vec<_> = PRINT.as_bytes().chunks(2).map(String::from_utf8_lossy).collect();
        let colons: Fingerprint = bytes.join(":").to_uppercase().parse().unwrap();
        assert_eq!(colons.to_string(), PRINT);
        assert!("é".repeat(32).parse::<Fingerprint>().is_err());
    }
}
