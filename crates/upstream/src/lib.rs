//! Outbound HTTP: TLS, pools, credentials, address checks.
