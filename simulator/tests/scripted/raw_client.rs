//! A client of a few lines, to look at bytes.
