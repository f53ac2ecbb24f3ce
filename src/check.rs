//! `detector-worker check`: drives a running worker through its whole contract, as a CMS would, and
//! says what held.
//!
//! It knows the contract and nothing of this worker: it speaks over sockets only, with messages that
//! it writes itself. What it subscribes carries names of its own and is ended before it leaves; other
//! clients' subscriptions are not touched. A camera and a model archive it brings along.

use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context, Result};
use console::style;
use serde_json::json;

use self::client::{Client, Place};
use self::props::Props;
use crate::cli::CheckArgs;
use crate::findings::{Finding, Findings, Outcome};

mod client;
mod connections;
mod detections;
mod messages;
mod pictures;
mod props;
mod sessions;
mod shapes;
mod subscriptions;

/// Runs the command. `false`: something did not hold.
///
/// # Errors
/// When there is no worker at the address.
pub fn check(args: &CheckArgs) -> Result<bool> {
    let place = Place::new(&args.worker, args.token.as_deref())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the threads for sockets")?;
    let patience = Duration::from_secs_f64(args.patience);
    let findings = runtime.block_on(async {
        let mut exam = Exam::begin(place, patience).await?;
        exam.run().await;
        anyhow::Ok(exam.findings.by_group())
    })?;

    let (held, failed) = (findings.count(Outcome::Good), findings.count(Outcome::Bad));
    let left_out = findings.count(Outcome::LeftOut);
    let mut said = std::io::stdout().lock();
    if args.json {
        let report = json!({
            "holds": failed == 0, "held": held, "failed": failed, "leftOut": left_out,
            "findings": findings,
        });
        writeln!(said, "{report:#}").context("writing to standard output")?;
    } else {
        let summary = format!("{held} held, {failed} failed, {left_out} left out");
        let summary = style(summary).bold();
        let summary = if failed == 0 { summary.green() } else { summary.red() };
        write!(said, "{findings}\n{summary}\n").context("writing to standard output")?;
    }
    Ok(failed == 0)
}

/// Why something did not hold, or was not tried.
#[derive(Debug)]
pub enum Miss {
    /// It is not as the contract says.
    Failed(String),
    /// It could not be tried.
    LeftOut(String),
}

impl From<anyhow::Error> for Miss {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(format!("{error:#}"))
    }
}

/// What was seen, when it held.
pub type Held = Result<String, Miss>;

/// Says what went wrong, unless something is so.
pub fn expect(so: bool, otherwise: impl FnOnce() -> String) -> Result<(), Miss> {
    if so { Ok(()) } else { Err(Miss::Failed(otherwise())) }
}

/// A run through the contract.
pub struct Exam {
    /// Where the worker is.
    place: Place,
    /// The client that most is done with.
    client: Client,
    /// The longest wait for anything.
    patience: Duration,
    /// Whether refusals are told.
    tells_errors: bool,
    /// Makes the names of this run its own.
    run: String,
    findings: Findings,
}

impl Exam {
    async fn begin(place: Place, patience: Duration) -> Result<Self> {
        let mut client = Client::connect(&place, "/", patience).await?;
        let run = format!("check-{:08x}", std::process::id() ^ place.port_of_ours(&client));
        let tells_errors = client.tells_errors().await?;
        let findings = Findings::default();
        Ok(Self { place, client, patience, tells_errors, run, findings })
    }

    async fn run(&mut self) {
        self.connections().await;
        self.messages().await;
        self.sessions().await;
        match Props::set_up(&self.place, &self.client).await {
            Ok(props) => {
                self.subscriptions(&props).await;
                self.lists(&props).await;
                self.leave(&props).await;
            }
            Err(error) => {
                let why = format!("no camera could be brought along: {error:#}");
                self.note("Subscriptions", "a camera and a model", Err(Miss::LeftOut(why)));
            }
        }
    }

    /// Writes down what came out.
    fn note(&mut self, group: &'static str, name: &str, held: Held) {
        self.findings.0.push(match held {
            Ok(detail) => Finding::good(group, name, detail),
            Err(Miss::LeftOut(why)) => Finding::left_out(group, name, why),
            Err(Miss::Failed(detail)) => {
                let outcome = Outcome::Bad;
                Finding { outcome, ..Finding::good(group, name, detail) }
            }
        });
    }

    /// Leaves out what shows itself by an error only, where errors are silenced.
    fn told(&self) -> Result<(), Miss> {
        let why = || "the worker is configured to tell no errors (protocol.errors)".to_owned();
        if self.tells_errors { Ok(()) } else { Err(Miss::LeftOut(why())) }
    }

    /// An identifier that only this run has.
    fn id(&self, camera: &str) -> String {
        format!("{};{camera}", self.run)
    }
}
