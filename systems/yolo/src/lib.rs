//! Ultralytics checkpoints in pure Rust: reads a .pt without executing it, and runs its network.
