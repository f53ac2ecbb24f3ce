//! Results to Redis.
