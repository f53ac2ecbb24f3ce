//! Which addresses of cameras and models may be opened, as an operator writes it.

use std::net::IpAddr;

use detector_reach::{HostPattern, IpNet, Reach, TrustRule};
use serde::{Deserialize, Serialize};

/// What may be opened, for both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reaches {
    /// Cameras: RTSP and HTTP, anywhere but link-local addresses and cloud metadata by default.
    pub cameras: Allowed,
    /// Models: HTTP, to the same places by default.
    pub models: Allowed,
}

/// What may be opened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Allowed {
    /// Schemes of addresses. Empty: all that there are.
    pub schemes: Vec<String>,
    /// Names or addresses of hosts; `*.NAME` is every name below it. Empty: any.
    pub hosts: Vec<String>,
    /// Networks, such as `10.0.0.0/8`. Empty: anywhere but link-local addresses and cloud metadata.
    pub networks: Vec<String>,
    /// What is done about certificates, `HOST=TRUST` each: `verify`, `accept` or `pin:SHA-256`. Empty:
    /// all are verified.
    pub tls: Vec<String>,
}

impl Default for Reaches {
    fn default() -> Self {
        let schemes = |reach: Reach| Allowed { schemes: reach.schemes, ..Allowed::default() };
        Self { cameras: schemes(Reach::cameras()), models: schemes(Reach::models()) }
    }
}

impl Reaches {
    /// What is wrong with it, each with its field.
    pub fn faults(&self) -> Vec<String> {
        let cameras = self.cameras.read("reach.cameras", Reach::cameras());
        let models = self.models.read("reach.models", Reach::models());
        [cameras, models].into_iter().filter_map(Result::err).flatten().collect()
    }

    /// The rules for cameras. What is wrong allows nothing.
    pub fn cameras(&self) -> Reach {
        self.cameras.read("reach.cameras", Reach::cameras()).unwrap_or_else(|_| Reach::of([]))
    }

    /// The rules for models. What is wrong allows nothing.
    pub fn models(&self) -> Reach {
        self.models.read("reach.models", Reach::models()).unwrap_or_else(|_| Reach::of([]))
    }
}

impl Allowed {
    /// The rules. `path` is what this is called in faults, `most` are the schemes that there can be.
    fn read(&self, path: &str, most: Reach) -> Result<Reach, Vec<String>> {
        let mut faults = Vec::new();
        for scheme in &self.schemes {
            if !most.schemes.contains(scheme) {
                let expected = most.schemes.join(", ");
                faults.push(format!("{path}.schemes: {scheme:?}, expected some of {expected}"));
            }
        }
        let hosts: Vec<_> = self.hosts.iter().map(|text| text.parse::<HostPattern>()).collect();
        faults.extend(
            hosts
                .iter()
                .filter_map(|host| host.as_ref().err())
                .map(|fault| format!("{path}.hosts: {fault}")),
        );
        let networks: Vec<_> = self.networks.iter().map(|text| network(text)).collect();
        faults.extend(
            networks
                .iter()
                .filter_map(|network| network.as_ref().err())
                .map(|fault| format!("{path}.networks: {fault}")),
        );
        let tls: Vec<_> = self.tls.iter().map(|text| text.parse::<TrustRule>()).collect();
        faults.extend(
            tls.iter()
                .filter_map(|rule| rule.as_ref().err())
                .map(|fault| format!("{path}.tls: {fault}")),
        );
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Reach {
            schemes: if self.schemes.is_empty() { most.schemes } else { self.schemes.clone() },
            hosts: hosts.into_iter().flatten().collect(),
            networks: networks.into_iter().flatten().collect(),
            tls: tls.into_iter().flatten().collect(),
            names: most.names,
        })
    }
}

/// A network, or a single address.
fn network(text: &str) -> Result<IpNet, String> {
    let one = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse::<IpNet>()
        .ok()
        .or_else(one)
        .ok_or_else(|| format!("{text:?}, expected an address or a network such as 10.0.0.0/8"))
}
