//! A reader types what the documentation says. Every command in it runs here, with names of hosts and
//! places replaced by those of this machine, or its block says why it is not run.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use detector::cli::Cli;
use detector_simulator::{Footage, Login, RedisServer, RedisSettings, RtspServer, Stream};
use serde_json::json;

use crate::program::Program;
use crate::stand::{PATIENCE, archive, colors, fixture};

/// What stands behind the language of a block that is not run, before the reason.
const NOT_RUN: &str = "not-run";
/// Languages of blocks that hold commands.
const SHELLS: [&str; 5] = ["sh", "bash", "shell", "console", "zsh"];
/// Other languages, of blocks that hold none.
const OTHERS: [&str; 5] = ["", "json", "ron", "rust", "text"];
/// The password that the documentation's addresses have.
const PASSWORD: &str = "password";

/// A block of commands.
struct Block {
    /// Its page and line, for whoever looks for it.
    place: String,
    /// Why it is not run. None: it is.
    reason: Option<String>,
    commands: Vec<String>,
}

/// Every page of the documentation.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec![PathBuf::from("README.md")];
    let mut folders = vec![PathBuf::from("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    pages
}

/// The blocks of commands in a page, and the text around all blocks.
fn read(page: &Path) -> (Vec<Block>, String) {
    let text = fs::read_to_string(page).unwrap();
    let (mut blocks, mut around) = (Vec::new(), String::new());
    let is_indented = text
        .lines()
        .zip(text.lines().skip(1))
        .any(|(before, line)| before.is_empty() && line.starts_with("    "));
    assert!(!is_indented, "{}: commands stand in a block between fences", page.display());
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let Some(info) = line.trim_start().strip_prefix("```") else {
            around.push_str(line);
            around.push('\n');
            continue;
        };
        let place = format!("{}:{}", page.display(), number + 1);
        let body: Vec<&str> =
            lines.by_ref().map(|(_, line)| line).take_while(|line| line.trim() != "```").collect();
        let (language, mark) = info.split_once(' ').unwrap_or((info, ""));
        if !SHELLS.contains(&language) {
            let language = language.split(',').next().unwrap_or_default();
            assert!(OTHERS.contains(&language), "{place}: is {language:?} a language of commands?");
            continue;
        }
        let reason = mark.strip_prefix(NOT_RUN).map(|reason| reason.trim().to_owned());
        if let Some(reason) = &reason {
            assert!(reason.split(' ').count() > 2, "{place}: say why it is not run");
        } else {
            assert!(mark.is_empty(), "{place}: {mark:?} is not {NOT_RUN:?} and a reason");
        }
        let joined = body.join("\n").replace("\\\n", " ");
        let is_command = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with('#');
        let commands = joined.lines().filter(is_command).map(|line| line.trim().to_owned());
        blocks.push(Block { place, reason, commands: commands.collect() });
    }
    (blocks, around)
}

/// What a reader of the documentation has: files, a camera, a Redis and a worker.
struct Reader {
    folder: tempfile::TempDir,
    camera: RtspServer,
    redis: RedisServer,
    worker: Program,
}

impl Reader {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for made in ["bin", "vehicles", "etc/detector-worker", "etc/bash_completion.d"] {
            fs::create_dir_all(at(made)).unwrap();
        }
        let program = env!("CARGO_BIN_EXE_detector-worker");
        std::os::unix::fs::symlink(program, at("bin/detector-worker")).unwrap();
        for (from, to) in [
            ("tiny-color-detect.pt", "yolo11n.pt"),
            ("tiny-color-detect.pt", "vehicle.pt"),
            ("tiny-color-detect.pt", "vehicles/vehicles.pt"),
            ("../pictures/coffee.png", "bus.jpg"),
            ("../pictures/cat.png", "zidane.jpg"),
            ("../pictures/astronaut.png", "street.jpg"),
            ("../videos/clip.mp4", "clip.mp4"),
            ("../../../config.ron", "config.ron"),
            ("../../../config.ron", "etc/detector-worker/config.ron"),
        ] {
            fs::copy(fixture(from), at(to)).unwrap();
        }
        let pipeline = json!({"pipeline": {"modelId": "vehicles", "modelFile": "vehicles.pt"}});
        fs::write(at("vehicles/pipeline.json"), pipeline.to_string()).unwrap();
        fs::write(at("vehicles.mpta"), archive(&colors(1))).unwrap();

