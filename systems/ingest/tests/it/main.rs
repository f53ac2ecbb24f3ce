//! Real cameras: an RTSP server, a web server, files.

mod files;
mod misbehaving;
mod reach;
mod rtsp;
mod snapshots;
mod stand;
