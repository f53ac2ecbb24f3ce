//! Real cameras: an RTSP server, a web server, files.

mod files;
mod hls;
mod logins;
mod misbehaving;
mod mjpeg;
mod odd;
mod reach;
mod rtsp;
mod snapshots;
mod stand;
