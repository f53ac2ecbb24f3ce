//! Why there are no detections, or no more of them: in words, from what the engine counted.

use std::sync::Arc;

use detector_components::camera::StreamState;
use detector_components::model::ModelState;
use detector_components::network::NetworkState;
use detector_components::node::Expected;
use detector_components::tally::{NodeTally, Reason};

use crate::scene::{Look, LookNode};

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mood {
    /// It is as it was asked for.
    Quiet,
    /// It will come.
    Waiting,
    /// It does not work.
    Fault,
}

/// One reason, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// How much it matters.
    pub mood: Mood,
    /// A sentence without its full stop.
    pub text: String,
}

impl Why {
    fn new(mood: Mood, text: impl Into<String>) -> Self {
        Self { mood, text: text.into() }
    }
}

/// Every reason that is known, the nearest to the camera first.
pub fn why(look: &Look) -> Vec<Why> {
    let mut reasons: Vec<Why> = of_camera(look).into_iter().chain(of_model(look)).collect();
    if look.model_state != ModelState::Ready {
        return reasons;
    }
    let Some(tally) = &look.tally else {
        if look.latest.is_some() {
            reasons.push(Why::new(Mood::Waiting, "The first frame is being looked at"));
        }
        return reasons;
    };
    for node in &look.nodes {
        match tally.get(node.node) {
            Some(entry) => reasons.extend(of_node(node, entry)),
            None if node.depth > 0
                && look.results.as_ref().is_some_and(|r| !r.findings.is_empty()) =>
            {
                let text = format!("{} did not run: what starts it was not found", node.name);
                reasons.push(Why::new(Mood::Quiet, text));
            }
            None => {}
        }
    }
    reasons
}

/// The most important reason, for where there is room for one.
pub fn chief(look: &Look) -> Option<Why> {
    let reasons = why(look);
    let worst = reasons.iter().map(|why| why.mood).max()?;
    reasons.into_iter().find(|why| why.mood == worst)
}

fn of_camera(look: &Look) -> Option<Why> {
    Some(match &look.stream {
        StreamState::Running => return None,
        StreamState::Connecting => Why::new(Mood::Waiting, "The camera is being opened"),
        StreamState::Queued { ahead } => {
            Why::new(Mood::Waiting, format!("Waiting to connect: {ahead} cameras are ahead"))
        }
        StreamState::WaitingForKeyFrame { reason } => {
            Why::new(Mood::Waiting, format!("Waiting for a key frame: {reason}"))
        }
        StreamState::Impaired { impairment, reason } => {
            Why::new(Mood::Fault, format!("The pictures are {}: {reason}", impairment.as_str()))
        }
        StreamState::Stalled => Why::new(Mood::Fault, "The camera sends nothing any more"),
        StreamState::Reconnecting { reason } => {
            Why::new(Mood::Fault, format!("The camera is opened again: {reason}"))
        }
        StreamState::Failed { reason } => Why::new(Mood::Fault, format!("No camera: {reason}")),
    })
}

fn of_model(look: &Look) -> Option<Why> {
    Some(match &look.model_state {
        ModelState::Ready => return None,
        ModelState::Fetching => Why::new(Mood::Waiting, "The model is being fetched"),
        ModelState::Loading => {
            let loading = |node: &&LookNode| node.network == NetworkState::Loading;
            let names: Vec<_> = look.nodes.iter().filter(loading).map(|node| &*node.name).collect();
            let text = match names.is_empty() {
                true => "The model is being loaded".to_owned(),
                false => format!("The model is being loaded and warmed: {}", names.join(", ")),
            };
            Why::new(Mood::Waiting, text)
        }
        ModelState::Failed { reason } => {
            Why::new(Mood::Fault, format!("The model cannot run: {reason}"))
        }
    })
}

fn of_node(node: &LookNode, tally: &NodeTally) -> Vec<Why> {
    let name = &node.name;
    let mut reasons = Vec::new();
    if tally.failed > 0 {
        let text = format!("{name} failed {}; the log says why", times(tally.failed));
        reasons.push(Why::new(Mood::Fault, text));
    }
    let mut quiet = |text: String| reasons.push(Why::new(Mood::Quiet, text));
    let counts = tally.counts;
    if counts.weak > 0 {
        let best = best(tally, Reason::Weak);
        let least = node.min_confidence;
        quiet(format!("{name}: {} not above {least:.2}{best}", things(counts.weak)));
    }
    if counts.other_class > 0 {
        let (kept, best) = (listed(&node.classes), best(tally, Reason::OtherClass));
        quiet(format!(
            "{name}: {} of a class it does not keep ({kept}){best}",
            things(counts.other_class)
        ));
    }
    if counts.too_many > 0 {
        quiet(format!("{name}: {} more than it keeps of one picture", things(counts.too_many)));
    }
    if counts.unexpected > 0 {
        let expected = match &node.expected {
            Expected::Nothing => String::new(),
            Expected::AnyOf(classes) => format!(": none of {} was there", listed(classes)),
            Expected::AllOf(classes) => format!(": not all of {} were there", listed(classes)),
        };
        quiet(format!("{name} gave no answer{expected}; {} left out", things(counts.unexpected)));
    }
    if tally.not_of_its_classes > 0 {
        let (count, starts) = (things(tally.not_of_its_classes), listed(&node.starts_on));
        quiet(format!("{name} did not look at {count}: it starts on {starts}"));
    }
    if tally.not_confident_enough > 0 {
        let (count, from) = (things(tally.not_confident_enough), node.starts_from);
        quiet(format!("{name} did not look at {count} with less than {from:.2}"));
    }
    let nothing_left_out = tally.left_out.is_empty() && tally.failed == 0;
    if tally.looked > 0 && tally.found == 0 && nothing_left_out && node.finds_boxes != Some(false) {
        quiet(match node.disclosed_from {
            Some(from) => format!("{name} saw nothing, not even with {from:.2}"),
            None => format!("{name} saw nothing above {:.2}", node.min_confidence),
        });
    }
    reasons
}

/// The best of what was left out for a reason.
fn best(tally: &NodeTally, reason: Reason) -> String {
    let best = tally.left_out.iter().find(|out| out.reason == reason);
    best.map_or(String::new(), |out| format!("; the best is {} {:.2}", out.class, out.confidence))
}

/// Classes that are listed; a pipeline may name hundreds.
const LISTED: usize = 6;

fn listed(classes: &[Arc<str>]) -> String {
    let mut named: Vec<&str> = classes.iter().take(LISTED).map(|class| &**class).collect();
    if classes.len() > LISTED {
        named.push("…");
    }
    if named.is_empty() { "anything".to_owned() } else { named.join(", ") }
}

fn things(count: u32) -> String {
    if count == 1 { "1 thing".to_owned() } else { format!("{count} things") }
}

fn times(count: u32) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

#[cfg(test)]
mod tests;
