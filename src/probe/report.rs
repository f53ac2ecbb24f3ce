//! What is told of a camera.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use console::style;
use detector_components::integrity::PictureFault;
use detector_ingest::{Failure, Measured};
use serde::Serialize;

use super::Probed;
use super::advice::advice;

/// What is told of a camera.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Its address, without credentials, or its device.
    pub camera: String,
    /// What was done, in order, and how long each took.
    pub steps: Vec<Step>,
    /// What came. None: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video: Option<Video>,
    /// Where the first frame was saved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_frame: Option<PathBuf>,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// One step on the way to the first frame.
#[derive(Debug, Serialize)]
pub struct Step {
    name: &'static str,
    millis: f64,
    #[serde(skip_serializing_if = "String::is_empty")]
    detail: String,
}

/// What came.
#[derive(Debug, Serialize)]
pub struct Video {
    codec: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    /// As the stream says.
    declared_fps: Option<f64>,
    /// As they came.
    fps: Option<f64>,
    /// Deviation of the time between pictures from its mean.
    jitter_millis: Option<f64>,
    longest_gap_millis: Option<f64>,
    pictures: usize,
    key_pictures: u64,
    /// Pictures before the first key picture.
    before_key: u64,
    /// Pictures left out because they are damaged, or depend on ones that are.
    damaged: u64,
    /// Pictures that were left out or are suspicious, by fault.
    faults: BTreeMap<&'static str, u64>,
    decoded: u64,
    /// How packets travel.
    #[serde(skip_serializing_if = "Option::is_none")]
    transport: Option<&'static str>,
    /// Time between key pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_interval_millis: Option<f64>,
    /// The camera's clock minus this machine's.
    #[serde(skip_serializing_if = "Option::is_none")]
    clock_offset_millis: Option<f64>,
    kbits_per_second: Option<f64>,
}

/// What is wrong, and what to do.
#[derive(Debug, Serialize)]
pub struct Problem {
    reason: String,
    advice: String,
}

impl Report {
    /// Nothing is known of the camera yet.
    pub fn new(camera: String) -> Self {
        Self { camera, steps: Vec::new(), video: None, first_frame: None, problem: None }
    }
}

impl Step {
    /// A step that was done.
    pub fn new(name: &'static str, took: Duration, detail: String) -> Self {
        Self { name, millis: millis(took), detail }
    }
}

impl Problem {
    /// What a failure means, with what came nevertheless.
    pub fn of(failure: &Failure, camera: &Probed, measured: &Measured) -> Self {
        Self { reason: failure.to_string(), advice: advice(failure, camera, measured) }
    }
}

impl Video {
    /// What was measured, in numbers for people. None when nothing came.
    pub fn of(measured: &Measured) -> Option<Self> {
        measured.first_packet?;
        let facts = &measured.facts;
        let size = measured.size.or_else(|| {
            let (_, frame) = measured.first_frame.as_ref()?;
            Some(frame.pixels.size())
        });
        let pace = Pace::of(&measured.pictures);
        Some(Self {
            codec: measured.codec.clone(),
            width: size.map(|size| size.width),
            height: size.map(|size| size.height),
            declared_fps: measured.declared_fps.map(rounded),
            fps: pace.as_ref().map(|pace| rounded(pace.fps)),
            jitter_millis: pace.as_ref().map(|pace| millis(pace.jitter)),
            longest_gap_millis: pace.as_ref().map(|pace| millis(pace.longest)),
            pictures: measured.pictures.len(),
            key_pictures: measured.key_pictures,
            before_key: measured.before_key,
            damaged: measured.damaged,
            faults: measured.faults.iter().map(|(fault, count)| (fault.as_str(), count)).collect(),
            decoded: measured.frames,
            transport: facts.transport,
            key_interval_millis: facts.key_interval.map(millis),
            clock_offset_millis: facts
                .clock_offset
                .map(|offset| rounded(offset.as_secs_f64() * 1e3)),
            kbits_per_second: pace
                .map(|pace| rounded(measured.bytes as f64 * 8e-3 / pace.length.as_secs_f64())),
        })
    }
}

