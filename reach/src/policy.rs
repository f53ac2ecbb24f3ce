//! The rules.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use url::{Host, Url};

use crate::forbidden::Forbidden;
use crate::names::Names;
use crate::special::{meanings, what};
use crate::tls::TrustRule;

/// What may be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Schemes of addresses, in lower case.
    pub schemes: Vec<String>,
    /// Hosts, as addresses name them. Empty: any.
    pub hosts: Vec<HostPattern>,
    /// Networks that hosts must be in. Empty: anywhere but link-local addresses and those where
    /// clouds give out credentials; naming such a network allows it.
    pub networks: Vec<IpNet>,
    /// What is done about the certificates of hosts. The first rule for a host holds; one without a
    /// rule has its certificate verified.
    pub tls: Vec<TrustRule>,
    /// Who is asked where hosts are.
    pub names: Names,
}

/// A host's name or address, or with `*.` before it every name below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern(String);

impl Reach {
    /// These schemes, anywhere but special addresses.
    pub fn of<const N: usize>(schemes: [&str; N]) -> Self {
        let schemes = schemes.map(str::to_owned).to_vec();
        Self { schemes, hosts: vec![], networks: vec![], tls: vec![], names: Names::default() }
    }

    /// What cameras may be reached by: RTSP and HTTP, with and without TLS.
    pub fn cameras() -> Self {
        Self::of(["rtsp", "rtsps", "http", "https"])
    }

    /// What models may be reached by: HTTP, with and without TLS.
    pub fn models() -> Self {
        Self::of(["http", "https"])
    }

    /// Looks at an address as it stands, without looking its name up.
    ///
    /// # Errors
    /// When its scheme, its host or the address that its host is written as is not allowed.
    pub fn check(&self, url: &Url) -> Result<(), Forbidden> {
        if !self.schemes.iter().any(|scheme| scheme == url.scheme()) {
            let (found, allowed) = (url.scheme().to_owned(), listed(&self.schemes));
            return Err(Forbidden::Scheme { found, allowed });
        }
        let name = url.host_str().filter(|name| !name.is_empty()).ok_or(Forbidden::NoHost)?;
        match host(name) {
            Some(Host::Domain(name)) => self.check_name(&name),
            Some(Host::Ipv4(address)) => self.check_literal(name, address.into()),
            Some(Host::Ipv6(address)) => self.check_literal(name, address.into()),
            None => Err(Forbidden::Host { host: name.to_owned() }),
        }
    }

    /// Looks at where a host is.
    ///
    /// # Errors
    /// When that is not allowed.
    pub fn check_address(&self, address: IpAddr) -> Result<(), Forbidden> {
        for meaning in meanings(address) {
            if self.networks.is_empty() {
                if let Some(what) = what(meaning) {
                    return Err(Forbidden::Special { address, what });
                }
            } else if !self.networks.iter().any(|network| network.contains(&meaning)) {
                return Err(Forbidden::Network { address });
            }
        }
        Ok(())
    }

    fn check_name(&self, name: &str) -> Result<(), Forbidden> {
        if self.hosts.is_empty() || self.hosts.iter().any(|pattern| pattern.matches(name)) {
            return Ok(());
        }
        Err(Forbidden::Host { host: name.to_owned() })
    }

    fn check_literal(&self, written: &str, address: IpAddr) -> Result<(), Forbidden> {
        let plain = address.to_string();
        if !self.hosts.is_empty() && !self.hosts.iter().any(|pattern| pattern.matches(&plain)) {
            return Err(Forbidden::Host { host: written.to_owned() });
        }
        self.check_address(address)
    }
}

/// A host as it will be understood: schemes that URLs know nothing of leave even IPv4 addresses as
/// texts, in whatever base they are written.
pub fn host(name: &str) -> Option<Host> {
    Host::parse(name).ok()
}

impl HostPattern {
    pub(crate) fn matches(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.');
        match self.0.strip_prefix("*.") {
            Some(parent) => name
                .len()
                .checked_sub(parent.len())
                .filter(|&dot| dot > 1 && name.as_bytes()[dot - 1] == b'.')
                .is_some_and(|start| name[start..].eq_ignore_ascii_case(parent)),
            None => name.eq_ignore_ascii_case(&self.0),
        }
    }
}

impl FromStr for HostPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.strip_prefix("*.").unwrap_or(text).trim_end_matches('.');
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        let valid =
            bare.parse::<IpAddr>().is_ok() || host(name).is_some_and(|_| !name.contains('*'));
        if name.is_empty() || !valid {
            return Err(format!("{text:?}, expected a host's name or address, or *.NAME"));
        }
        let star = if text.starts_with("*.") { "*." } else { "" };
        Ok(Self(format!("{star}{}", bare.to_ascii_lowercase())))
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `a, b or c`.
fn listed(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests;
