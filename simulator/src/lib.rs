//! A camera simulator: RTSP and HTTP cameras on loopback, and their faults.
