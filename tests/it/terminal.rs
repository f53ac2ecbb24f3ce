//! Someone watches on a terminal: what takes a while is shown while it lasts, beside the log. Where
//! nobody watches, files and pipes hold plain lines only.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Instant;

use serde_json::json;

use crate::stand::{Cms, PATIENCE, fixture};

/// Erases the line: what is drawn again and again in one place begins so.
const ERASE: &str = "\u{1b}[2K";

/// A folder to pack, and where its archive goes.
fn vehicles(folder: &Path) -> [String; 4] {
    let source = folder.join("vehicles");
    fs::create_dir(&source).unwrap();
    let pipeline = json!({"pipeline": {"modelId": "shape", "modelFile": "shape.pt"}});
    fs::write(source.join("pipeline.json"), pipeline.to_string()).unwrap();
    fs::copy(fixture("tiny-color-detect.pt"), source.join("shape.pt")).unwrap();
    let text = |path: &Path| path.display().to_string();
    ["pack".to_owned(), text(&source), "-o".to_owned(), text(&folder.join("vehicles.mpta"))]
}

/// The program on a terminal of its own, that `script` makes: both outputs are what it shows.
fn on_a_terminal(args: &[String]) -> Command {
    terminal(&format!("exec {}", program(args)))
}

/// The program with its arguments, as a shell reads them.
fn program(args: &[String]) -> String {
    let words = std::iter::once(env!("CARGO_BIN_EXE_detector-worker"));
    let words = words.chain(args.iter().map(String::as_str));
    words.map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ")
}

fn terminal(line: &str) -> Command {
    let mut command = Command::new("script");
    command
        .args(["--quiet", "--return", "--command", line, "/dev/null"])
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .stdin(Stdio::null());
    command
}

/// Whether a text has a sequence that sets a colour.
fn has_color(text: &str) -> bool {
    text.split("\u{1b}[").skip(1).any(|rest| {
        let end = rest.find(|letter: char| letter.is_ascii_alphabetic());
        end.is_some_and(|end| rest[end..].starts_with('m'))
    })
}

#[test]
fn packing_is_shown_on_a_terminal_and_its_result_stays() {
    let folder = tempfile::tempdir().unwrap();
    let output = on_a_terminal(&vehicles(folder.path())).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("packing ") && said.contains(" of "), "{said:?}");
    assert!(said.contains(ERASE), "{said:?}");
    let last = said.rsplit(ERASE).next().unwrap();
    assert!(last.contains("vehicles.mpta: 1 nodes, 1 checkpoints"), "{said:?}");
}

#[test]
fn without_color_there_is_still_progress_and_no_color() {
    let folder = tempfile::tempdir().unwrap();
    let output = on_a_terminal(&vehicles(folder.path())).env("NO_COLOR", "1").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("packing "), "{said:?}");
    assert!(!has_color(&said), "{said:?}");
}

#[test]
fn a_terminal_that_cannot_erase_is_shown_plain_lines() {
    let folder = tempfile::tempdir().unwrap();
    let output = on_a_terminal(&vehicles(folder.path())).env("TERM", "dumb").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("vehicles.mpta: 1 nodes") && !said.contains('\u{1b}'), "{said:?}");
}

#[test]
fn a_pipe_holds_plain_lines_only() {
    let folder = tempfile::tempdir().unwrap();
    let picture = fixture("../pictures/coffee.png").display().to_string();
    let model = fixture("tiny-color-detect.pt").display().to_string();
    let bench = ["bench", "--model", &model, "--runs", "1", "--device", "cpu"];
    let detect = ["detect", "--model", &model, "--device", "cpu", &picture];
    let inspect = ["inspect", &model];
    let pack = vehicles(folder.path());
    let pack: Vec<&str> = pack.iter().map(String::as_str).collect();
    for args in [&bench[..], &detect, &inspect, &pack] {
        let output = Command::new(env!("CARGO_BIN_EXE_detector-worker"))
            .args(args)
            .env("TERM", "xterm")
            .env_remove("NO_COLOR")
            .output()
            .unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {said}");
        assert!(!said.contains(['\u{1b}', '\r']), "{args:?}: {said:?}");
    }
}

