//! Judging: Cedar behind one door, and agents' manifests.
