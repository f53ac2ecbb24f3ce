//! Detections to triggered branches, their crops, and merged results.
