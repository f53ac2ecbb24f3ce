//! Judges whether a picture can be trusted.
