//! An RTSP client for cameras.