        let camera = RtspServer::start(([127, 0, 0, 1], 0).into()).unwrap();
        let login = Login { user: "user".into(), password: PASSWORD.into(), digest: true };
        camera.add("/stream", Stream::new(Footage::drawn()).login(login)).unwrap();
        let settings = RedisSettings { password: Some(PASSWORD), ..RedisSettings::default() };
        let redis = RedisServer::start_with(settings).unwrap();
        let worker = Program::start(&["run", "--device", "cpu"]);
        Self { folder, camera, redis, worker }
    }

    /// A command as this machine understands it: nothing beyond loopback, no port that may be taken, and
    /// nothing outside the reader's folder.
    fn here(&self, command: &str) -> String {
        let home = self.folder.path().display();
        let mut camera = self.camera.url("/stream");
        camera.set_username("user").unwrap();
        camera.set_password(Some(PASSWORD)).unwrap();
        let redis = self.redis.port();
        let pairs = [
            ("rtsp://user:password@camera/stream", camera.to_string()),
            ("redis://:password@redis:6379/0", format!("redis://:{PASSWORD}@127.0.0.1:{redis}/0")),
            ("redis-cli -h HOST", format!("redis-cli -h 127.0.0.1 -p {redis} -a {PASSWORD}")),
            ("ws://127.0.0.1:8000", format!("ws://{}", self.worker.address())),
            ("0.0.0.0:8000", "127.0.0.1:0".to_owned()),
            ("0.0.0.0:8554", "127.0.0.1:0".to_owned()),
            ("simulate clip", "simulate --listen 127.0.0.1:0 clip".to_owned()),
            (" /etc/", format!(" {home}/etc/")),
            (" /usr/", format!(" {home}/usr/")),
            ("target/release/detector-worker", "detector-worker".to_owned()),
        ];
        pairs.iter().fold(command.to_owned(), |command, (from, to)| command.replace(from, to))
    }

    fn shell(&self, command: &str, listen: SocketAddr) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let home = self.folder.path();
        let mut shell = Command::new("sh");
        shell
            .args(["-c", command])
            .current_dir(home)
            .env("PATH", format!("{}:{path}", home.join("bin").display()))
            .env("HOME", home)
            .env("XDG_CACHE_HOME", home.join("cache"))
            .env("TMPDIR", home)
            .env("DETECTOR_LISTEN", listen.to_string())
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        shell
    }

    /// Runs a command to its end.
    fn run(&self, place: &str, command: &str) {
        let listen = match command.contains("healthcheck") {
            // Where the worker of this machine listens.
            true => self.worker.address(),
            false => ([127, 0, 0, 1], 0).into(),
        };
        let output = self.shell(&self.here(command), listen).output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{place}: {command}\n{said}");
    }

    /// Runs a command that does not end by itself until it says a word, and ends it.
    fn run_until(&self, place: &str, command: &str, word: &str) {
        let line = format!("exec {}", self.here(command));
        let mut shell = self.shell(&line, ([127, 0, 0, 1], 0).into());
        let mut child = Ended(shell.stdout(Stdio::piped()).spawn().unwrap());
        let out = BufReader::new(child.0.stdout.take().unwrap());
        let (tell, told) = channel();
        thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                // The test may be over.
                let _ = tell.send(line);
            }
        });
        loop {
            match told.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(word) => break,
                Ok(_) => {}
                Err(error) => panic!("{place}: {command} does not say {word:?}: {error}"),
            }
        }
        let id = child.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let status = child.0.wait().unwrap();
        if command.contains("detector-worker") {
            assert!(status.success(), "{place}: {command} ends with {status}");
        }
    }
}

/// A child that is gone when a test fails.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It has ended already if this fails.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a command that does not end by itself says once it does what it is there for. None: it ends.
fn first_word(command: &str) -> Option<&'static str> {
    let command = command.split('#').next().unwrap_or_default().trim();
    let words: Vec<&str> = command.split_whitespace().collect();
    match words[..] {
        [program] | [program, "run", ..] if program.ends_with("detector-worker") => Some("ws://"),
        [program, "simulate", ..] if program.ends_with("detector-worker") => Some("rtsp://"),
        ["redis-cli", .., "subscribe", _] => Some("subscribe"),
        _ => None,
    }
}

#[test]
fn every_command_in_a_block_runs_or_says_why_not() {
    let reader = Reader::new();
    let mut run = 0;
    for page in pages() {
        for Block { place, reason, commands } in read(&page).0 {
            if reason.is_some() {
                continue;
            }
            for command in commands {
                match first_word(&command) {
                    Some(word) => reader.run_until(&place, &command, word),
                    None => reader.run(&place, &command),
                }
                run += 1;
            }
        }
    }
    assert!(run > 20, "only {run} commands were found");
    // They did what they say.
    for made in ["out/bus.jpg", "etc/bash_completion.d/detector-worker", "usr/local/share/man/man1"]
    {
        assert!(reader.folder.path().join(made).exists(), "{made} was not made");
    }
}

/// What the program does not understand of a command line.
fn refusal(command: &str) -> Option<clap::Error> {
    let words = command.split_whitespace().map(|word| match word {
        "SHELL" => "bash",
        word => word,
    });
    Cli::try_parse_from(words).err().filter(clap::Error::use_stderr)
}

#[test]
fn every_command_in_a_sentence_is_one() {
    let mut checked = 0;
    for page in pages() {
        let (_, text) = read(&page);
        let spans = text.split('`').skip(1).step_by(2);
        for span in spans.filter(|span| span.starts_with("detector-worker ")) {
            let command = span.split('|').next().unwrap_or(span);
            // A sentence may name a command, or one option of it, without the rest.
            let refusal =
                refusal(command).filter(|error| error.kind() != ErrorKind::MissingRequiredArgument);
            assert!(refusal.is_none(), "{}: {command}\n{}", page.display(), refusal.unwrap());
            checked += 1;
        }
    }
    assert!(checked > 10, "only {checked} commands were found");
}

#[test]
fn every_command_has_an_example_that_it_understands() {
    for command in Cli::command().get_subcommands() {
        let name = command.get_name();
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let examples: Vec<&str> = help
            .lines()
            .map(str::trim)
            .filter(|line| line.starts_with("detector-worker"))
            .collect();
        assert!(!examples.is_empty(), "{name} has no example");
        for example in examples {
            let refusal = refusal(example.split(['>', '|']).next().unwrap_or(example));
            assert!(refusal.is_none(), "{name}: {example}\n{}", refusal.unwrap());
        }
    }
}
