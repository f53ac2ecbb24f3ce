//! What a pipeline does besides reporting, as read from its archive.

use std::sync::Arc;
use std::time::Duration;

/// An action of a node.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Saves a picture under a Redis key.
    RedisSaveImage {
        /// Template of the key.
        key: Template,
        /// Class whose best box is cut out. None: the node's own box.
        region: Option<Arc<str>>,
        /// How it is encoded.
        format: PictureFormat,
        /// How long Redis keeps it. None: for ever.
        expire: Option<Duration>,
    },
    /// Publishes a message on a Redis channel.
    RedisPublish {
        /// Template of the channel.
        channel: Template,
        /// Template of the message.
        message: Template,
    },
}

/// How a picture is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureFormat {
    /// Lossy, at this quality from 1 to 100.
    Jpeg {
        /// 1 to 100.
        quality: u8,
    },
    /// Lossless.
    Png,
}

/// A text with `{name}` places. Names that are not known are left as they are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Template(Arc<str>);

impl Template {
    /// Takes the text as it stands in the archive.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text as it stands in the archive.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
