//! Camera address to newest frame, with its integrity.
