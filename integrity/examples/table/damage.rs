//! What happens to coded pictures on their way.

use crate::random::Random;
use crate::stream::{Codec, Stream};

/// The first picture that is received, of those that are joined late.
const JOINED_AT: u64 = 25;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// Slices of intra pictures get lost, each with this probability in percent.
    IntraSlices(u32),
    /// Slices of other pictures get lost.
    Slices(u32),
    /// Whole pictures that are not intra get lost.
    Pictures(u32),
    /// Every other intra picture gets lost as a whole.
    IntraPictures,
    /// Decoding begins between two intra pictures, with the parameter sets.
    Join,
    /// Slices end early.
    Cut(u32),
    /// A byte of a slice is another.
    Flipped(u32),
    /// Every third file ends early.
    CutFile,
}

impl Damage {
    /// Its name in the table.
    pub fn name(self) -> String {
        match self {
            Self::IntraSlices(percent) => format!("{percent} % of slices of key pictures lost"),
            Self::Slices(percent) => format!("{percent} % of other slices lost"),
            Self::Pictures(percent) => format!("{percent} % of pictures lost"),
            Self::IntraPictures => "every other key picture lost".to_owned(),
            Self::Join => "joined between key pictures".to_owned(),
            Self::Cut(percent) => format!("{percent} % of slices end early"),
            Self::Flipped(percent) => format!("{percent} % of slices have a wrong byte"),
            Self::CutFile => "each third file cut".to_owned(),
        }
    }

    /// Whether it happens to pictures that are files.
    pub fn is_of_files(self) -> bool {
        self == Self::CutFile
    }

    /// Damages a stream. The first picture stays whole, but for [`Damage::Join`].
    pub fn apply(self, stream: &mut Stream, seed: u64) {
        let mut random = Random::new(seed);
        let codec = stream.codec;
        if self == Self::CutFile {
            for coded in stream.pictures.iter_mut().filter(|coded| coded.number % 3 == 2) {
                let keep = coded.bytes.len() * (20 + random.below(70) as usize) / 100;
                coded.bytes.truncate(keep);
            }
            return;
        }
        let mut intra = 0;
        for coded in &mut stream.pictures[1..] {
            let units = units(&coded.bytes);
            let is_intra = units.iter().any(|unit| kind(codec, unit) == Kind::Intra);
            intra += u32::from(is_intra);
            let lost = match self {
                Self::Pictures(percent) => !is_intra && random.below(100) < percent,
                Self::IntraPictures => is_intra && intra % 2 == 1,
                Self::Join => coded.number < JOINED_AT,
                _ => false,
            };
            if lost {
                coded.bytes.clear();
                continue;
            }
            let mut kept = Vec::new();
            for mut unit in units {
                let kind = kind(codec, &unit);
                let mut happens = |percent| kind != Kind::Other && random.below(100) < percent;
                match self {
                    Self::IntraSlices(percent) if kind == Kind::Intra && happens(percent) => {
                        continue;
                    }
                    Self::Slices(percent) if kind == Kind::Inter && happens(percent) => continue,
                    Self::Cut(percent) if happens(percent) => {
                        unit.truncate(unit.len().div_ceil(2).max(8));
                    }
                    Self::Flipped(percent) if happens(percent) && unit.len() > 24 => {
                        let at = 20 + random.below(unit.len() as u32 - 20) as usize;
                        unit[at] ^= 0x55;
                    }
                    _ => {}
                }
                kept.extend([0, 0, 0, 1]);
                kept.append(&mut unit);
            }
            coded.bytes = kept;
        }
        if self == Self::Join {
            join(stream);
        }
    }
}

/// Keeps the parameter sets of the first picture and what follows the middle of its group.
fn join(stream: &mut Stream) {
    let codec = stream.codec;
    let first = units(&stream.pictures[0].bytes);
    let mut sets = Vec::new();
    for unit in first.iter().filter(|unit| kind(codec, unit) == Kind::Other) {
        sets.extend([0, 0, 0, 1]);
        sets.extend(unit);
    }
    stream.pictures[0].bytes = sets;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Intra,
    Inter,
    Other,
}

fn kind(codec: Codec, unit: &[u8]) -> Kind {
    let first = unit.first().copied().unwrap_or(0);
    match codec {
        Codec::H264 => match first & 31 {
            5 => Kind::Intra,
            1 => Kind::Inter,
            _ => Kind::Other,
        },
        Codec::H265 => match (first >> 1) & 63 {
            16..=21 => Kind::Intra,
            0..=9 => Kind::Inter,
            _ => Kind::Other,
        },
        Codec::Jpeg => Kind::Other,
    }
}

/// The NAL units of a byte stream.
fn units(bytes: &[u8]) -> Vec<Vec<u8>> {
    let starts: Vec<usize> = (0..bytes.len().saturating_sub(2))
        .filter(|at| bytes[*at..].starts_with(&[0, 0, 1]))
        .collect();
    let ends = starts.iter().skip(1).copied().chain([bytes.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(start, end)| {
            let mut unit = bytes[start + 3..end].to_vec();
            // The next start code may have one more zero.
            if end < bytes.len() && unit.last() == Some(&0) {
                unit.pop();
            }
            unit
        })
        .collect()
}
