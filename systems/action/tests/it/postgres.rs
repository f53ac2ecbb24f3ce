//! Rows in a real PostgreSQL, which these tests start for themselves.

use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use detector_action::ActConfig;
use detector_components::action::{Action, ColumnValue, Deed, Outcome, RowUpdate, Template};
use detector_components::model::PostgresServer;
use detector_components::secret::Secret;
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use crate::servers::certificate;
use crate::stand::{Engine, PATIENCE, action, finding, impatient, list};

/// Between two looks at whether it answers.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
const PASSWORD: &str = "hunter2";

/// A server with one empty database in a folder of its own. Killed when dropped.
struct Cluster {
    folder: TempDir,
    port: u16,
    /// Whether it speaks TLS, and lets nobody in who does not.
    tls: bool,
    server: Option<Child>,
}

impl Cluster {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        fs::write(folder.path().join("password"), PASSWORD).unwrap();
        if let Some(user) = other_user() {
            for path in [folder.path(), &folder.path().join("password")] {
                chown(path, Some(user), None).unwrap();
            }
        }
        let made = as_other_user(&program("initdb"))
            .current_dir(folder.path())
            .args(["--pgdata", "data", "--username", "gate", "--pwfile", "password"])
            .args(["--auth", "scram-sha-256", "--no-sync", "--encoding", "UTF8", "--locale", "C"])
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(made.success());
        let mut cluster = Self { folder, port, tls: false, server: None };
        cluster.resume();
        cluster
    }

    /// One that speaks TLS only, as `localhost`, and who vouches for it.
    fn start_with_tls() -> (Self, Vec<u8>) {
        let mut cluster = Self::start();
        cluster.kill();
        let data = cluster.folder.path().join("data");
        let ca = certificate(&data);
        let key = data.join("server.key");
        fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
        fs::write(data.join("pg_hba.conf"), "hostssl all all 127.0.0.1/32 scram-sha-256\n")
            .unwrap();
        for file in [&key, &data.join("server.pem")] {
            chown(file, other_user(), None).unwrap();
        }
        cluster.tls = true;
        cluster.resume();
        (cluster, ca)
    }

    /// Starts it on what was there, and waits until it answers.
    fn resume(&mut self) {
        let server = as_other_user(&program("postgres"))
            .current_dir(self.folder.path())
            .args(["-D", "data", "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"])
            .args(["-c", "unix_socket_directories=", "-p", &self.port.to_string()])
            .args(["-c", if self.tls { "ssl=on" } else { "ssl=off" }])
            .args(["-c", "ssl_cert_file=server.pem", "-c", "ssl_key_file=server.key"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.server = Some(server);
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            assert!(Instant::now() < deadline, "PostgreSQL did not answer");
            thread::sleep(LOOK_INTERVAL);
        }
    }

    fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().unwrap();
            server.wait().unwrap();
        }
    }

    fn named(&self) -> PostgresServer {
        PostgresServer {
            host: if self.tls { "localhost" } else { "127.0.0.1" }.to_owned(),
            port: self.port,
            database: "postgres".to_owned(),
            username: "gate".to_owned(),
            password: Some(Secret::new(PASSWORD)),
            tls: self.tls,
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A program of PostgreSQL, which Debian keeps beside those of other versions.
fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("Debian package postgresql");
    let mut found: Vec<_> = versions
        .map(|version| version.unwrap().path().join("bin").join(name))
        .filter(|path| path.exists())
        .collect();
    found.sort();
    found.pop().expect("Debian package postgresql")
}

/// PostgreSQL does not run as root: who runs it then. None when the tests are not run by root.
fn other_user() -> Option<u32> {
    let is_root = fs::metadata("/proc/self").is_ok_and(|me| {
        use std::os::unix::fs::MetadataExt;
        me.uid() == 0
    });
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let user = users.lines().find_map(|line| line.strip_prefix("postgres:"));
    let id = user.and_then(|line| line.split(':').nth(1)).and_then(|id| id.parse().ok());
    is_root.then(|| id.expect("Debian package postgresql makes a user"))
}

fn as_other_user(program: &Path) -> Command {
    let mut command = Command::new(program);
    if let Some(user) = other_user() {
        command.uid(user);
    }
    command
}

fn client(engine: &Engine, cluster: &Cluster) -> Client {
    let (client, connection) = engine
        .runtime
        .block_on(async {
            let deadline = Instant::now() + PATIENCE;
            loop {
                let opened = tokio_postgres::Config::new()
                    .host("127.0.0.1")
                    .port(cluster.port)
                    .dbname("postgres")
                    .user("gate")
                    .password(PASSWORD)
                    .connect(NoTls)
                    .await;
                // It listens a little before it lets anybody in.
                match opened {
                    Err(_) if Instant::now() < deadline => tokio::time::sleep(LOOK_INTERVAL).await,
                    opened => return opened,
                }
            }
        })
        .unwrap();
    engine.runtime.spawn(connection);
    client
}

fn write_row() -> Action {
    let text = |text: &str| ColumnValue::Text(Template::new(text));
    action(Deed::UpdateRow(RowUpdate {
        schema: Some("gate".into()),
        table: "cars".into(),
        key_column: "session".into(),
        key: Template::new("{class}"),
        columns: [
            ("color".into(), text("{color.color}")),
            ("score".into(), text("{confidence}")),
            ("frame".into(), text("{frame}")),
            ("updated_at".into(), ColumnValue::Now),
        ]
        .into(),
    }))
}

const TABLE: &str = "CREATE SCHEMA gate; CREATE TABLE gate.cars (session text PRIMARY KEY, \
    color varchar(255), score float8, frame int, updated_at timestamptz)";

fn engine(cluster: &Cluster) -> Engine {
    let mut engine = Engine::new(None, impatient(), list([write_row()]));
    let model = engine.model;
    engine.app.world_mut().entity_mut(model).insert(cluster.named());
    engine
}

/// Session, colour, score and frame of every row.
fn rows(engine: &Engine, client: &Client) -> Vec<(String, String, f64, i32)> {
    let query = "SELECT session, color, score, frame FROM gate.cars \
        WHERE updated_at IS NOT NULL ORDER BY session";
    let rows = engine.runtime.block_on(client.query(query, &[])).unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect()
}

#[test]
fn rows_are_written_by_their_keys_whatever_is_in_them() {
    let cluster = Cluster::start();
    let mut engine = engine(&cluster);
    let client = client(&engine, &cluster);
    engine.runtime.block_on(client.batch_execute(TABLE)).unwrap();
    let evil = "'); DROP TABLE gate.cars; --";
    for (class, color) in [("car", "red"), ("bus", evil), ("car", "blue")] {
        let found = engine.with_color(class, color);
        engine.find_all(vec![found]);
    }
    engine.flush();
    assert_eq!(engine.total(Outcome::Executed), 3);
    let expected = [("bus", evil, 2), ("car", "blue", 3)]
        .map(|(class, color, frame)| (class.to_owned(), color.to_owned(), 0.9, frame));
    assert_eq!(rows(&engine, &client), expected);
}

#[test]
fn rows_wait_for_a_server_that_is_away() {
    let mut cluster = Cluster::start();
    let mut engine = engine(&cluster);
    let client = client(&engine, &cluster);
    engine.runtime.block_on(client.batch_execute(TABLE)).unwrap();
    let found = engine.with_color("car", "red");
    engine.find_all(vec![found.clone()]);
    engine.wait_for(Outcome::Executed, 1);
    cluster.kill();
    for _ in 0..5 {
        engine.find_all(vec![found.clone()]);
    }
    cluster.resume();
    engine.flush();
    assert_eq!(engine.total(Outcome::Executed), 6);
    let client = self::client(&engine, &cluster);
    assert_eq!(rows(&engine, &client), [("car".to_owned(), "red".to_owned(), 0.9, 6)]);
}

#[test]
fn what_the_server_refuses_is_counted_and_holds_up_nothing() {
    let cluster = Cluster::start();
    let mut engine = engine(&cluster);
    let client = client(&engine, &cluster);
    let found = engine.with_color("car", "red");
    engine.find_all(vec![found.clone()]);
    engine.wait_for(Outcome::Refused, 1);
    engine.runtime.block_on(client.batch_execute(TABLE)).unwrap();
    engine.find_all(vec![finding("car"), found]);
    engine.flush();
    assert_eq!(engine.total(Outcome::Executed), 1);
    assert_eq!(engine.total(Outcome::MissingValue), 1, "without a colour nothing is written");
}

#[test]
fn a_server_is_spoken_to_by_tls_and_must_show_who_it_is() {
    let (cluster, ca) = Cluster::start_with_tls();
    let named = cluster.named();
    let sent = |server: PostgresServer, ca: &[u8]| {
        let config = ActConfig { tls_ca: Some(ca.to_vec().into()), ..impatient() };
        let mut engine = Engine::new(None, config, list([write_row()]));
        let model = engine.model;
        engine.app.world_mut().entity_mut(model).insert(server);
        let found = engine.with_color("car", "red");
        engine.find_all(vec![found]);
        engine
    };
    // There is no table: that it says so shows that it was let in, and by TLS alone anybody is.
    let engine = sent(named.clone(), &ca);
    engine.wait_for(Outcome::Refused, 1);

    let stranger = certificate(tempfile::tempdir().unwrap().path());
    let elsewhere = PostgresServer { host: "127.0.0.1".to_owned(), ..named.clone() };
    let in_the_clear = PostgresServer { tls: false, ..elsewhere.clone() };
    for (server, ca) in [(named, &stranger), (elsewhere, &ca), (in_the_clear, &ca)] {
        let mut engine = sent(server, ca);
        engine.flush_within(Duration::from_secs(1));
        assert_eq!(engine.total(Outcome::Refused), 0);
        assert_eq!(engine.total(Outcome::Ended), 1);
    }
}
