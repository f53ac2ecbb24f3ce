//! Where hosts are.

use std::io;
use std::net::{IpAddr, SocketAddr};

use url::{Host, Url};

use crate::forbidden::Forbidden;
use crate::policy::{Reach, host};

/// Why nobody can say where a host is, or why it may not be reached there.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// It may not be reached.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// Its name stands for nothing, or who knows does not answer.
    #[error("the host {host} is not known: {reason}")]
    Unknown {
        /// Its name.
        host: String,
        /// What the system says.
        reason: io::Error,
    },
}

impl Reach {
    /// Looks at an address, and at every place where its host is. Waits for name servers: not to be
    /// called on the main thread.
    ///
    /// Whoever connects afterwards connects to what this returns: a name server may answer
    /// differently when it is asked again.
    ///
    /// # Errors
    /// When any of it is not allowed, or the host is not known.
    pub fn look_up(&self, url: &Url) -> Result<Vec<SocketAddr>, LookupError> {
        self.check(url)?;
        let port = url.port_or_known_default().unwrap_or_else(|| default_port(url.scheme()));
        let name = url.host_str().unwrap_or_default();
        match host(name) {
            // Looked at above.
            Some(Host::Ipv4(address)) => Ok(vec![(address, port).into()]),
            Some(Host::Ipv6(address)) => Ok(vec![(address, port).into()]),
            Some(Host::Domain(name)) => {
                let found = self.addresses(&name)?;
                Ok(found.into_iter().map(|address| (address, port).into()).collect())
            }
            None => Err(Forbidden::Host { host: name.to_owned() }.into()),
        }
    }

    /// Every place where the host of this name is, each looked at. One that is not allowed is enough:
    /// the name is not to be trusted.
    pub(crate) fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, LookupError> {
        let unknown = |reason| LookupError::Unknown { host: name.to_owned(), reason };
        let found = self.names.addresses(name).map_err(unknown)?;
        if found.is_empty() {
            return Err(unknown(io::ErrorKind::NotFound.into()));
        }
        for address in &found {
            self.check_address(*address)?;
        }
        Ok(found)
    }
}

fn default_port(scheme: &str) -> u16 {
    match scheme {
        "rtsps" => 322,
        _ => 554,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(reach: &Reach, url: &str) -> Result<Vec<SocketAddr>, String> {
        reach.look_up(&Url::parse(url).unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_name_is_followed_to_where_its_host_is() {
        let found = check(&Reach::cameras(), "rtsp://localhost/stream").unwrap();
        assert!(found.iter().all(|found| found.ip().is_loopback() && found.port() == 554));
    }

    #[test]
    fn a_name_of_a_host_elsewhere_is_found_out() {
        let networks = vec!["192.0.2.0/24".parse().unwrap()];
        let refused = check(&Reach { networks, ..Reach::cameras() }, "rtsp://localhost/");
        let refused = refused.unwrap_err();
        assert!(refused.ends_with("is in none of the allowed networks"), "{refused}");
    }

    #[test]
    fn an_address_in_another_base_is_the_address_that_it_is() {
        let found = check(&Reach::cameras(), "rtsp://0x7f000001:8554/").unwrap();
        assert_eq!(found, [SocketAddr::from(([127, 0, 0, 1], 8554))]);
    }
}
