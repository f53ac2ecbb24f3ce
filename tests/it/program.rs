//! The built program, as an operator starts it.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Instant;

use crate::stand::PATIENCE;

/// A server of the program's own, on a free port. It is killed when a test fails.
pub struct Program {
    child: Child,
    address: SocketAddr,
    lines: Receiver<String>,
}

/// Of an environment.
pub type Variables = Vec<(&'static str, OsString)>;

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_detector-worker"));
    command.args(args).env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

impl Program {
    /// Starts a server and waits until it listens.
    pub fn start(args: &[&str]) -> Self {
        let mut program = Self::begin(args);
        program.wait_until_it_listens();
        program
    }

    /// Starts a server, and does not wait.
    pub fn begin(args: &[&str]) -> Self {
        Self::spawn(command(args).args(["--listen", "127.0.0.1:0"]))
    }

    /// Starts a server with more variables in its environment, and waits until it listens.
    pub fn start_with(variables: &Variables, args: &[&str]) -> Self {
        let mut program =
            Self::spawn(command(args).args(["--listen", "127.0.0.1:0"]).envs(variables.clone()));
        program.wait_until_it_listens();
        program
    }

    /// Starts a command whose windows are opened on an X display, and on no other.
    #[cfg(feature = "window")]
    pub fn begin_on(display: &str, args: &[&str]) -> Self {
        Self::begin_on_with(display, &Variables::new(), args)
    }

    /// The same, with more variables in its environment.
    #[cfg(feature = "window")]
    pub fn begin_on_with(display: &str, variables: &Variables, args: &[&str]) -> Self {
        let mut command = command(args);
        command.env("DISPLAY", display).env_remove("WAYLAND_DISPLAY").envs(variables.clone());
        Self::spawn(&mut command)
    }

    fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let reading = sender.clone();
        let read = |pipe: Box<dyn std::io::Read + Send>,
                    sender: std::sync::mpsc::Sender<String>| {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                // The test may be over.
                let _ = sender.send(line);
            }
        };
        thread::spawn(move || read(Box::new(out), reading));
        thread::spawn(move || read(Box::new(err), sender));
        Self { child, address: ([127, 0, 0, 1], 0).into(), lines }
    }

    /// Waits until it says where it listens.
    #[track_caller]
    pub fn wait_until_it_listens(&mut self) {
        let line = self.wait_for_line(&["ws://"]);
        let address = line.split("ws://").nth(1).unwrap().trim_end_matches('/');
        self.address = address.parse().unwrap();
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Runs a command to its end: its exit status, and all that it said.
    pub fn run(args: &[&str]) -> (Option<i32>, String) {
        Self::run_with(&Variables::new(), args)
    }

    /// The same, with more variables in its environment.
    pub fn run_with(variables: &Variables, args: &[&str]) -> (Option<i32>, String) {
        let output = command(args).envs(variables.clone()).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    }

    /// Bytes of memory that it has.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1_024
    }

    /// Sends a signal.
    pub fn signal(&self, signal: i32) {
        let status = Command::new("kill")
            .args([format!("-{signal}"), self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// The next line, of standard output or error, that has all these words.
    #[track_caller]
    pub fn wait_for_line(&self, words: &[&str]) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut said = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) if words.iter().all(|word| line.contains(word)) => return line,
                Ok(line) => said.push(line),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("no line with {words:?}, but:\n{}", said.join("\n"))
                }
            }
        }
    }

    /// Sends SIGTERM and waits for the end: its exit status.
    pub fn end(mut self) -> Option<i32> {
        self.signal(signal_hook::consts::SIGTERM);
        self.child.wait().unwrap().code()
    }
}

impl Program {
    /// Waits for the end that a signal has begun: its exit status, and what it said that was not
    /// waited for.
    pub fn wait_for_end(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().unwrap().code();
        // Until both pipes are closed.
        let said: Vec<String> = self.lines.iter().collect();
        (status, said.join("\n"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended already if this fails.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