/// How regularly pictures came.
struct Pace {
    fps: f64,
    jitter: Duration,
    longest: Duration,
    length: Duration,
}

impl Pace {
    /// None for fewer than three pictures: they have no rhythm.
    fn of(pictures: &[Instant]) -> Option<Self> {
        let gaps: Vec<f64> =
            pictures.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
        if gaps.len() < 2 {
            return None;
        }
        let length: f64 = gaps.iter().sum();
        let mean = length / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        let longest = gaps.iter().copied().fold(0.0, f64::max);
        (length > 0.0).then(|| Self {
            fps: 1.0 / mean,
            jitter: Duration::from_secs_f64(variance.sqrt()),
            longest: Duration::from_secs_f64(longest),
            length: Duration::from_secs_f64(length),
        })
    }
}

fn millis(time: Duration) -> f64 {
    rounded(time.as_secs_f64() * 1e3)
}

/// With one decimal.
fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", style(&self.camera).bold())?;
        for Step { name, millis, detail } in &self.steps {
            let line = format!("  {name:<14}{millis:>8.1} ms  {detail}");
            writeln!(f, "{}", line.trim_end())?;
        }
        if let Some(video) = &self.video {
            write!(f, "{video}")?;
        }
        if let Some(file) = &self.first_frame {
            writeln!(f, "  {:<14}{}", "saved to", file.display())?;
        }
        if let Some(Problem { reason, advice }) = &self.problem {
            writeln!(f, "{} {reason}", style("problem:").red().bold())?;
            writeln!(f, "{} {advice}", style("what to do:").bold())?;
        }
        Ok(())
    }
}

impl fmt::Display for Video {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, text: String| writeln!(f, "  {name:<14}{text}");
        line("codec", self.codec.clone().unwrap_or_else(|| "not known".to_owned()))?;
        if let (Some(width), Some(height)) = (self.width, self.height) {
            line("size", format!("{width} x {height}"))?;
        }
        if let Some(fps) = self.fps {
            let declared = self.declared_fps.map(|fps| format!(" (the stream says {fps})"));
            line("frames", format!("{fps} a second{}", declared.unwrap_or_default()))?;
        }
        if let (Some(jitter), Some(longest)) = (self.jitter_millis, self.longest_gap_millis) {
            line("jitter", format!("{jitter} ms, longest gap {longest} ms"))?;
        }
        line("pictures", {
            let (pictures, keys) = (self.pictures, self.key_pictures);
            let every =
                self.key_interval_millis.map(|millis| format!(", one every {:.1} s", millis / 1e3));
            format!("{pictures}, {keys} of them key frames{}", every.unwrap_or_default())
        })?;
        line("decoded", {
            let (decoded, early, damaged) = (self.decoded, self.before_key, self.damaged);
            format!("{decoded}; {early} before the first key frame, {damaged} damaged")
        })?;
        for fault in PictureFault::ALL {
            if let Some(count) = self.faults.get(fault.as_str()) {
                line("", format!("{count} {}", fault.description()))?;
            }
        }
        if let Some(transport) = self.transport {
            line("transport", transport.to_owned())?;
        }
        if let Some(offset) = self.clock_offset_millis {
            line("clock", format!("{offset:+} ms from this machine's"))?;
        }
        if let Some(kbits) = self.kbits_per_second {
            line("bit rate", format!("{kbits} kbit/s"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_even_stream_has_no_jitter_and_a_gap_is_told() {
        let began = Instant::now();
        let at = |millis: u64| began + Duration::from_millis(millis);
        let pace = Pace::of(&[at(0), at(100), at(200), at(300)]).unwrap();
        assert_eq!((rounded(pace.fps), millis(pace.jitter)), (10.0, 0.0));
        let pace = Pace::of(&[at(0), at(100), at(200), at(900)]).unwrap();
        assert_eq!(millis(pace.longest), 700.0);
        assert!(pace.jitter > Duration::from_millis(200));
        assert!(Pace::of(&[at(0), at(100)]).is_none());
    }
}
