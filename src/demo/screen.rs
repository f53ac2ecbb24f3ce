//! What the demo shows while it runs.

use std::io;
use std::time::{Duration, Instant};

use console::{Alignment, Term, pad_str, style, truncate_str};

use super::cms::{Book, Entry, Wish};
use super::inbox::Mail;

/// Columns when the terminal does not say how many it has.
const DEFAULT_WIDTH: usize = 120;
/// Between two looks where output goes to a file: a line of history each, not a film.
const PLAIN_INTERVAL: Duration = Duration::from_secs(5);

/// Draws the state of the demo, again and again in the same place.
///
/// Where standard output is no terminal, it writes a few lines every few seconds instead.
pub struct Screen {
    term: Term,
    drawn_lines: usize,
    began: Instant,
    drawn_at: Option<Instant>,
    rates: Vec<Rate>,
}

/// What is drawn.
pub struct Scene<'a> {
    /// The subscriptions, in the order they are shown.
    pub wishes: &'a [Wish],
    /// What the CMS was told.
    pub book: &'a Book,
    /// What Redis received.
    pub mail: &'a Mail,
    /// Which device, and why.
    pub device: &'a str,
    /// Where pictures are written.
    pub pictures: &'a str,
    /// Time until the end, unless it runs until Ctrl-C.
    pub remaining: Option<Duration>,
}

/// Messages a second, smoothed.
#[derive(Clone, Default)]
struct Rate {
    messages: u64,
    per_second: f64,
}

impl Screen {
    /// Begins below what was written so far.
    pub fn new() -> Self {
        Self {
            term: Term::stdout(),
            drawn_lines: 0,
            began: Instant::now(),
            drawn_at: None,
            rates: Vec::new(),
        }
    }

    /// Draws, if it is time to.
    ///
    /// # Errors
    /// When standard output is closed.
    pub fn draw(&mut self, scene: &Scene) -> io::Result<()> {
        let now = Instant::now();
        let since = self.drawn_at.map(|drawn| now - drawn);
        let live = self.term.is_term();
        if !live && since.is_some_and(|since| since < PLAIN_INTERVAL) {
            return Ok(());
        }
        self.count(scene, since.unwrap_or_default());
        self.drawn_at = Some(now);

        let width = self.term.size_checked().map_or(DEFAULT_WIDTH, |(_, columns)| columns.into());
        let lines = self.lines(scene);
        if live {
            self.term.move_cursor_up(self.drawn_lines)?;
        }
        for line in &lines {
            // A line that wraps would be counted as one and leave its rest behind.
            let line = truncate_str(line, width.saturating_sub(1), "…");
            if live {
                self.term.clear_line()?;
            }
            self.term.write_line(&line)?;
        }
        if live {
            self.term.clear_to_end_of_screen()?;
        }
        self.drawn_lines = lines.len();
        Ok(())
    }

    fn count(&mut self, scene: &Scene, since: Duration) {
        self.rates.resize(scene.wishes.len(), Rate::default());
        for (rate, wish) in self.rates.iter_mut().zip(scene.wishes) {
            let messages = scene.book.subscriptions.get(wish.id).map_or(0, |entry| entry.messages);
            if since > Duration::ZERO {
                let now = (messages - rate.messages) as f64 / since.as_secs_f64();
                // Halfway to the new value in about two seconds.
                let weight = (since.as_secs_f64() / 3.0).min(1.0);
                rate.per_second += (now - rate.per_second) * weight;
            }
            rate.messages = messages;
        }
    }

    fn lines(&self, scene: &Scene) -> Vec<String> {
        let elapsed = self.began.elapsed().as_secs();
        let clock = match scene.remaining {
            Some(left) => {
                format!("{}:{:02}, {} s to go", elapsed / 60, elapsed % 60, left.as_secs())
            }
            None => format!("{}:{:02}, Ctrl-C ends it", elapsed / 60, elapsed % 60),
        };
        let mut lines = vec![
            format!("{}  {}", style("detector-worker demo").bold(), style(clock).dim()),
            format!("{}", style(scene.device).dim()),
            String::new(),
            style(row(
                ["SUBSCRIPTION", "SHOWS", "STATE", "CAMERA", "RESULTS", "AGE", "INFERENCE"],
                "NEWEST DETECTIONS",
            ))
            .bold()
            .to_string(),
        ];
        let nothing = Entry { state: "connecting".to_owned(), ..Entry::default() };
        for (wish, rate) in scene.wishes.iter().zip(&self.rates) {
            let entry = scene.book.subscriptions.get(wish.id).unwrap_or(&nothing);
            lines.push(subscription(wish, entry, rate));
        }
        lines.push(String::new());
        let mail = scene.mail;
        lines.push(format!(
            "{} {} messages, {} pictures",
            style("Redis").bold(),
            mail.messages,
            mail.pictures
        ));
        lines.push(format!("  newest    {}", mail.newest.as_deref().unwrap_or("nothing yet")));
        let key = mail.newest_picture.as_ref();
        lines.push(match key {
            Some((key, bytes)) => format!("  picture   {key} ({} bytes)", bytes.len()),
            None => "  picture   none yet".to_owned(),
        });
        lines.push(format!("{} {}", style("Pictures").bold(), scene.pictures));
        for error in scene.book.errors.iter().rev().take(3) {
            lines.push(style(format!("refused: {error}")).red().to_string());
        }
        lines
    }
}

fn subscription(wish: &Wish, entry: &Entry, rate: &Rate) -> String {
    let millis = |value: Option<f64>| match value {
        Some(value) => format!("{value:.0} ms"),
        None => "-".to_owned(),
    };
    let state = match entry.state.as_str() {
        "running" => style(entry.state.as_str()).green(),
        "connecting" | "queued" | "model_loading" => style(entry.state.as_str()).cyan(),
        _ => style(entry.state.as_str()).yellow(),
    };
    let newest = match &entry.reason {
        Some(reason) if entry.state != "running" => reason.clone(),
        _ if entry.newest.is_empty() => "none yet".to_owned(),
        _ => entry.newest.join(", "),
    };
    row(
        [
            wish.id,
            wish.title,
            &state.to_string(),
            &format!("{:.1} fps", entry.camera_fps),
            &format!("{:.1}/s", rate.per_second),
            &millis(entry.age_millis),
            &millis(entry.inference_millis),
        ],
        &newest,
    )
}

/// Columns side by side, the last as long as it is.
fn row(columns: [&str; 7], last: &str) -> String {
    const WIDTHS: [usize; 7] = [20, 26, 14, 10, 9, 9, 11];
    let mut line = String::new();
    for (column, width) in columns.iter().zip(WIDTHS) {
        line.push_str(&pad_str(column, width, Alignment::Left, Some("…")));
        line.push(' ');
    }
    line.push_str(last);
    line
}
