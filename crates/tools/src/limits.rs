//! When a tool may be called, and how often: state machines over times that the caller brings.
//!
//! What always holds: in no window of the given length are more calls let through than the rate says, whatever the
//! clock does; a full table refuses what is new rather than forget what it must remember. What it does not do: last.
//! After a restart every window is empty.
//!
//! Cost: a call takes constant time and looks at one key; a key holds as many times as its rate allows calls, eight
//! bytes each. When the table is full, one pass over the keys drops those whose window has passed, at most once a
//! second.

use cordon_types::{Millis, Problem};
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// Most calls that a rate may allow in its window: what a key may hold.
pub const MAX_CALLS: u32 = 10_000;
/// Longest window: a week.
pub const MAX_WINDOW: u64 = 7 * 86_400_000;
/// Shortest time between two passes over all keys.
const PASS: u64 = 1_000;

/// So many calls in any window of that length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    calls: u32,
    window: u64,
}

impl Rate {
    /// `calls` in any `window` milliseconds.
    ///
    /// # Errors
    /// When there are none or over [`MAX_CALLS`], or the window is empty or over [`MAX_WINDOW`].
    pub fn new(calls: u32, window: u64) -> Result<Self, Problem> {
        if calls == 0 || calls > MAX_CALLS || window == 0 || window > MAX_WINDOW {
            let message = format!("a rate is 1 to {MAX_CALLS} calls in 1 to {MAX_WINDOW} milliseconds");
            return Err(Problem::new("", message, "choose less, or a shorter window"));
        }
        Ok(Self { calls, window })
    }

    fn most(self) -> usize {
        usize::try_from(self.calls).unwrap_or(usize::MAX)
    }

    /// Reads `10/minute`; the windows are `second`, `minute`, `hour`, `day` and `week`.
    ///
    /// # Errors
    /// When it is anything else, or not within the limits of [`Rate::new`].
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let bad = || {
            Problem::new("", "not a rate", "write `10/minute`: calls in a second, minute, hour, day or week")
        };
        let (calls, window) = text.split_once('/').ok_or_else(bad)?;
        let window = match window.trim() {
            "second" => 1_000,
            "minute" => 60_000,
            "hour" => 3_600_000,
            "day" => 86_400_000,
            "week" => MAX_WINDOW,
            _ => return Err(bad()),
        };
        Self::new(calls.trim().parse().map_err(|_| bad())?, window)
    }
}

/// The calls of the last windows, by key (an agent and a tool, say).
#[derive(Debug)]
pub struct Rates<K> {
    keys: HashMap<K, Calls>,
    most: usize,
    /// The latest time seen: time does not go back here.
    latest: u64,
    passed: Option<u64>,
}

#[derive(Debug, Default)]
struct Calls {
    times: VecDeque<u64>,
    window: u64,
}

/// Why a call is too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooMany {
    /// The rate is used up; again at that time.
    Until(Millis),
    /// The table is full of others' windows.
    Full,
}

impl<K: Hash + Eq + Clone> Rates<K> {
    /// A table of at most `most` keys.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { keys: HashMap::new(), most, latest: 0, passed: None }
    }

    /// Whether the rate allows a call at `now`. Bring a time that does not step: what steps ahead and back again holds
    /// calls until it has caught up.
    ///
    /// # Errors
    /// When it does not.
    pub fn room(&mut self, key: &K, rate: Rate, now: Millis) -> Result<(), TooMany> {
        let now = now.max(self.latest);
        self.latest = now;
        let Some(calls) = self.keys.get(key) else {
            if self.keys.len() >= self.most {
                self.pass(now);
            }
            return if self.keys.len() >= self.most { Err(TooMany::Full) } else { Ok(()) };
        };
        // The call that has to be over: the last but so many.
        let index = calls.times.len().checked_sub(rate.most());
        match index.and_then(|i| calls.times.get(i)).map(|t| t.saturating_add(rate.window)) {
            Some(free) if free > now => Err(TooMany::Until(free)),
            _ => Ok(()),
        }
    }

    /// Counts a call at `now`, if the rate allows it.
    ///
    /// # Errors
    /// As [`Rates::room`]; the call is not counted then.
    pub fn take(&mut self, key: &K, rate: Rate, now: Millis) -> Result<(), TooMany> {
        self.room(key, rate, now)?;
        let calls = self.keys.entry(key.clone()).or_default();
        calls.window = calls.window.max(rate.window);
        calls.times.push_back(self.latest);
        while calls.times.len() > rate.most() {
            calls.times.pop_front();
        }
        Ok(())
    }

    /// Drops the keys whose last call is over.
    fn pass(&mut self, now: u64) {
        if self.passed.is_some_and(|at| now < at.saturating_add(PASS)) {
            return;
        }
        self.passed = Some(now);
        self.keys.retain(|_, c| c.times.back().is_some_and(|t| t.saturating_add(c.window) > now));
    }
}

/// Days and hours, in UTC: `mon-fri 08:00-18:00`. An end before the beginning is on the next day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    /// Monday first.
    days: [bool; 7],
    from: u32,
    to: u32,
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const DAY: u32 = 24 * 60;

