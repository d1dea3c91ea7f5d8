//! The process's signals: SIGINT and SIGTERM drain, SIGHUP reloads, a ledger that fails is said once.

use crate::error::AppError;
use crate::run::Running;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals, taken from the moment this exists.
pub struct Signals {
    runtime: Runtime,
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    /// Takes the signals over.
    pub fn take() -> Result<Self, AppError> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(AppError::Thread)?;
        let entered = runtime.enter();
        let take = |kind| signal(kind).map_err(AppError::Thread);
        let (interrupt, terminate, hangup) =
            (take(SignalKind::interrupt())?, take(SignalKind::terminate())?, take(SignalKind::hangup())?);
        drop(entered);
        Ok(Self { runtime, interrupt, terminate, hangup })
    }

    /// Waits until the process is told to stop.
    pub fn wait(self, running: &Running) {
        let Self { runtime, mut interrupt, mut terminate, mut hangup } = self;
        runtime.block_on(async {
            let mut look = tokio::time::interval(Duration::from_secs(1));
            let mut told = false;
            loop {
                tokio::select! {
                    _ = interrupt.recv() => return,
                    _ = terminate.recv() => return,
                    _ = hangup.recv() => { running.reload_in_background(); }
                    _ = look.tick() => {
                        if !running.healthy() && !told {
                            told = true;
                            tracing::error!("the ledger cannot write: all traffic is refused until a restart");
                        }
                    }
                }
            }
        });
    }
}
