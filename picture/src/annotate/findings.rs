//! What was found, as it is drawn.

use detector_components::results::Finding;

use super::Label;
use crate::palette::color_of;

/// What is drawn for what was found, best first: every finding of the pipeline in its box, with what
/// classifiers said of it beside it.
pub fn labels(findings: &[Finding]) -> Vec<Label> {
    let mut labels = Vec::new();
    // The worst first, so that the best is drawn over it.
    for finding in findings.iter().rev() {
        label(finding, &mut labels);
    }
    labels
}

fn label(finding: &Finding, labels: &mut Vec<Label>) {
    let mut text = said(finding);
    let mut boxes = Vec::new();
    for branch in &finding.branches {
        for (rank, found) in branch.findings.iter().enumerate() {
            // A classifier's box is what it looked at: there is one around it already.
            if found.top.is_empty() {
                boxes.push(found);
            } else if rank == 0 {
                text.push_str(", ");
                text.push_str(&said(found));
            }
        }
    }
    let color = color_of(&finding.class);
    labels.push(Label {
        bbox_in_frame: finding.bbox_in_frame,
        outline_in_frame: finding.outline_in_frame.clone(),
        text,
        color,
    });
    for found in boxes {
        label(found, labels);
    }
}

fn said(finding: &Finding) -> String {
    format!("{} {:.2}", finding.class, finding.confidence)
}
