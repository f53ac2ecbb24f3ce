//! The supervisor of a stream: opens it, and opens it again.

use std::thread;

use crossbeam_channel::RecvTimeoutError;
use detector_components::camera::StreamState;
use tracing::{info, warn};

use crate::attempt::{End, Stream, run};
use crate::backoff::{Backoff, with_wait};
use crate::status::Report;

/// Supervises a stream in a thread of its own, until it is not wanted any more.
pub fn supervise(stream: Stream, report: Report) -> std::io::Result<()> {
    let work = move || follow(&stream, &report);
    thread::Builder::new().name("camera".to_owned()).spawn(work).map(drop)
}

fn follow(stream: &Stream, report: &Report) {
    let mut backoff = Backoff::new(&stream.outside.settings.get());
    loop {
        let (end, flowed) = run(stream, report);
        if flowed {
            backoff.reset(&stream.outside.settings.get());
        }
        let failure = match end {
            End::Unwanted => return,
            End::Finished => {
                report.tell(StreamState::Failed { reason: "the file has ended".into() });
                return;
            }
            End::Failed(failure) => failure,
        };
        let Some(wait) = backoff.next(failure.kind) else {
            let reason = failure.text;
            warn!(camera = %stream.source, reason, "given up");
            report.tell(StreamState::Failed { reason: reason.into() });
            return;
        };
        let reason = with_wait(&failure, wait);
        if flowed {
            warn!(camera = %stream.source, reason, "lost; it is opened again");
        } else {
            info!(camera = %stream.source, reason, "not there; it is tried again");
        }
        report.tell(StreamState::Reconnecting { reason: reason.into() });
        if report.ended().recv_timeout(wait) == Err(RecvTimeoutError::Disconnected) {
            return;
        }
    }
}
