//! How cameras are opened, and which of their pictures are used.

use std::time::Duration;

use detector_components::camera::Transport;
use serde::{Deserialize, Serialize};

/// How cameras are opened, and which of their pictures are used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cameras {
    /// How the packets of RTSP streams travel, where a subscription does not say. Default: `auto`.
    pub rtsp_transport: String,
    /// How long a packet over UDP waits for those that it overtook. Default: 100.
    pub udp_wait_ms: u64,
    /// Cameras that are opened at once. Default: 16.
    pub connects: usize,
    /// Cameras of one host that are opened at once. Default: 4.
    pub connects_per_host: usize,
    /// Whether pictures that may be wrong are inferred. Default: true.
    pub infer_suspicious: bool,
    /// The same picture for so long is a frozen camera. Default: 30.
    pub freeze_secs: f64,
    /// A black or one-colour picture for so long is a covered camera. Default: 5.
    pub covered_secs: f64,
    /// Bytes of one coded picture. Default: 16 MiB.
    pub picture_bytes: usize,
    /// Columns times rows of a picture. Default: 40 million.
    pub picture_pixels: u64,
}

impl Default for Cameras {
    fn default() -> Self {
        Self {
            rtsp_transport: "auto".to_owned(),
            udp_wait_ms: 100,
            connects: 16,
            connects_per_host: 4,
            infer_suspicious: true,
            freeze_secs: 30.0,
            covered_secs: 5.0,
            picture_bytes: 16 << 20,
            picture_pixels: 40_000_000,
        }
    }
}

impl Cameras {
    /// How packets travel, where a subscription does not say.
    pub fn transport(&self) -> Option<Transport> {
        let named = Transport::NAMES.iter().find(|(name, _)| *name == self.rtsp_transport);
        named.map(|(_, transport)| *transport)
    }

    /// How long a packet over UDP waits for those that it overtook.
    pub fn udp_wait(&self) -> Duration {
        Duration::from_millis(self.udp_wait_ms)
    }

    /// Every value that is out of its range.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut expect = |holds: bool, fault: String| {
            if !holds {
                faults.push(format!("cameras.{fault}"));
            }
        };
        let names: Vec<_> = Transport::NAMES.iter().map(|(name, _)| *name).collect();
        expect(
            self.transport().is_some(),
            format!(
                "rtsp_transport: expected one of {}, found {:?}",
                names.join(", "),
                self.rtsp_transport
            ),
        );
        expect(
            self.udp_wait_ms <= 10_000,
            format!("udp_wait_ms: expected at most 10000, found {}", self.udp_wait_ms),
        );
        for (name, number) in
            [("connects", self.connects), ("connects_per_host", self.connects_per_host)]
        {
            expect(number > 0, format!("{name}: expected at least 1, found 0"));
        }
        for (name, secs) in [("freeze_secs", self.freeze_secs), ("covered_secs", self.covered_secs)]
        {
            expect(
                (0.5..=86_400.0).contains(&secs),
                format!("{name}: expected 0.5 to 86400, found {secs}"),
            );
        }
        expect(
            self.picture_bytes >= 65_536,
            format!("picture_bytes: expected at least 65536, found {}", self.picture_bytes),
        );
        expect(
            self.picture_pixels >= 4_096,
            format!("picture_pixels: expected at least 4096, found {}", self.picture_pixels),
        );
        faults
    }
}
