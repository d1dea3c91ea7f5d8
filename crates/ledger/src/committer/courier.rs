//! Tells the waiters of one thread that their entries are durable, all at once.
//!
//! To wake a task of another thread costs a system call and a lock of that thread's queue each time; to wake one of
//! the same thread costs next to nothing. So what a batch has for a thread is put in its box, one task is woken, and
//! that one wakes the others.
//!
//! What always holds: every answer that is put in a box arrives: the courier hands over what is in it when it is
//! polled and when it is dropped, and after that nothing is taken into the box any more.

use futures_channel::oneshot;
use std::{
    cell::RefCell,
    future::Future,
    mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

thread_local! {
    /// The box of this thread's waiters, if a courier runs here.
    static HERE: RefCell<Option<Arc<Post>>> = const { RefCell::new(None) };
}

#[derive(Default)]
struct Inside {
    answers: Vec<(oneshot::Sender<u64>, u64)>,
    waker: Option<Waker>,
    closed: bool,
}

/// The answers for one thread.
#[derive(Default)]
struct Post {
    inside: Mutex<Inside>,
}

impl Post {
    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who waits for one entry.
pub(super) struct Tell {
    sender: oneshot::Sender<u64>,
    post: Option<Arc<Post>>,
}

impl Tell {
    /// For an entry that this thread appends.
    pub(super) fn here() -> (Self, oneshot::Receiver<u64>) {
        let (sender, receiver) = oneshot::channel();
        let post = HERE.try_with(|here| here.borrow().clone()).ok().flatten();
        (Self { sender, post }, receiver)
    }
}

/// Tells the waiters of entries `first` and on. Whoever is not there any more is passed over.
pub(super) fn tell(tells: impl Iterator<Item = Tell>, first: u64) {
    let mut posts: Vec<Arc<Post>> = Vec::new();
    for (index, Tell { sender, post }) in (first..).zip(tells) {
        let Some(post) = post else {
            let _ = sender.send(index);
            continue;
        };
        let mut inside = post.lock();
        if inside.closed {
            drop(inside);
            let _ = sender.send(index);
            continue;
        }
        inside.answers.push((sender, index));
        drop(inside);
        // As many as there are serving threads.
        if !posts.iter().any(|p| Arc::ptr_eq(p, &post)) {
            posts.push(post);
        }
    }
    for post in posts {
        let waker = post.lock().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Hands over what comes for the waiters of the thread that polls it. Never ends.
#[derive(Default)]
#[must_use = "it works where it is polled"]
pub struct Courier {
    post: Arc<Post>,
}

impl Courier {
    fn hand_over(answers: Vec<(oneshot::Sender<u64>, u64)>) {
        for (sender, index) in answers {
            let _ = sender.send(index);
        }
    }
}

impl Future for Courier {
    type Output = std::convert::Infallible;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let _ = HERE.try_with(|here| {
            let mut here = here.borrow_mut();
            if here.as_ref().is_none_or(|post| !Arc::ptr_eq(post, &self.post)) {
                *here = Some(Arc::clone(&self.post));
            }
        });
        let mut inside = self.post.lock();
        inside.waker = Some(cx.waker().clone());
        let answers = mem::take(&mut inside.answers);
        drop(inside);
        Self::hand_over(answers);
        Poll::Pending
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        let mut inside = self.post.lock();
        inside.closed = true;
        inside.waker = None;
        let answers = mem::take(&mut inside.answers);
        drop(inside);
        Self::hand_over(answers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn one_wake_a_batch_and_all_are_told() {
        std::thread::spawn(|| {
            let count = Arc::new(Count::default());
            let waker = Arc::clone(&count).into();
            let mut cx = Context::from_waker(&waker);
            let mut courier = Box::pin(Courier::default());
            assert!(courier.as_mut().poll(&mut cx).is_pending());
            let (tells, mut receivers): (Vec<_>, Vec<_>) = (0..5).map(|_| Tell::here()).unzip();
            tell(tells.into_iter(), 40);
            assert_eq!(count.0.load(Ordering::Relaxed), 1);
            assert!(receivers.iter_mut().all(|r| r.try_recv() == Ok(None)));
            assert!(courier.as_mut().poll(&mut cx).is_pending());
            let told: Vec<_> = receivers.iter_mut().map(|r| r.try_recv()).collect();
            assert_eq!(told, (40..45).map(|n| Ok(Some(n))).collect::<Vec<_>>());
        })
        .join()
        .unwrap();
    }

    #[test]
    fn without_a_courier_and_after_its_end_nobody_is_forgotten() {
        std::thread::spawn(|| {
            let (alone, mut receiver) = Tell::here();
            tell(std::iter::once(alone), 1);
            assert_eq!(receiver.try_recv(), Ok(Some(1)));

            let mut courier = Box::pin(Courier::default());
            assert!(courier.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            let (before, mut received) = Tell::here();
            let (after, mut late) = Tell::here();
            tell(std::iter::once(before), 2);
            assert_eq!(received.try_recv(), Ok(None));
            drop(courier);
            assert_eq!(received.try_recv(), Ok(Some(2)));
            tell(std::iter::once(after), 3);
            assert_eq!(late.try_recv(), Ok(Some(3)));
        })
        .join()
        .unwrap();
    }
}
