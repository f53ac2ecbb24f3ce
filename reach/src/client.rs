//! HTTP clients that connect only to what may be reached.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{ClientBuilder, redirect};
use rustls::ClientConfig;
use tokio::task::spawn_blocking;

use crate::forbidden::Forbidden;
use crate::lookup::LookupError;
use crate::policy::Reach;

/// Redirects that are followed.
const MAX_REDIRECTS: usize = 5;

/// Keeps a client to what may be reached: names that it looks up, redirects that it follows, and
/// certificates that it takes.
///
/// The address that it is given first was looked at by [`Reach::check`]: nobody else does. A proxy of
/// the environment (`HTTPS_PROXY`) looks names up itself, which is then its operator's business.
pub fn guard(builder: ClientBuilder, reach: &Reach) -> ClientBuilder {
    let reach = Arc::new(reach.clone());
    let along = reach.clone();
    let redirects = redirect::Policy::custom(move |attempt| {
        if attempt.previous().len() > MAX_REDIRECTS {
            return attempt.error(format!("more than {MAX_REDIRECTS} redirects"));
        }
        match along.check(attempt.url()) {
            Ok(()) => attempt.follow(),
            Err(forbidden) => attempt.error(forbidden),
        }
    });
    builder
        .tls_backend_preconfigured(ClientConfig::clone(&reach.tls()))
        .dns_resolver(Arc::new(Resolver(reach)))
        .redirect(redirects)
        // The address that is left may hold a signature or a password.
        .referer(false)
}

/// Why an address may not be opened, if that is why a request failed.
pub fn forbidden<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e Forbidden> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(forbidden) = error.downcast_ref::<Forbidden>() {
            return Some(forbidden);
        }
        cause = error.source();
    }
    None
}

struct Resolver(Arc<Reach>);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0.clone();
        Box::pin(async move {
            let found = spawn_blocking(move || reach.addresses(name.as_str())).await?;
            let found = found.map_err(|error| match error {
                // As itself: whoever asks why finds it.
                LookupError::Forbidden(forbidden) => forbidden.into(),
                unknown => Box::<dyn Error + Send + Sync>::from(unknown),
            })?;
            // Port 0: whoever asks puts the port in.
            let found = found.into_iter().map(|address| SocketAddr::from((address, 0)));
            Ok(Box::new(found) as Addrs)
        })
    }
}
