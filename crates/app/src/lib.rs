//! Composition root: build, run, reload, drain.
