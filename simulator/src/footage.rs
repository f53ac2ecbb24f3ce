//! What a simulated camera shows, and how.

use std::fmt;
use std::path::PathBuf;

use detector_components::geometry::Size;

use crate::error::SimulatorError;
use crate::scene::Scene;

/// What a camera shows.
#[derive(Clone, Debug)]
pub enum Footage {
    /// A test pattern with a moving ball.
    Pattern {
        /// Columns and rows: even.
        size: Size,
        /// Frames a second.
        fps: u32,
    },
    /// A video, over and over, in real time. At its end it goes on with its beginning; timestamps
    /// go on too.
    ///
    /// Its pictures are read into memory when the camera is added. H.264 without B-frames is sent
    /// as it is; anything else is encoded once, at that moment. Sound is left out.
    File {
        /// Where it is.
        path: PathBuf,
    },
    /// A scene whose truth is known.
    Drawn {
        /// What is drawn. Its sides are even.
        scene: Scene,
        /// Frames a second.
        fps: u32,
    },
}

impl Footage {
    /// The default scene at ten frames a second.
    pub fn drawn() -> Self {
        Self::Drawn { scene: Scene::default(), fps: 10 }
    }

    /// A test pattern of 320 x 240 pixels at ten frames a second.
    pub fn pattern() -> Self {
        Self::Pattern { size: Size { width: 320, height: 240 }, fps: 10 }
    }

    pub(crate) fn check(&self) -> Result<(), SimulatorError> {
        let (size, fps) = match self {
            Self::Pattern { size, fps } => (*size, *fps),
            Self::Drawn { scene, fps } => (scene.size, *fps),
            Self::File { .. } => return Ok(()),
        };
        let good = |side: u32| (16..=4_096).contains(&side) && side.is_multiple_of(2);
        if good(size.width) && good(size.height) && (1..=120).contains(&fps) {
            Ok(())
        } else {
            Err(SimulatorError::Format { size, fps })
        }
    }
}

/// One camera of a server.
#[derive(Clone, Debug)]
pub struct Stream {
    pub(crate) footage: Footage,
    pub(crate) shared: bool,
    pub(crate) login: Option<Login>,
}

impl Stream {
    /// A camera that everyone may watch.
    ///
    /// All clients see the same moment of a drawn scene or a pattern, as with a camera. A file
    /// begins anew for each client: its next key frame may be far away.
    pub fn new(footage: Footage) -> Self {
        let shared = !matches!(footage, Footage::File { .. });
        Self { footage, shared, login: None }
    }

    /// Whether all clients watch one stream, or each has its own from the beginning.
    pub fn shared(self, shared: bool) -> Self {
        Self { shared, ..self }
    }

    /// Only with this user and password.
    pub fn login(self, login: Login) -> Self {
        Self { login: Some(login), ..self }
    }
}

/// What a camera asks for before it shows anything.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// Who.
    pub user: String,
    /// The password.
    pub password: String,
    /// Whether it is asked for by the digest scheme rather than by the basic one. A server has one
    /// scheme: basic as soon as one of its cameras wants that.
    pub digest: bool,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("digest", &self.digest).finish_non_exhaustive()
    }
}
