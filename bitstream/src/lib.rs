//! Reads just enough of coded pictures to know where decoding can begin.
