//! A service manager starts the worker, learns that it is ready and alive, and asks it to end. A
//! container asks it for its health by its own command.

use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};

use crate::stand::PATIENCE;

const PROGRAM: &str = env!("CARGO_BIN_EXE_detector-worker");

/// A worker in a process of its own, and what it tells its service manager.
struct Service {
    process: Child,
    address: String,
    told: UnixDatagram,
    _folder: tempfile::TempDir,
}

impl Service {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("notify");
        let told = UnixDatagram::bind(&socket).unwrap();
        told.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut process = Command::new(PROGRAM)
            .args(["run", "--listen", "127.0.0.1:0", "--device", "cpu"])
            .current_dir(&folder)
            .env("NOTIFY_SOCKET", &socket)
            .env("WATCHDOG_USEC", "200000")
            .env_remove("WATCHDOG_PID")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = lines
            .map(Result::unwrap)
            .find_map(|line| Some(line.split("ws://").nth(1)?.trim_end_matches('/').to_owned()))
            .expect("a line that says where it listens");
        Self { process, address, told, _folder: folder }
    }

    #[track_caller]
    fn wait_until_told(&self, what: &str) {
        let mut buffer = [0; 512];
        loop {
            let length =
                self.told.recv(&mut buffer).unwrap_or_else(|error| panic!("{what}: {error}"));
            if String::from_utf8_lossy(&buffer[..length]).lines().any(|line| line == what) {
                return;
            }
        }
    }

    fn terminate(&self) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // An error: it has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn healthcheck(address: &str, more: &[&str]) -> (bool, String) {
    let output = Command::new(PROGRAM)
        .args(["healthcheck", "--listen", address])
        .args(more)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

#[test]
fn a_service_manager_is_told_that_the_worker_is_ready_alive_and_ends() {
    let mut service = Service::start();
    service.wait_until_told("READY=1");
    service.wait_until_told("WATCHDOG=1");
    service.wait_until_told("WATCHDOG=1");

    service.terminate();
    service.wait_until_told("STOPPING=1");
    assert!(service.process.wait().unwrap().success());
}

#[test]
fn the_health_of_a_worker_is_told_by_its_own_command() {
    let service = Service::start();
    service.wait_until_told("READY=1");
    assert_eq!(healthcheck(&service.address, &[]), (true, "{\"status\":\"ok\"}\n".to_owned()));
    let (ready, said) = healthcheck(&service.address, &["--ready"]);
    assert!(ready, "{said}");
}

#[test]
fn where_no_worker_is_the_command_fails_and_says_where_it_looked() {
    // Bound and never listened on: nobody else takes it, and nobody answers.
    let place = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (well, said) = healthcheck(&place.to_string(), &[]);
    assert!(!well);
    assert!(said.contains(&place.to_string()), "{said}");
}
