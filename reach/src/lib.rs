//! Which addresses of cameras and models may be opened.
//!
//! Whoever commands the worker names addresses that the worker then opens from where it stands: on a
//! network that others cannot reach, on a machine whose cloud gives credentials to whoever asks at
//! `169.254.169.254`. A [`Reach`] says what may be opened: schemes, hosts, networks. It is looked at
//! three times: when an address is named, when its name was looked up, and at every redirect.
//!
//! The first is [`Reach::check`], which does no IO. The others are in the HTTP clients that [`guard`]
//! makes, which connect to nothing else; who connects by other means connects to what
//! [`Reach::look_up`] found, and not to the name.

mod client;
mod forbidden;
mod inspect;
mod lookup;
mod names;
mod policy;
mod special;
mod tls;

pub use client::{forbidden, guard};
pub use forbidden::Forbidden;
pub use inspect::{InspectError, Shown};
pub use ipnet::IpNet;
pub use lookup::LookupError;
pub use names::{Directory, Names};
pub use policy::{HostPattern, Reach};
pub use tls::{CertificateFault, Doubt, Fingerprint, TlsFault, Trust, TrustRule, tls_fault};
