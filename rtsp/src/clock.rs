//! The camera's own clock, from its sender reports (RFC 3550, 6.4.1).

use jiff::{SignedDuration, Timestamp};

/// Relates RTP timestamps to the camera's wall clock.
///
/// A report gives one moment in both clocks. Cameras whose clock was never set report years before
/// 2000, or times that jump: such a clock is not used.
#[derive(Debug)]
pub struct CameraClock {
    clock_rate: u32,
    report: Option<Report>,
    /// Whether the newest two reports agree.
    is_steady: bool,
}

#[derive(Clone, Copy, Debug)]
struct Report {
    wall: Timestamp,
    rtp: u32,
}

/// Seconds between the beginnings of NTP's and Unix' time.
const NTP_TO_UNIX: u64 = 2_208_988_800;
/// 2000-01-01, in Unix' time.
const YEAR_2000: u64 = 946_684_800;
/// Two reports that differ by more than this do not agree.
const TOLERANCE: SignedDuration = SignedDuration::from_millis(500);

impl CameraClock {
    /// Nothing is known yet.
    pub fn new(clock_rate: u32) -> Self {
        Self { clock_rate: clock_rate.max(1), report: None, is_steady: true }
    }

    /// Takes a sender report: NTP time (32.32 bits) and RTP timestamp of one moment.
    pub fn report(&mut self, ntp: u64, rtp: u32) {
        let Some(wall) = wall(ntp) else {
            self.report = None;
            return;
        };
        let report = Report { wall, rtp };
        self.is_steady = self.report.is_none_or(|last| {
            at(last, rtp, self.clock_rate)
                .is_some_and(|expected| wall.duration_since(expected).abs() < TOLERANCE)
        });
        self.report = Some(report);
    }

    /// When a packet's picture was taken, by the camera's clock.
    pub fn at(&self, rtp: u32) -> Option<Timestamp> {
        let report = self.report.filter(|_| self.is_steady)?;
        at(report, rtp, self.clock_rate)
    }

    /// Forgets everything: another sender has another clock.
    pub fn reset(&mut self) {
        self.report = None;
        self.is_steady = true;
    }
}

fn at(report: Report, rtp: u32, clock_rate: u32) -> Option<Timestamp> {
    let ticks = i64::from(rtp.wrapping_sub(report.rtp).cast_signed());
    let nanos = ticks * 1_000_000_000 / i64::from(clock_rate);
    report.wall.checked_add(SignedDuration::from_nanos(nanos)).ok()
}

fn wall(ntp: u64) -> Option<Timestamp> {
    let (seconds, fraction) = (ntp >> 32, ntp & 0xffff_ffff);
    let seconds = seconds.checked_sub(NTP_TO_UNIX).filter(|seconds| *seconds > YEAR_2000)?;
    let nanos = (fraction * 1_000_000_000) >> 32;
    Timestamp::new(i64::try_from(seconds).ok()?, i32::try_from(nanos).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ntp(unix_seconds: u64) -> u64 {
        (unix_seconds + NTP_TO_UNIX) << 32
    }

    #[test]
    fn a_timestamp_becomes_a_time_of_day() {
        let mut clock = CameraClock::new(90_000);
        assert_eq!(clock.at(0), None);
        clock.report(ntp(1_700_000_000) + (1 << 31), u32::MAX - 44_999);
        let after = clock.at(45_000).unwrap();
        assert_eq!(after.as_millisecond(), 1_700_000_001_500);
        let before = clock.at(u32::MAX - 89_999).unwrap();
        assert_eq!(before.as_millisecond(), 1_700_000_000_000);
    }

    #[test]
    fn a_clock_that_was_never_set_is_not_used() {
        let mut clock = CameraClock::new(90_000);
        for ntp in [0, 12_345 << 32, ntp(1_000)] {
            clock.report(ntp, 0);
            assert_eq!(clock.at(0), None);
        }
    }

    #[test]
    fn a_clock_that_jumps_is_not_used_until_it_is_steady() {
        let mut clock = CameraClock::new(90_000);
        clock.report(ntp(1_700_000_000), 0);
        clock.report(ntp(1_700_000_100), 90_000);
        assert_eq!(clock.at(90_000), None);
        clock.report(ntp(1_700_000_101), 180_000);
        assert!(clock.at(180_000).is_some());
    }
}
