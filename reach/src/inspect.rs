//! What a host shows before anything is said to it.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConnection, DigitallySignedStruct, SignatureScheme};
use url::Url;

use crate::policy::Reach;
use crate::tls::{CertificateFault, Fingerprint, TlsFault, Verifier, config_of, tls_fault};

/// A certificate that a host showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Its SHA-256.
    pub fingerprint: Fingerprint,
    /// Why it is not taken. None: it is.
    pub fault: Option<CertificateFault>,
}

/// Why a host shows no certificate.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// It cannot be connected to, or the connection broke off.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It speaks no TLS.
    #[error(transparent)]
    Tls(#[from] TlsFault),
    /// The address has no name that a certificate could be for.
    #[error("the address names no host that a certificate can be for")]
    Name,
}

impl Reach {
    /// Looks at the certificate of an address's host, at one of the places where that is. Nothing is
    /// asked of the host. Waits: not to be called on the main thread.
    ///
    /// # Errors
    /// When it shows none.
    pub fn inspect(
        &self,
        url: &Url,
        place: SocketAddr,
        timeout: Duration,
    ) -> Result<Shown, InspectError> {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(host).map_err(|_| InspectError::Name)?;
        let witness = Arc::new(Witness { verifier: Verifier::new(self), shown: Mutex::default() });
        let config = Arc::new(config_of(witness.clone()));
        let mut connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
        let mut stream = TcpStream::connect_timeout(&place, timeout)?;
        stream.set_read_timeout(Some(timeout))?;
        stream.set_write_timeout(Some(timeout))?;
        while connection.is_handshaking() {
            connection.complete_io(&mut stream).map_err(|error| match tls_fault(&error) {
                Some(fault) => InspectError::Tls(fault),
                None => InspectError::Io(error),
            })?;
        }
        let shown = witness.shown.lock().expect("never held across a panic").take();
        shown.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData).into())
    }
}

/// Takes any certificate, and notes what would have been said about it.
#[derive(Debug)]
struct Witness {
    verifier: Verifier,
    shown: Mutex<Option<Shown>>,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let fault = self.verifier.fault(certificate, intermediates, name, ocsp, now);
        let fingerprint = Fingerprint::of(certificate);
        *self.shown.lock().expect("never held across a panic") = Some(Shown { fingerprint, fault });
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
