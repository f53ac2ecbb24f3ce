//! WebSocket and HTTP: commands in, detections and state out.
