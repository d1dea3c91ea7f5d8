//! RawConfig to Config, every error at once.
