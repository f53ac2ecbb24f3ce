//! Answers those who want to know how everything is.

use std::sync::Arc;

use bevy_ecs::prelude::*;
use tokio::sync::mpsc;

use crate::census::Census;
use crate::event::{Inquiry, MAX_REQUESTS};
use crate::metrics::gather;
use crate::wire::state::state_of_world;

/// Who wants to know: the world's end of a bounded channel.
#[derive(Resource)]
pub struct InquiryQueue(pub mpsc::Receiver<Inquiry>);

/// Answers inquiries. All of one run get the same answer, looked up once; writing it down is theirs.
pub fn answer_inquiries(mut queue: ResMut<InquiryQueue>, census: Census) {
    let (mut state, mut metrics) = (None, None);
    for _ in 0..MAX_REQUESTS {
        let Ok(inquiry) = queue.0.try_recv() else {
            return;
        };
        // Whoever asked may have gone meanwhile.
        match inquiry {
            Inquiry::State(answer) => {
                let state = state.get_or_insert_with(|| Arc::new(state_of_world(&census)));
                let _ = answer.send(state.clone());
            }
            Inquiry::Metrics(answer) => {
                let metrics = metrics.get_or_insert_with(|| Arc::new(gather(&census)));
                let _ = answer.send(metrics.clone());
            }
        }
    }
}
