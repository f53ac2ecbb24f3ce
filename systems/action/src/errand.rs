//! What is to be done for one finding, in order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use detector_components::action::PictureFormat;
use detector_components::frame::Pixels;
use detector_components::geometry::Region;
use detector_picture::{PictureError, encode_jpeg, encode_png};

/// What is to be done for one finding. Its steps belong together: a message may name the picture
/// that the step before it saves.
pub struct Errand {
    /// What to do, in order.
    pub steps: Vec<Step>,
    /// When it was asked for.
    pub since: Instant,
}

/// One command, its picture not yet encoded.
pub enum Step {
    /// Save a part of a frame.
    Save {
        key: String,
        pixels: Arc<Pixels>,
        region: Region,
        format: PictureFormat,
        expire: Option<Duration>,
    },
    /// Publish a message.
    Publish { channel: String, message: String },
}

/// An errand that is ready to be sent.
pub struct Parcel {
    /// What is left to send, in order.
    pub commands: Vec<Command>,
    /// When it was asked for.
    pub since: Instant,
}

/// One command of Redis.
pub enum Command {
    /// `SET key value [PX expire]`
    Set { key: String, value: Bytes, expire: Option<Duration> },
    /// `PUBLISH channel message`
    Publish { channel: String, message: String },
}

impl Errand {
    /// Encodes its pictures. Slow: not for a thread that others wait for.
    pub fn packed(self) -> Result<Parcel, PictureError> {
        let commands = self.steps.into_iter().map(Step::packed).collect::<Result<_, _>>()?;
        Ok(Parcel { commands, since: self.since })
    }
}

impl Step {
    fn packed(self) -> Result<Command, PictureError> {
        Ok(match self {
            Self::Publish { channel, message } => Command::Publish { channel, message },
            Self::Save { key, pixels, region, format, expire } => {
                let value = match format {
                    PictureFormat::Jpeg { quality } => encode_jpeg(&pixels, region, quality)?,
                    PictureFormat::Png => encode_png(&pixels, region)?,
                };
                Command::Set { key, value: value.into(), expire }
            }
        })
    }
}

impl Parcel {
    /// Bytes that it holds, nearly.
    pub fn bytes(&self) -> usize {
        let bytes = |command: &Command| match command {
            Command::Set { key, value, .. } => key.len() + value.len(),
            Command::Publish { channel, message } => channel.len() + message.len(),
        };
        self.commands.iter().map(bytes).sum()
    }
}
