//! Who watches the ledger: the gateway's side of witnessing.
//!
//! ```text
//! committer -> checkpoint -> worker (own thread): consistency proof, POST add-checkpoint to each witness
//!                                |  409: from the size that the witness has; failures: back off
//!                                v
//!                 checkpoint.cosigned, cosigned/*  (durable)  -> board -> status, metrics, readiness
//! ```
//!
//! What always holds: no commit and no request waits for a witness; a cosignature counts only when it verifies
//! under the operator's policy. What it does not do: decide whether traffic goes on. A witness that knows another
//! history of this ledger is an alarm for people.

mod board;
mod plan;
mod worker;

pub(crate) use board::Board;
pub(crate) use plan::{Plan, load};

use crate::data::DataDir;
use crate::error::AppError;
use cordon_ledger::VerifierKey;
use cordon_store::volume::FileVolume;
use cordon_types::Clock;
use prometheus_client::registry::Registry;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::watch;

/// The running worker. Dropping it ends the worker without a last round.
pub(crate) struct Witnessing {
    pub(crate) board: Arc<Board>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Witnessing {
    /// Starts the worker over a ledger that is open for writing.
    pub(crate) fn start(
        dir: &DataDir,
        plan: Plan,
        volume: Arc<FileVolume>,
        key: VerifierKey,
        clock: Arc<dyn Clock>,
        registry: &mut Registry,
    ) -> Result<Self, AppError> {
        let standing = cordon_ledger::witnessed::standing(volume.as_ref(), &key, &plan.policy)?;
        let board = Arc::new(Board::new(&plan.policy, &standing, registry));
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(AppError::Thread)?;
        let peers = plan.peers(dir.root(), runtime.handle(), &clock)?;
        let worker = worker::Worker::new(plan, volume, key, peers, &standing, board.clone(), clock);
        let (stop, stopping) = watch::channel(false);
        let thread = std::thread::Builder::new()
            .name("cordon-witnesses".to_owned())
            .spawn(move || runtime.block_on(worker.run(stopping)))
            .map_err(AppError::Thread)?;
        Ok(Self { board, stop, thread: Some(thread) })
    }

    /// After the last checkpoint is written: shows it to the witnesses once more, within their time, and ends.
    pub(crate) fn finish(mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
