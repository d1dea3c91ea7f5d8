//! The admin JSON API.
