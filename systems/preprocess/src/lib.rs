//! Frames to network input: colour, crop, letterbox, in compute shaders or on the CPU.
