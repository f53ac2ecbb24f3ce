//! Where the NAL units lie in an access unit.

use memchr::memmem;

use crate::Framing;

const START_CODE: &[u8] = &[0, 0, 1];

/// The NAL units of an Annex B byte stream, without start codes and without the zeros around them.
/// What comes before the first start code is left out, and so are empty units.
pub fn annex_b_nals(unit: &[u8]) -> impl Iterator<Item = &[u8]> {
    StartCodes::new(unit).filter_map(|nal| {
        let end = nal.iter().rposition(|byte| *byte != 0)?;
        Some(&nal[..=end])
    })
}

/// What lies between start codes, zeros at its end included. MPEG-2 and MPEG-4 use the same ones.
pub(crate) struct StartCodes<'a> {
    /// After a start code; `None` at the end.
    rest: Option<&'a [u8]>,
    finder: memmem::Finder<'static>,
}

impl<'a> StartCodes<'a> {
    pub fn new(unit: &'a [u8]) -> Self {
        let finder = memmem::Finder::new(START_CODE);
        Self { rest: finder.find(unit).map(|start| &unit[start + 3..]), finder }
    }
}

impl<'a> Iterator for StartCodes<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let found = self.finder.find(rest);
        self.rest = found.map(|start| &rest[start + 3..]);
        Some(&rest[..found.unwrap_or(rest.len())])
    }
}

/// Calls `visit` for each NAL unit that is not empty, and says why not all could be found.
pub(crate) fn each_nal(
    unit: &[u8],
    framing: Framing,
    mut visit: impl FnMut(&[u8]),
) -> Option<&'static str> {
    match framing {
        Framing::AnnexB | Framing::Raw => {
            let mut any = false;
            for nal in annex_b_nals(unit) {
                any = true;
                visit(nal);
            }
            (!any).then_some("no start code")
        }
        Framing::LengthPrefixed { bytes } => {
            let (bytes, mut rest) = (usize::from(bytes.clamp(1, 4)), unit);
            while !rest.is_empty() {
                let Some((length, after)) = rest.split_at_checked(bytes) else {
                    return Some("a NAL unit's length is cut off");
                };
                let length = length.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
                let whole = after.len() >= length;
                let (nal, after) = after.split_at(length.min(after.len()));
                if !nal.is_empty() {
                    visit(nal);
                }
                if !whole {
                    return Some("a NAL unit is shorter than its length says");
                }
                rest = after;
            }
            unit.is_empty().then_some("an empty unit")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(unit: &[u8], framing: Framing, expected: &[&[u8]], fault: Option<&str>) {
        let mut found = Vec::new();
        let said = each_nal(unit, framing, |nal| found.push(nal.to_vec()));
        assert_eq!(found, expected);
        assert_eq!(said, fault);
    }

    #[test]
    fn start_codes_of_three_and_four_bytes() {
        check(
            &[0, 0, 0, 1, 9, 0, 0, 1, 5, 6, 0, 0, 0, 0, 1, 7, 0],
            Framing::AnnexB,
            &[&[9], &[5, 6], &[7]],
            None,
        );
        check(&[1, 2, 3], Framing::AnnexB, &[], Some("no start code"));
        check(&[0, 0, 1, 0, 0, 1], Framing::AnnexB, &[], Some("no start code"));
    }

    #[test]
    fn lengths_are_believed_as_far_as_there_are_bytes() {
        let two = Framing::LengthPrefixed { bytes: 2 };
        check(&[0, 1, 7, 0, 0, 0, 2, 8, 9], two, &[&[7], &[8, 9]], None);
        check(&[0, 1, 7, 0], two, &[&[7]], Some("a NAL unit's length is cut off"));
        let fault = "a NAL unit is shorter than its length says";
        check(&[0, 1, 7, 0xff, 0xff, 5], two, &[&[7], &[5]], Some(fault));
        check(&[], two, &[], Some("an empty unit"));
    }
}