impl Hours {
    /// Reads days (`mon-fri`, `sat,sun`, `daily`) and hours (`08:00-18:00`, `22:00-06:00`, `00:00-24:00`).
    ///
    /// # Errors
    /// When it is anything else, or an empty time.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let bad = || Problem::new("", "not days and hours", "write `mon-fri 08:00-18:00`; times are UTC");
        let (days, hours) = text.trim().split_once(' ').ok_or_else(bad)?;
        let (from, to) = hours.trim().split_once('-').ok_or_else(bad)?;
        let (from, to) = (minute(from).ok_or_else(bad)?, minute(to).ok_or_else(bad)?);
        if from == to || from == DAY {
            return Err(bad());
        }
        Ok(Self { days: weekdays(days).ok_or_else(bad)?, from, to })
    }

    /// Whether a time is within them.
    #[must_use]
    pub fn contains(&self, now: Millis) -> bool {
        let minutes = now / 60_000;
        let minute = u32::try_from(minutes % u64::from(DAY)).unwrap_or_default();
        // The first day of the epoch was a Thursday.
        let today = usize::try_from((minutes / u64::from(DAY) + 3) % 7).unwrap_or_default();
        let on = |day: usize| self.days.get(day % 7).copied().unwrap_or_default();
        if self.from < self.to {
            on(today) && (self.from..self.to).contains(&minute)
        } else {
            (on(today) && minute >= self.from) || (on(today + 6) && minute < self.to)
        }
    }
}

/// `08:00`; `24:00` is the end of the day.
fn minute(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let two =
        |t: &str| (t.len() == 2 && t.bytes().all(|b| b.is_ascii_digit())).then(|| t.parse::<u32>().ok())?;
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    let minute = hours * 60 + minutes;
    (minutes < 60 && minute <= DAY).then_some(minute)
}

fn weekdays(text: &str) -> Option<[bool; 7]> {
    let mut days = [false; 7];
    let index = |name: &str| DAYS.iter().position(|d| *d == name);
    for part in text.split(',') {
        let (first, last) = match part.split_once('-') {
            _ if part == "daily" => (0, 6),
            Some((a, b)) => (index(a)?, index(b)?),
            None => (index(part)?, index(part)?),
        };
        // `sat-mon` goes round.
        let count = (last + 7 - first) % 7;
        for day in first..=first + count {
            *days.get_mut(day % 7)? = true;
        }
    }
    Some(days)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_rate_is_used_up_and_comes_back() {
        let rate = Rate::new(2, 1_000).unwrap();
        let mut rates = Rates::new(2);
        let mut take = |key: &str, at: u64| rates.take(&key.to_owned(), rate, at);
        assert_eq!(take("a", 0), Ok(()));
        assert_eq!(take("a", 400), Ok(()));
        assert_eq!(take("a", 999), Err(TooMany::Until(1_000)));
        assert_eq!(take("a", 1_000), Ok(()));
        assert_eq!(take("a", 1_001), Err(TooMany::Until(1_400)));
        // A clock that goes back gives nothing.
        assert_eq!(take("a", 5), Err(TooMany::Until(1_400)));
        assert_eq!(take("b", 1_100), Ok(()));
        assert_eq!(take("c", 1_200), Err(TooMany::Full));
        assert_eq!(take("c", 2_300), Ok(()));
        assert_eq!(Rate::parse("3/day"), Rate::new(3, 86_400_000));
        for bad in ["", "3", "3/", "/day", "0/day", "-1/day", "3/month", "20000/day", "3/day/day"] {
            assert!(Rate::parse(bad).is_err(), "{bad}");
        }
        assert!(Rate::new(0, 1).is_err() && Rate::new(1, 0).is_err() && Rate::new(MAX_CALLS + 1, 1).is_err());
    }

    #[test]
    fn days_and_hours() {
        // 2026-11-27 was a Friday.
        let friday = 1_795_737_600_000;
        let at = |day: u64, hour: u64, minute: u64| friday + ((day * 24 + hour) * 60 + minute) * 60_000;
        let check = |text: &str, now: u64, inside: bool| {
            assert_eq!(Hours::parse(text).unwrap().contains(now), inside, "{text} {now:?}");
        };
        check("mon-fri 08:00-18:00", at(0, 8, 0), true);
        check("mon-fri 08:00-18:00", at(0, 7, 59), false);
        check("mon-fri 08:00-18:00", at(0, 18, 0), false);
        check("mon-fri 08:00-18:00", at(1, 12, 0), false);
        check("sat,sun 00:00-24:00", at(1, 23, 59), true);
        check("fri 22:00-06:00", at(1, 5, 59), true);
        check("fri 22:00-06:00", at(1, 6, 0), false);
        check("fri 22:00-06:00", at(0, 5, 0), false);
        check("sun-mon 09:00-10:00", at(3, 9, 30), true);
        check("daily 09:00-10:00", at(5, 9, 30), true);
        for bad in [
            "",
            "mon",
            "mon 8-9",
            "mon 08:00-08:00",
            "mon 24:00-01:00",
            "mon 25:00-26:00",
            "mon 08:60-09:00",
            "x 08:00-09:00",
            "mon 08:00",
        ] {
            assert!(Hours::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_window_has_more(gaps in prop::collection::vec(0_u64..300, 1..80), calls in 1_u32..5, window in 1_u64..1_000) {
            let rate = Rate::new(calls, window).unwrap();
            let (mut rates, mut now, mut let_through) = (Rates::new(1), 0_u64, Vec::new());
            for gap in gaps {
                now += gap;
                let before = let_through.iter().filter(|t| **t + window > now).count();
                let allowed = rates.take(&(), rate, now).is_ok();
                prop_assert_eq!(allowed, before < calls as usize);
                if allowed {
                    let_through.push(now);
                }
            }
        }
    }
}
