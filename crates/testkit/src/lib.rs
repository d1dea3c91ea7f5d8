//! Dev-only: fake clock, breaking store, scripted model, stream chunker.
