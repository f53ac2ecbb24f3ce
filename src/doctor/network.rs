//! The port.

use std::io::ErrorKind;
use std::net::TcpListener;

use tokio::runtime::Runtime;

use super::wait;
use crate::config::Config;
use crate::findings::Finding;
use crate::http;

const GROUP: &str = "Network";

/// Looks at the port, and at who may reach it.
pub fn look(config: &Config, runtime: &Runtime) -> Vec<Finding> {
    let listen = &config.listen;
    match TcpListener::bind(listen) {
        Ok(listener) => {
            let exposed = listener.local_addr().is_ok_and(|address| !address.ip().is_loopback());
            let mut found = vec![Finding::good(GROUP, "port", format!("{listen} is free"))];
            if exposed && config.auth.token.is_none() {
                let detail =
                    "whoever reaches this address may connect, and name cameras and models";
                let advice = "set auth.token, or listen on 127.0.0.1 behind a proxy";
                found.push(Finding::doubtful(GROUP, "token", detail, advice));
            }
            found
        }
        Err(error) if error.kind() == ErrorKind::AddrInUse => vec![taken(listen, runtime)],
        Err(error) => {
            let advice = "name an address of this machine as listen, and a port above 1023 where \
                          this is not root";
            vec![Finding::bad(GROUP, "port", format!("{listen}: {error}"), advice)]
        }
    }
}

/// A worker that runs already is as it should be; anything else is in the way.
fn taken(listen: &str, runtime: &Runtime) -> Finding {
    let health = wait(runtime, async {
        let response = http::client()
            .get(format!("http://{listen}/healthz"))
            .send()
            .await
            .map_err(|error| error.without_url().to_string())?;
        response.text().await.map_err(|error| error.without_url().to_string())
    });
    match health {
        Ok(text) if text.contains("\"status\":\"ok\"") => {
            Finding::good(GROUP, "port", format!("{listen}: a worker runs there, and is well"))
        }
        _ => {
            let port = listen.rsplit(':').next().unwrap_or_default();
            let advice =
                format!("`ss -ltnp 'sport = :{port}'` tells who; end it, or change listen");
            Finding::bad(GROUP, "port", format!("{listen} is taken by another program"), advice)
        }
    }
}
