//! Persistence: the only SQL, and the ledger's files.
