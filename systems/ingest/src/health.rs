//! How a running camera is doing, judged by its newest pictures.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use detector_components::camera::{Impairment, StreamState};
use detector_components::clock::Moment;
use detector_components::integrity::PictureFault;

/// Pictures that came within this time count.
const WINDOW: Duration = Duration::from_secs(10);
/// Fewer pictures say nothing.
const FEWEST: usize = 5;
/// Pictures that are remembered.
const MAX_PICTURES: usize = 1024;
/// Time without a shown picture, while others come, after which a key frame is waited for.
pub const KEY_FRAME_PATIENCE: Duration = Duration::from_secs(1);

/// What became of a camera's newest pictures.
#[derive(Debug, Default)]
pub struct Health {
    pictures: VecDeque<(Moment, Option<PictureFault>)>,
    /// When the last usable picture came.
    last_usable: Option<Moment>,
    /// When pictures began to be of no use for now.
    since: Option<Moment>,
    /// Whether the camera shows nothing useful, though its pictures are whole.
    appearance: Option<PictureFault>,
    key_interval: Option<Duration>,
}

/// The state of a camera that sends pictures, but has not sent a key frame.
pub fn before_key_frame() -> StreamState {
    StreamState::WaitingForKeyFrame { reason: "no key frame has come yet".into() }
}

impl Health {
    /// A usable picture came; it may be suspicious.
    pub fn usable(&mut self, at: Moment, fault: Option<PictureFault>) {
        self.note(at, None);
        self.last_usable = Some(at);
        self.since = None;
        self.appearance =
            fault.filter(|fault| matches!(fault, PictureFault::Frozen | PictureFault::Covered));
    }

    /// A picture was left out.
    pub fn left_out(&mut self, at: Moment, fault: PictureFault) {
        self.note(at, Some(fault));
        self.since.get_or_insert(at);
    }

    /// Time between key frames, as far as it is known.
    pub fn key_interval(&mut self, interval: Duration) {
        self.key_interval = Some(interval);
    }

    /// The state of a camera that sends pictures. None while there are none yet.
    pub fn state(&self, now: Moment) -> Option<StreamState> {
        let recent = self.pictures.iter().rev().take_while(|(at, _)| now.since(*at) < WINDOW);
        let (mut all, mut broken) = (0, [0usize; PictureFault::ALL.len()]);
        for (_, fault) in recent {
            all += 1;
            if let Some(fault) = fault {
                broken[*fault as usize] += 1;
            }
        }
        let faulty: usize = broken.iter().sum();
        let worst = PictureFault::ALL.into_iter().max_by_key(|fault| broken[*fault as usize])?;
        // What came before the first key frame is not the camera's fault.
        let damaged = faulty - broken[PictureFault::NoKeyFrame as usize];
        let mostly_broken = all >= FEWEST && damaged * 2 > all;
        let waited = self.since.map(|since| now.since(since));
        let is_waiting = waited.is_some_and(|waited| waited >= KEY_FRAME_PATIENCE)
            || (self.last_usable.is_none() && faulty > 0);
        if self.last_usable.is_none() || (is_waiting && worst != PictureFault::DecoderError) {
            return is_waiting
                .then(|| StreamState::WaitingForKeyFrame { reason: self.reason(worst) });
        }
        if mostly_broken {
            let reason = format!("most pictures are left out: {}", worst.description());
            let impairment = Impairment::Damaged;
            return Some(StreamState::Impaired { impairment, reason: reason.into() });
        }
        let impairment = match self.appearance {
            Some(PictureFault::Frozen) => Impairment::Frozen,
            Some(PictureFault::Covered) => Impairment::Covered,
            _ => return Some(StreamState::Running),
        };
        let reason: Arc<str> = match impairment {
            Impairment::Frozen => "the camera sends the same picture again and again".into(),
            _ => "the picture is black or one colour: the lens is covered, or there is no light"
                .into(),
        };
        Some(StreamState::Impaired { impairment, reason })
    }

    fn reason(&self, fault: PictureFault) -> Arc<str> {
        let interval = match self.key_interval {
            Some(interval) => format!("; they come every {:.1} s", interval.as_secs_f64()),
            None => String::new(),
        };
        match fault {
            PictureFault::NoKeyFrame => format!("no key frame has come yet{interval}").into(),
            fault => {
                format!("{}; waiting for the next key frame{interval}", fault.description()).into()
            }
        }
    }

    fn note(&mut self, at: Moment, fault: Option<PictureFault>) {
        if self.pictures.len() == MAX_PICTURES {
            self.pictures.pop_front();
        }
        self.pictures.push_back((at, fault));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        Moment { nanos: millis * 1_000_000 }
    }

    /// The state after pictures of 100 ms each: `.` usable, `f` frozen, `c` covered, `l` lost, `k` before
    /// the first key frame.
    #[track_caller]
    fn check(pictures: &str, expected: Option<&str>) -> Option<Arc<str>> {
        let mut health = Health::default();
        let mut now = at(0);
        for letter in pictures.chars() {
            now = now + Duration::from_millis(100);
            match letter {
                'f' => health.usable(now, Some(PictureFault::Frozen)),
                'c' => health.usable(now, Some(PictureFault::Covered)),
                'l' => health.left_out(now, PictureFault::PacketsLost),
                'k' => health.left_out(now, PictureFault::NoKeyFrame),
                _ => health.usable(now, None),
            }
        }
        let state = health.state(now);
        assert_eq!(state.as_ref().map(StreamState::as_str), expected, "{pictures}");
        state.and_then(|state| state.reason())
    }

    #[test]
    fn a_camera_without_pictures_has_no_state() {
        check("", None);
    }

    #[test]
    fn before_a_key_frame_nothing_runs() {
        let reason = check("kkk", Some("waiting_for_key_frame"));
        assert_eq!(reason.as_deref(), Some("no key frame has come yet"));
        check("kkkkkkkkkkkk.", Some("running"));
    }

    #[test]
    fn a_loss_is_a_state_once_it_lasts() {
        check("....lll", Some("running"));
        let reason = check("....lllllllllllll", Some("waiting_for_key_frame"));
        assert_eq!(reason.as_deref(), Some("packets lost; waiting for the next key frame"));
    }

    #[test]
    fn a_camera_whose_pictures_are_mostly_broken_is_damaged() {
        check(&".llll".repeat(8), Some("damaged"));
        check(&"....l".repeat(8), Some("running"));
    }

    #[test]
    fn what_shows_nothing_is_said() {
        check("....ff", Some("frozen"));
        check("....cc", Some("covered"));
        check("ffff.", Some("running"));
    }
}
