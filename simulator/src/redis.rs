//! A real Redis on loopback, for the time that it is wanted.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The longest that a server may take to answer its first command.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two looks at whether it answers.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);
/// Ports that are tried: another process may take a free one before the server does.
const ATTEMPTS: usize = 5;

/// A `redis-server` child that keeps nothing on disk. Killed when dropped.
#[derive(Debug)]
pub struct RedisServer {
    child: Child,
    address: SocketAddr,
}

/// How a server is started.
#[derive(Clone, Copy, Debug, Default)]
pub struct RedisSettings<'a> {
    /// Its port. None: a free one.
    pub port: Option<u16>,
    /// The default user's password.
    pub password: Option<&'a str>,
    /// Another user, as `ACL SETUSER` takes it: `gate on >secret ~shot:* +set`.
    pub user: Option<&'a str>,
    /// A folder with `server.pem` and `server.key`: it then speaks TLS, and nothing else.
    pub tls: Option<&'a Path>,
}

/// Why there is no Redis.
#[derive(Debug, thiserror::Error)]
pub enum RedisServerError {
    /// The program is not there.
    #[error("starting redis-server (Debian package redis-server)")]
    Start(#[source] io::Error),
    /// It never answered, on any of the ports that were tried.
    #[error("redis-server did not answer on {0}")]
    Silent(SocketAddr),
    /// The system gives no port.
    #[error("looking for a free port")]
    Port(#[source] io::Error),
}

impl RedisServer {
    /// Starts a server on a free port and waits until it answers.
    ///
    /// # Errors
    /// When `redis-server` is not installed or does not answer.
    pub fn start() -> Result<Self, RedisServerError> {
        Self::start_with(RedisSettings::default())
    }

    /// Starts a server on a port, with a password if one is given, and waits until it answers.
    ///
    /// # Errors
    /// When `redis-server` is not installed, or does not answer: the port may be taken.
    pub fn start_on(port: u16, password: Option<&str>) -> Result<Self, RedisServerError> {
        Self::start_with(RedisSettings { port: Some(port), password, ..RedisSettings::default() })
    }

    /// Starts a server and waits until it answers.
    ///
    /// # Errors
    /// When `redis-server` is not installed, or does not answer.
    pub fn start_with(settings: RedisSettings) -> Result<Self, RedisServerError> {
        let mut attempt = 1;
        loop {
            let port = match settings.port {
                Some(port) => port,
                // Redis itself cannot be asked to choose a port.
                None => TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
                    .and_then(|listener| listener.local_addr())
                    .map_err(RedisServerError::Port)?
                    .port(),
            };
            match Self::attempt(port, settings) {
                Err(RedisServerError::Silent(_))
                    if settings.port.is_none() && attempt < ATTEMPTS =>
                {
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    fn attempt(port: u16, settings: RedisSettings) -> Result<Self, RedisServerError> {
        let mut command = Command::new("redis-server");
        command
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        match settings.tls {
            None => {
                command.args(["--port", &port.to_string()]);
            }
            Some(folder) => {
                command
                    .args(["--port", "0", "--tls-port", &port.to_string()])
                    .args(["--tls-auth-clients", "no", "--tls-cert-file"])
                    .arg(folder.join("server.pem"))
                    .arg("--tls-key-file")
                    .arg(folder.join("server.key"));
            }
        }
        if let Some(password) = settings.password {
            command.args(["--requirepass", password]);
        }
        if let Some(user) = settings.user {
            command.arg("--user").args(user.split(' '));
        }
        let child = command.spawn().map_err(RedisServerError::Start)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut server = Self { child, address };
        let deadline = Instant::now() + START_TIMEOUT;
        while Instant::now() < deadline {
            if let Ok(Some(_)) = server.child.try_wait() {
                break;
            }
            // One that speaks TLS listens when it is ready.
            let ready = match settings.tls {
                None => answers(address),
                Some(_) => TcpStream::connect(address).is_ok(),
            };
            if ready {
                return Ok(server);
            }
            thread::sleep(LOOK_INTERVAL);
        }
        Err(RedisServerError::Silent(address))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing is left behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether something at `address` speaks Redis. Asking for a password is an answer too.
fn answers(address: SocketAddr) -> bool {
    let ask = || -> io::Result<bool> {
        let mut socket = TcpStream::connect_timeout(&address, LOOK_INTERVAL * 10)?;
        socket.set_read_timeout(Some(LOOK_INTERVAL * 50))?;
        socket.write_all(b"PING\r\n")?;
        let mut answer = [0; 7];
        socket.read_exact(&mut answer)?;
        Ok(answer == *b"+PONG\r\n" || answer == *b"-NOAUTH")
    };
    ask().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_answers_until_it_is_dropped() {
        let server = RedisServer::start().unwrap();
        let address = server.address();
        assert!(answers(address));
        drop(server);
        assert!(!answers(address));
    }
}
