//! What is to be done for one event, in order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use detector_components::action::{ActionKind, Backlog, Origin, PictureFormat};
use detector_components::clock::Moment;
use detector_components::frame::Pixels;
use detector_components::geometry::Region;
use detector_picture::{PictureError, encode_jpeg, encode_png};

/// What is to be done for one event at one server. Its steps belong together: a message may name the
/// picture that the step before it saves.
pub struct Errand {
    /// Who wants it.
    pub origin: Arc<Origin>,
    /// What to do, in order.
    pub steps: Vec<Step>,
    /// When it was asked for.
    pub since: Moment,
}

/// One step, its picture not yet encoded.
pub enum Step {
    /// Save a part of a frame.
    Save {
        key: String,
        pixels: Arc<Pixels>,
        region: Region,
        format: PictureFormat,
        expire: Option<Duration>,
    },
    /// Anything else.
    Send(Command),
}

/// An errand that is ready to be sent.
pub struct Parcel {
    /// Who wants it.
    pub origin: Arc<Origin>,
    /// What is left to send, in order.
    pub commands: VecDeque<Command>,
    /// When it was asked for.
    pub since: Moment,
    /// Which one it is among those to its server. Given when it is first sent.
    pub number: Option<u64>,
    /// Bytes that it holds, nearly.
    pub bytes: u64,
}

/// One command for a server.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// `SET key value [PX expire]`
    Set { key: String, value: Bytes, expire: Option<Duration> },
    /// `PUBLISH channel message`
    Publish { channel: String, message: String },
    /// `XADD stream [MAXLEN ~ max_len] * field value ...`
    StreamAdd { stream: String, entry: Vec<(Arc<str>, String)>, max_len: Option<u64> },
    /// `INSERT ... ON CONFLICT ... DO UPDATE`
    WriteRow(Row),
}

/// A row to be written. Names are checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub schema: Option<Arc<str>>,
    pub table: Arc<str>,
    pub key: (Arc<str>, String),
    /// None is the server's time.
    pub columns: Vec<(Arc<str>, Option<String>)>,
}

impl Errand {
    /// The kinds of its actions.
    pub fn kinds(&self) -> Vec<ActionKind> {
        let kind = |step: &Step| match step {
            Step::Save { .. } => ActionKind::SaveImage,
            Step::Send(command) => command.kind(),
        };
        self.steps.iter().map(kind).collect()
    }

    /// How many pictures are to be encoded.
    pub fn pictures(&self) -> usize {
        self.steps.iter().filter(|step| matches!(step, Step::Save { .. })).count()
    }

    /// Encodes its pictures. Slow: not for a thread that others wait for.
    pub fn packed(self) -> Result<Parcel, PictureError> {
        let commands: VecDeque<_> =
            self.steps.into_iter().map(Step::packed).collect::<Result<_, _>>()?;
        let bytes = commands.iter().map(|command| command.bytes() as u64).sum();
        Ok(Parcel { origin: self.origin, commands, since: self.since, number: None, bytes })
    }
}

impl Step {
    fn packed(self) -> Result<Command, PictureError> {
        Ok(match self {
            Self::Send(command) => command,
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
    /// The kinds of the actions that are left.
    pub fn kinds(&self) -> Vec<ActionKind> {
        self.commands.iter().map(Command::kind).collect()
    }

    /// What waits with it.
    pub fn backlog(&self) -> Backlog {
        Backlog { actions: self.commands.len() as u64, bytes: self.bytes }
    }
}

impl Command {
    /// The kind of action that it does.
    pub fn kind(&self) -> ActionKind {
        match self {
            Self::Set { .. } => ActionKind::SaveImage,
            Self::Publish { .. } => ActionKind::Publish,
            Self::StreamAdd { .. } => ActionKind::StreamAdd,
            Self::WriteRow(_) => ActionKind::UpdateRow,
        }
    }

    /// Bytes that it holds, nearly.
    fn bytes(&self) -> usize {
        match self {
            Self::Set { key, value, .. } => key.len() + value.len(),
            Self::Publish { channel, message } => channel.len() + message.len(),
            Self::StreamAdd { stream, entry, .. } => {
                let entry = entry.iter().map(|(field, value)| field.len() + value.len());
                stream.len() + entry.sum::<usize>()
            }
            Self::WriteRow(Row { key, columns, .. }) => {
                let value = |value: &Option<String>| value.as_ref().map_or(0, String::len);
                key.1.len() + columns.iter().map(|(_, text)| value(text)).sum::<usize>()
            }
        }
    }
}
