//! Listeners and body streaming: drives the pipeline.
