//! Model archives (.mpta): fetched, cached, verified, read into nodes.
