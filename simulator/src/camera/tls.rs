//! Certificates as cameras have them: signed by themselves.

use std::net::IpAddr;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::SimulatorError;
use crate::fault::Certificate;

/// A certificate and its key.
#[derive(Clone)]
pub struct Identity {
    pub certificate: CertificateDer<'static>,
    pub acceptor: TlsAcceptor,
}

impl Identity {
    /// Makes one for an address, with a fault.
    pub fn new(address: IpAddr, fault: Certificate) -> Result<Self, SimulatorError> {
        let failed = |reason: String| SimulatorError::Certificate { reason };
        let name = match fault {
            Certificate::OtherName => "camera.invalid".to_owned(),
            Certificate::SelfSigned | Certificate::Expired => address.to_string(),
        };
        let made = |error: rcgen::Error| failed(error.to_string());
        let mut parameters = rcgen::CertificateParams::new(vec![name]).map_err(made)?;
        if fault == Certificate::Expired {
            parameters.not_before = rcgen::date_time_ymd(2015, 1, 1);
            parameters.not_after = rcgen::date_time_ymd(2020, 1, 1);
        }
        let key = rcgen::KeyPair::generate().map_err(made)?;
        let certificate = parameters.self_signed(&key).map_err(made)?.der().clone();
        let private = PrivateKeyDer::try_from(key.serialize_der())
            .map_err(|reason| failed(reason.to_owned()))?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                builder.with_no_client_auth().with_single_cert(vec![certificate.clone()], private)
            })
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self { certificate, acceptor: TlsAcceptor::from(Arc::new(config)) })
    }
}
