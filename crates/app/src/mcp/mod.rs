//! Local programs that speak MCP, put behind the gateway: a bridge that stands in for their stdio servers, and the
//! rewriting of their configurations.
//!
//! What always holds: nothing here starts a process. A tool server is started by the gateway alone, from the operator's
//! file; the bridge only asks whether it stands there. Values of variables, headers and tokens are never printed.

pub mod import;
pub mod operator;
pub mod wrap;
