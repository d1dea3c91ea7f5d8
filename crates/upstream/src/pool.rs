//! Idle connections of one upstream, newest first. One pool a thread, so its lock is never waited for.

use crate::io::Watch;
use bytes::Bytes;
use cordon_types::{Clock, Nanos};
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// A connection that takes requests; its driver is a task of its own, which ends when this is dropped.
pub(crate) struct Conn {
    pub(crate) sender: SendRequest<Full<Bytes>>,
    pub(crate) watch: Arc<Watch>,
}

struct Idle {
    conn: Conn,
    since: Nanos,
}

/// See the module.
pub(crate) struct Pool {
    idle: Mutex<VecDeque<Idle>>,
    most: usize,
    keep: Nanos,
    clock: Arc<dyn Clock>,
}

impl Pool {
    pub(crate) fn new(most: usize, keep: Duration, clock: Arc<dyn Clock>) -> Self {
        let keep = Nanos::try_from(keep.as_nanos()).unwrap_or(Nanos::MAX);
        Self { idle: Mutex::default(), most, keep, clock }
    }

    /// The newest idle connection that is open and ready for a request. Closed ones on the way to it go: what a
    /// request costs does not grow with how many stand idle.
    pub(crate) fn take(&self) -> Option<Conn> {
        let mut idle = self.lock();
        self.drop_aged(&mut idle);
        let mut at = idle.len();
        while at > 0 {
            at -= 1;
            let conn = &idle.get(at)?.conn;
            // One that is neither has an answer, but is still busy with its request: leave it to its age.
            let (closed, ready) = (conn.sender.is_closed(), conn.sender.is_ready());
            if closed || ready {
                let found = idle.remove(at)?.conn;
                if !closed {
                    return Some(found);
                }
            }
        }
        None
    }

    pub(crate) fn put(&self, conn: Conn) {
        if conn.sender.is_closed() || self.most == 0 {
            return;
        }
        let mut idle = self.lock();
        self.drop_aged(&mut idle);
        if idle.len() >= self.most {
            drop_closed(&mut idle);
        }
        if idle.len() >= self.most {
            idle.pop_front();
        }
        idle.push_back(Idle { conn, since: self.clock.ticks() });
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    pub(crate) fn expire(&self) {
        let mut idle = self.lock();
        self.drop_aged(&mut idle);
        drop_closed(&mut idle);
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// The oldest are in front.
    fn drop_aged(&self, idle: &mut VecDeque<Idle>) {
        let Some(front) = idle.front() else { return };
        let now = self.clock.ticks();
        let aged = |i: &Idle| now.saturating_sub(i.since) > self.keep;
        if aged(front) {
            let kept = idle.partition_point(aged);
            idle.drain(..kept);
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Idle>> {
        // No code that can panic runs under the lock; a poisoned pool is a pool.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn drop_closed(idle: &mut VecDeque<Idle>) {
    idle.retain(|i| !i.conn.sender.is_closed());
}

/// A connection in use. It goes back to its pool when the answer was read to its end, and is closed else.
pub(crate) struct Lease {
    pub(crate) conn: Conn,
    pub(crate) pool: Arc<Pool>,
}

impl Lease {
    pub(crate) fn give_back(self) {
        self.pool.put(self.conn);
    }
}