#[test]
fn json_is_not_disturbed_on_a_terminal() {
    let model = fixture("tiny-color-detect.pt").display().to_string();
    let args = ["bench", "--model", &model, "--runs", "1", "--json"].map(str::to_owned);
    let output = on_a_terminal(&args).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let report: serde_json::Value =
        serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said:?}"));
    assert_eq!(report["runs"], 1);
}

/// A server on a terminal. It is ended when this is dropped.
struct Server {
    script: Child,
    /// Of the server itself. None: it has not said it yet.
    pid: Option<String>,
}

impl Drop for Server {
    fn drop(&mut self) {
        // Ending `script` alone would only hang the server up, which has it read its configuration again.
        if let Some(pid) = &self.pid {
            let _ = Command::new("kill").args(["-KILL", pid]).status();
        }
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}

#[test]
fn a_server_shows_how_much_of_a_model_has_come() {
    // A web server that gives half of an archive.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let model = format!("http://{}/half.mpta", listener.local_addr().unwrap());
    let (over, ended) = channel::<()>();
    let giving = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut request = BufReader::new(socket.try_clone().unwrap()).lines();
        while request.next().is_some_and(|line| !line.unwrap().is_empty()) {}
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 2097152\r\n\r\n";
        socket.write_all(head.as_bytes()).unwrap();
        socket.write_all(&vec![0; 1 << 20]).unwrap();
        // The rest never comes.
        let _ = ended.recv();
    });

    let args = ["run", "--listen", "127.0.0.1:0", "--device", "cpu"].map(str::to_owned);
    let line = format!("echo \"pid $$\"; exec {}", program(&args));
    let mut script = terminal(&line).stdout(Stdio::piped()).spawn().unwrap();
    let shown = script.stdout.take().unwrap();
    let mut server = Server { script, pid: None };
    let (tell, told) = channel();
    thread::spawn(move || {
        // Lines are drawn again by a return to their beginning.
        let mut shown = BufReader::new(shown);
        let mut line = Vec::new();
        while shown.by_ref().take(1).read_to_end(&mut line).is_ok_and(|bytes| bytes > 0) {
            if line.ends_with(b"\r") || line.ends_with(b"\n") {
                // The test may be over.
                let _ = tell.send(String::from_utf8_lossy(&line).into_owned());
                line.clear();
            }
        }
    });
    let mut said: Vec<String> = Vec::new();
    // Whether it came before what was waited for last does not matter.
    let mut wait_for = |words: &[&str]| {
        let deadline = Instant::now() + PATIENCE;
        let is_meant = |line: &String| words.iter().all(|word| line.contains(word));
        loop {
            if let Some(line) = said.iter().find(|line| is_meant(line)) {
                return line.clone();
            }
            match told.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => said.push(line),
                Err(_) => {
                    let last = &said[said.len().saturating_sub(20)..];
                    panic!("nothing with {words:?} is shown, but at last {last:?}");
                }
            }
        }
    };
    server.pid = wait_for(&["pid "]).trim().strip_prefix("pid ").map(str::to_owned);
    let line = wait_for(&["ws://"]);
    let address = line.split("ws://").nth(1).unwrap().trim().trim_end_matches('/');
    let mut cms = Cms::connect(address.parse().unwrap());
    cms.subscribe("gate;half", "rtsp://127.0.0.1:1/none", &model);
    wait_for(&["fetching http://", "/half.mpta", "1.00 MiB of 2.00 MiB"]);
    // Lines of the log come beside it.
    wait_for(&["INFO", "not there", "camera"]);
    drop(over);
    giving.join().unwrap();
}
