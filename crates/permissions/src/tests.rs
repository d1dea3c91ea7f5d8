//! Records made up, folded, reported and cut.
