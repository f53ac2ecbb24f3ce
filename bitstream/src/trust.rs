//! Whether what a stream says of its own order means anything.

/// From this many points on it does not.
const LIMIT: u32 = 9;
/// Points for a picture that breaks the rule. One that keeps it takes 1 off.
const WRONG: u32 = 3;
/// Pictures in a row that keep the rule, after which it means something again.
const RIGHT: u32 = 16;

/// Some encoders count in a way of their own. Three pictures in a row that break a rule, or more than
/// one in four for long, and nothing is said of the stream until 16 in a row kept it.
#[derive(Debug, Default)]
pub(crate) struct Trust {
    points: u32,
    right: u32,
    lost: bool,
}

impl Trust {
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// A picture came that keeps the rule, or breaks it.
    pub fn weigh(&mut self, is_right: bool) {
        if is_right {
            self.points = self.points.saturating_sub(1);
            self.right = (self.right + 1).min(RIGHT);
        } else {
            self.points = (self.points + WRONG).min(LIMIT);
            self.right = 0;
        }
        if self.points == LIMIT {
            self.lost = true;
        } else if self.right == RIGHT {
            self.lost = false;
            self.points = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_is_lost_and_won_back() {
        let mut trust = Trust::default();
        for is_right in [false, true, false, true] {
            trust.weigh(is_right);
            assert!(!trust.is_lost());
        }
        (0..3).for_each(|_| trust.weigh(false));
        assert!(trust.is_lost());
        (0..15).for_each(|_| trust.weigh(true));
        assert!(trust.is_lost());
        trust.weigh(true);
        assert!(!trust.is_lost());
    }

    #[test]
    fn one_in_four_is_a_loss_and_one_in_three_is_not() {
        for (of, is_lost) in [(5, false), (3, true)] {
            let mut trust = Trust::default();
            (0..100).for_each(|number| trust.weigh(number % of != 0));
            assert_eq!(trust.is_lost(), is_lost, "one in {of}");
        }
    }
}
