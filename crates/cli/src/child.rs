//! `tool-server`: the gateway's own program for the moment between its start of a tool server and that server's first
//! instruction. It gives up what a child would otherwise have of the gateway's, and becomes the server's program.
//!
//! What always holds: the program ends with the gateway, also where that is killed; it has its three pipes and no other
//! descriptor, also where the gateway was itself started with some. What it does not do: choose a program; the words
//! come from the operator's file by way of the gateway, and no shell reads them.

use anyhow::Context as _;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

pub(crate) fn become_server(parent: u32, command: &[OsString]) -> anyhow::Result<ExitCode> {
    let (program, arguments) = command.split_first().context("a command is needed")?;
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, getppid, set_parent_process_death_signal};
        set_parent_process_death_signal(Some(Signal::KILL)).context("the kernel refuses")?;
        // The gateway could have ended before this was asked for.
        let here = getppid().and_then(|p| u32::try_from(p.as_raw_nonzero().get()).ok());
        if here != Some(parent) {
            return Ok(ExitCode::FAILURE);
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = parent;
    close_fds::set_fds_cloexec(3, &[]);
    // It only comes back where the program could not be started.
    let error = Command::new(program).args(arguments).exec();
    Err(error).with_context(|| format!("{}: cannot start", program.to_string_lossy()))
}
