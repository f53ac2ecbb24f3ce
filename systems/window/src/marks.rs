//! What is drawn over a frame, in pixels of the frame: boxes, forms and what is said of them.

use std::collections::HashMap;

use bevy_ecs::prelude::Entity;
use detector_components::geometry::BBox;
use detector_components::outline::Outline;
use detector_components::results::{BranchFindings, Finding};
use detector_components::tally::Reason;
use detector_picture::color_of;

use crate::scene::Look;

/// What the user wants to see of what is there.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Least confidence of what a node found, where the user wants to see less than it found.
    pub hidden_below: HashMap<Entity, f32>,
    /// Whether what nodes left out is shown.
    pub left_out: bool,
}

/// Something over a frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// In pixels of the frame.
    pub bbox: BBox,
    /// In pixels of the frame, where more than a box is known.
    pub outline: Option<Outline>,
    /// What it is, above it.
    pub title: String,
    /// What branches say of it, below it.
    pub notes: Vec<String>,
    /// Red, green and blue of its class.
    pub color: [u8; 3],
    /// What it is drawn as.
    pub kind: Kind,
}

/// How a mark came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The root found it.
    Found,
    /// A branch found it, in what was found.
    Within,
    /// It was left out.
    LeftOut,
}

/// A classifier's classes that are said where it looks at the whole picture.
const SAID_OF_THE_WHOLE: usize = 3;

/// What is drawn over the frame that is shown, what matters least first.
pub fn marks(look: &Look, filter: &Filter) -> Vec<Mark> {
    let mut marks = Vec::new();
    if let Some(tally) = look.tally.as_ref().filter(|_| filter.left_out) {
        for (node, out) in tally.0.iter().flat_map(|n| n.left_out.iter().map(|out| (n.node, out))) {
            marks.push(Mark {
                bbox: out.bbox_in_frame,
                outline: None,
                title: format!(
                    "{} {:.2}: {}",
                    out.class,
                    out.confidence,
                    reason(look, node, out.reason)
                ),
                notes: Vec::new(),
                color: color_of(&out.class),
                kind: Kind::LeftOut,
            });
        }
        // The best last, so that it lies above the others.
        marks.reverse();
    }
    if let Some(results) = look.shown_results() {
        for finding in results.findings.iter().rev() {
            if filter.shows(results.node, finding) {
                add(finding, Kind::Found, filter, &mut marks);
            }
        }
    }
    marks
}

impl Filter {
    /// Whether the user wants to see a node's finding.
    pub fn shows(&self, node: Entity, finding: &Finding) -> bool {
        self.hidden_below.get(&node).is_none_or(|least| *least < finding.confidence)
    }
}

fn add(finding: &Finding, kind: Kind, filter: &Filter, marks: &mut Vec<Mark>) {
    let shown = |branch: &BranchFindings, below: &Finding| filter.shows(branch.node, below);
    let mut notes = Vec::new();
    for branch in &finding.branches {
        for below in branch.findings.iter().filter(|below| shown(branch, below)) {
            if below.top.is_empty() {
                add(below, Kind::Within, filter, marks);
            } else {
                notes.push(format!("{} {} {:.2}", branch.name, below.class, below.confidence));
                // What stands below a classifier is about the same box.
                notes.extend(below.branches.iter().flat_map(|branch| {
                    let said = branch.findings.first().filter(|below| shown(branch, below));
                    said.map(|said| {
                        format!("{} {} {:.2}", branch.name, said.class, said.confidence)
                    })
                }));
            }
        }
    }
    let others = finding.top.iter().skip(1).take(SAID_OF_THE_WHOLE - 1);
    notes.extend(others.map(|(class, _, confidence)| format!("{class} {confidence:.2}")));
    let number = finding.track.map_or(String::new(), |track| format!(" #{track}"));
    marks.push(Mark {
        bbox: finding.bbox_in_frame,
        outline: finding.outline_in_frame.clone(),
        title: format!("{} {:.2}{number}", finding.class, finding.confidence),
        notes,
        color: color_of(&finding.class),
        kind,
    });
}

fn reason(look: &Look, node: Entity, reason: Reason) -> String {
    match reason {
        Reason::Weak => match look.node(node) {
            Some(node) => format!("not above {:.2}", node.min_confidence),
            None => "too weak".to_owned(),
        },
        Reason::OtherClass => "not kept".to_owned(),
        Reason::TooMany => "too many".to_owned(),
        Reason::Unexpected => "not expected alone".to_owned(),
    }
}

#[cfg(test)]
mod tests;
