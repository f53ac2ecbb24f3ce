//! What clients ask for, free of how it is written on the wire.

use std::sync::Arc;

use bevy_ecs::prelude::*;
use indexmap::IndexMap;

use crate::camera::CameraSource;
use crate::geometry::BBox;
use crate::identity::{DisplayId, ExternalId, SubscriptionId};
use crate::model::ModelSource;

/// A client asks for something. Read once, in the order sent, by `subscribe`.
#[derive(Message, Clone, Debug)]
pub struct ClientCommand {
    /// Who asks.
    pub client: Entity,
    /// What for.
    pub command: Command,
}

/// What a client can ask for.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Show a camera on a display. The same content again changes nothing.
    Subscribe(Subscribe),
    /// Stop showing it.
    Unsubscribe(SubscriptionId),
    /// Show exactly this, and nothing else that this client asked for: no identifier twice. Done
    /// wholly or not at all.
    SetSubscriptions(Vec<Subscribe>),
    /// Begin a session on a display, or end it.
    SetSession {
        /// Which display.
        display: DisplayId,
        /// `None` ends it, and forgets its values.
        session: Option<ExternalId>,
    },
    /// Say how far things are on a display.
    SetStage {
        /// Which display.
        display: DisplayId,
        /// `None` forgets it.
        stage: Option<Arc<str>>,
    },
    /// Merge values into those of a session.
    PatchSession {
        /// Which session, on whatever displays it runs.
        session: ExternalId,
        /// The values by their keys. `None` takes one away.
        data: IndexMap<Arc<str>, Option<Arc<str>>>,
    },
}

/// The content of a subscription.
#[derive(Clone, Debug, PartialEq)]
pub struct Subscribe {
    /// Its key.
    pub id: SubscriptionId,
    /// The camera.
    pub camera: CameraSource,
    /// The model archive.
    pub model: ModelSource,
    /// The CMS's name of the model, for people.
    pub model_name: Arc<str>,
    /// The CMS's identifier of the model.
    pub model_id: ExternalId,
    /// The part of the frame to look at, in frame pixels; cut to the frame when that is known.
    pub crop_in_frame: Option<Crop>,
}

/// A wanted part of a frame, before the frame's size is known. Hashable, as it is part of a view's
/// identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Crop {
    /// Left.
    pub x1: i32,
    /// Top.
    pub y1: i32,
    /// Right, exclusive.
    pub x2: i32,
    /// Bottom, exclusive.
    pub y2: i32,
}

impl Crop {
    /// The same rectangle as a box.
    pub fn bbox(self) -> BBox {
        BBox { x1: self.x1 as f32, y1: self.y1 as f32, x2: self.x2 as f32, y2: self.y2 as f32 }
    }
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// For programs.
    pub code: RefusalCode,
    /// For people: what, where, and what would be right. Holds no credentials.
    pub message: String,
    /// The subscription that it is about.
    pub subscription: Option<SubscriptionId>,
}

/// The kinds of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalCode {
    /// Not JSON, an unknown type, a missing or wrong field.
    InvalidMessage,
    /// Larger than is accepted.
    MessageTooLarge,
    /// No subscription has this identifier.
    UnknownSubscription,
    /// Another client holds this identifier for something else.
    Conflict,
    /// There would be more than the configuration allows: cameras, subscriptions, displays.
    LimitReached,
    /// The address is not one that the configuration allows.
    ForbiddenUrl,
    /// The model could not be fetched, read or loaded.
    ModelFailed,
    /// The camera cannot be used as asked.
    CameraFailed,
}

impl RefusalCode {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::InvalidMessage,
        Self::MessageTooLarge,
        Self::UnknownSubscription,
        Self::Conflict,
        Self::LimitReached,
        Self::ForbiddenUrl,
        Self::ModelFailed,
        Self::CameraFailed,
    ];

    /// The code on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidMessage => "invalid_message",
            Self::MessageTooLarge => "message_too_large",
            Self::UnknownSubscription => "unknown_subscription",
            Self::Conflict => "conflict",
            Self::LimitReached => "limit_reached",
            Self::ForbiddenUrl => "forbidden_url",
            Self::ModelFailed => "model_failed",
            Self::CameraFailed => "camera_failed",
        }
    }
}
