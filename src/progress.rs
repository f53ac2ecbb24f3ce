//! What takes a while, shown on a terminal while it lasts.
//!
//! Progress is drawn on standard error and is gone when its step is over. Where that is no terminal,
//! nothing is drawn: a file or a pipe has lines of the log and results, and nothing else.

use std::io::{self, IsTerminal, Write};
use std::sync::LazyLock;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

pub mod models;

/// Between two turns of a spinner.
const TURN: Duration = Duration::from_millis(120);

/// All that is shown at once, one below the other.
static SHOWN: LazyLock<MultiProgress> =
    LazyLock::new(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr()));

/// Whether someone sees what is drawn.
static WATCHED: LazyLock<bool> = LazyLock::new(|| {
    let term = std::env::var_os("TERM");
    let erases = term.is_some_and(|term| !term.is_empty() && term != "dumb");
    io::stderr().is_terminal() && erases
});

/// Something that takes a while. It is shown until it is dropped.
pub struct Step(Option<ProgressBar>);

/// How much of something is there, and of how much, where that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes {
    /// What is there.
    pub done: u64,
    /// All of it.
    pub total: Option<u64>,
}

impl Step {
    /// Begins to show it in a few words, such as `loading a.pt`.
    pub fn begin(words: impl Into<String>) -> Self {
        if !*WATCHED {
            return Self(None);
        }
        let bar = SHOWN.add(ProgressBar::new_spinner().with_style(spinner()));
        bar.set_message(words.into());
        bar.enable_steady_tick(TURN);
        Self(Some(bar))
    }

    /// One that nobody is shown: for output that programs read.
    pub fn unseen() -> Self {
        Self(None)
    }

    /// Says what is done now.
    pub fn say(&self, words: impl Into<String>) {
        if let Some(bar) = &self.0 {
            bar.set_style(spinner());
            bar.set_message(words.into());
        }
    }

    /// Says what is done now, and how far it is.
    pub fn show_bytes(&self, words: impl Into<String>, bytes: Bytes) {
        let Some(bar) = &self.0 else { return };
        let of = match bytes.total {
            Some(total) => {
                bar.set_length(total);
                "{bar:24} {bytes} of {total_bytes}, {bytes_per_sec}"
            }
            None => "{bytes}, {bytes_per_sec}",
        };
        bar.set_style(style(&format!("{{spinner}} {{msg}}  {of}")));
        bar.set_position(bytes.done);
        bar.set_message(words.into());
    }

    /// Says which of so many is done now.
    pub fn show_count(&self, words: impl Into<String>, done: u64, total: u64) {
        if let Some(bar) = &self.0 {
            bar.set_style(style("{spinner} {msg}  {bar:24} {pos} of {len}"));
            bar.set_length(total);
            bar.set_position(done);
            bar.set_message(words.into());
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if let Some(bar) = self.0.take() {
            bar.finish_and_clear();
            SHOWN.remove(&bar);
        }
    }
}

fn spinner() -> ProgressStyle {
    style("{spinner} {msg}")
}

/// Without colours, so that `NO_COLOR` has nothing to take away.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the templates are constant")
        .progress_chars("=> ")
        .tick_chars("-\\|/ ")
}

/// Writes something to a terminal that progress may be shown on: it makes room meanwhile.
pub fn beside<T>(write: impl FnOnce() -> T) -> T {
    if *WATCHED { SHOWN.suspend(write) } else { write() }
}

/// Shows nothing any more: the program ends, and what is under way is not waited for.
pub fn end() {
    if *WATCHED {
        // It fails when nobody reads standard error any more.
        let _ = SHOWN.clear();
        SHOWN.set_draw_target(ProgressDrawTarget::hidden());
    }
}

/// Standard error, beside what is shown on it.
pub struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        beside(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
