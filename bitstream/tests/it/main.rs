//! What encoders were asked for is what is read of their streams.

mod damage;
mod decoded;
mod encoded;
mod h264;
mod h265;
mod others;
mod properties;
