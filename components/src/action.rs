//! What a pipeline does besides reporting, as read from its archive.

use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;

mod counters;
pub mod names;
mod recent;
mod servers;
mod template;

pub use counters::{ActionCounters, Backlog, Outcome};
pub use recent::{Origin, RecentAction, RecentActions};
pub use servers::{Absence, ActionServer, ActionServers, ServerPlace};
pub use template::{Piece, Template};

/// An action of a node.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// What is done.
    pub deed: Deed,
    /// Nodes below that must have found something, else it is skipped.
    pub wait_for: Arc<[Arc<str>]>,
}

/// What an action does.
#[derive(Debug, Clone, PartialEq)]
pub enum Deed {
    /// Saves a picture under a Redis key.
    SaveImage {
        /// Its key.
        key: Template,
        /// Class whose best box is cut out. None: the node's own box.
        region: Option<Arc<str>>,
        /// How it is encoded.
        format: PictureFormat,
        /// How long Redis keeps it. None: for ever.
        expire: Option<Duration>,
    },
    /// Publishes a message on a Redis channel.
    Publish {
        /// The channel.
        channel: Template,
        /// The message.
        message: Template,
    },
    /// Adds an entry to a Redis stream.
    StreamAdd {
        /// The stream's key.
        stream: Template,
        /// The entry, by its fields.
        fields: IndexMap<Arc<str>, Template>,
        /// How many entries the stream keeps, nearly. None: all.
        max_len: Option<u64>,
    },
    /// Adds values to the session on the display.
    PatchSession {
        /// The values, by their keys.
        data: IndexMap<Arc<str>, Template>,
    },
    /// Writes a row of a PostgreSQL table: a new one, or over the one with the same key.
    UpdateRow(RowUpdate),
}

/// A row of a table, as an action writes it. Names are checked to be plain ones when the archive is
/// read.
#[derive(Debug, Clone, PartialEq)]
pub struct RowUpdate {
    /// The table's schema. None: where the server looks for tables.
    pub schema: Option<Arc<str>>,
    /// The table.
    pub table: Arc<str>,
    /// The column that tells its rows apart.
    pub key_column: Arc<str>,
    /// What is in that column.
    pub key: Template,
    /// What is in the other columns.
    pub columns: IndexMap<Arc<str>, ColumnValue>,
}

/// What is written into a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnValue {
    /// A text, which the server reads as the column's type.
    Text(Template),
    /// The server's time: `NOW()`.
    Now,
}

impl Deed {
    /// Its kind.
    pub fn kind(&self) -> ActionKind {
        match self {
            Self::SaveImage { .. } => ActionKind::SaveImage,
            Self::Publish { .. } => ActionKind::Publish,
            Self::StreamAdd { .. } => ActionKind::StreamAdd,
            Self::PatchSession { .. } => ActionKind::PatchSession,
            Self::UpdateRow(_) => ActionKind::UpdateRow,
        }
    }
}

/// The kinds of action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ActionKind {
    /// [`Deed::SaveImage`]
    SaveImage,
    /// [`Deed::Publish`]
    Publish,
    /// [`Deed::StreamAdd`]
    StreamAdd,
    /// [`Deed::PatchSession`]
    PatchSession,
    /// [`Deed::UpdateRow`]
    UpdateRow,
}

impl ActionKind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::SaveImage, Self::Publish, Self::StreamAdd, Self::PatchSession, Self::UpdateRow];

    /// Its name in archives: the action's `type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SaveImage => "redis_save_image",
            Self::Publish => "redis_publish",
            Self::StreamAdd => "redis_stream_add",
            Self::PatchSession => "patch_session",
            Self::UpdateRow => "postgresql_update_combined",
        }
    }
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
