//! The figures of one scope.

use super::{ScopeName, Spent};
use cordon_policy::Budgets;
use cordon_types::Millis;

const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;
/// A block of spending that is written ahead: this part of the limit.
const BLOCK: u64 = 100;

/// A bucket that refills continuously to `limit` a minute. Holds thousandths of a unit, may go into debt.
#[derive(Default)]
struct Bucket {
    level: i128,
    at: Millis,
}

impl Bucket {
    fn refill(&mut self, limit: u64, now: Millis) {
        let full = i128::from(limit) * 1_000;
        if self.at == 0 {
            self.level = full;
        } else {
            let passed = i128::from(now.saturating_sub(self.at));
            self.level = (self.level + passed * full / i128::from(MINUTE)).min(full);
        }
        self.at = self.at.max(now);
    }

    /// Seconds until `units` are there, 0 when they are.
    fn wait(&self, limit: u64, units: u64) -> u32 {
        let missing = i128::from(units) * 1_000 - self.level;
        if missing <= 0 {
            return 0;
        }
        let a_second = (i128::from(limit) * 1_000 / 60).max(1);
        u32::try_from((missing + a_second - 1) / a_second).unwrap_or(u32::MAX)
    }
}

/// What was spent in a day or month, and up to where the store covers it.
#[derive(Default)]
struct Period {
    /// Days since the epoch, of the last look: a name is made only when it changes.
    day: u64,
    name: String,
    tokens: u64,
    cost: u64,
    tokens_ceiling: u64,
    cost_ceiling: u64,
}

impl Period {
    fn turn(&mut self, now: Millis, name: impl Fn(jiff::civil::Date) -> String) {
        let day = now / DAY;
        if self.day == day && !self.name.is_empty() {
            return;
        }
        self.day = day;
        let name = name(date(now));
        if self.name != name {
            *self = Self { day, name, ..Self::default() };
        }
    }

    /// Adds; gives the row to write when a ceiling was passed.
    fn add(
        &mut self,
        scope: &ScopeName,
        tokens: u64,
        cost: u64,
        limits: (Option<u64>, Option<u64>),
    ) -> Option<Spent> {
        self.tokens = self.tokens.saturating_add(tokens);
        self.cost = self.cost.saturating_add(cost);
        let raise = |value: u64, ceiling: &mut u64, limit: Option<u64>| -> bool {
            let Some(limit) = limit.filter(|_| value > *ceiling) else { return false };
            *ceiling = value.saturating_add(limit / BLOCK).min(limit.max(value));
            true
        };
        let tokens_up = raise(self.tokens, &mut self.tokens_ceiling, limits.0);
        let cost_up = raise(self.cost, &mut self.cost_ceiling, limits.1);
        (tokens_up || cost_up).then(|| Spent {
            scope: scope.to_string(),
            period: self.name.clone(),
            tokens: self.tokens_ceiling,
            cost_micros: self.cost_ceiling,
        })
    }

    fn restore(&mut self, spent: &Spent) {
        self.name.clone_from(&spent.period);
        (self.tokens, self.tokens_ceiling) = (spent.tokens, spent.tokens);
        (self.cost, self.cost_ceiling) = (spent.cost_micros, spent.cost_micros);
    }
}

#[derive(Default)]
pub(super) struct Account {
    requests: Bucket,
    tokens: Bucket,
    pub(super) concurrent: u32,
    day: Period,
    month: Period,
    pub(super) broken: bool,
}

impl Account {
    /// Takes over a stored figure; of several days or months the latest counts.
    pub(super) fn restore(&mut self, spent: &Spent) {
        let period = if spent.period.starts_with("d:") { &mut self.day } else { &mut self.month };
        if spent.period >= period.name {
            period.restore(spent);
        }
    }

    /// The first limit that is used up: its name, its figure, seconds to wait.
    pub(super) fn refusal(&mut self, b: &Budgets, now: Millis) -> Option<(&'static str, u64, u32)> {
        if let Some(limit) = b.concurrent.filter(|l| self.concurrent >= *l) {
            return Some(("concurrent requests", u64::from(limit), 1));
        }
        if let Some(limit) = b.requests_per_minute.map(u64::from) {
            self.requests.refill(limit, now);
            let wait = self.requests.wait(limit, 1);
            if wait > 0 {
                return Some(("requests per minute", limit, wait));
            }
        }
        if let Some(limit) = b.tokens_per_minute {
            self.tokens.refill(limit, now);
            let wait = self.tokens.wait(limit, 1);
            if wait > 0 {
                return Some(("tokens per minute", limit, wait));
            }
        }
        self.turn(b, now);
        let tomorrow = u32::try_from((DAY - now % DAY) / 1_000).unwrap_or(u32::MAX).max(1);
        if let Some(limit) = b.tokens_per_day.filter(|l| self.day.tokens >= *l) {
            return Some(("tokens per day", limit, tomorrow));
        }
        if let Some(limit) = b.cost_per_day_micros.filter(|l| self.day.cost >= *l) {
            return Some(("cost per day, in millionths,", limit, tomorrow));
        }
        if let Some(limit) = b.cost_per_month_micros.filter(|l| self.month.cost >= *l) {
            return Some(("cost per month, in millionths,", limit, seconds_to_next_month(now)));
        }
        None
    }

    /// Takes one request.
    pub(super) fn take(&mut self, b: &Budgets, _now: Millis) {
        self.concurrent = self.concurrent.saturating_add(1);
        if b.requests_per_minute.is_some() {
            self.requests.level -= 1_000;
        }
    }

    /// Counts what was used; gives the rows that must be durable before anyone goes on.
    pub(super) fn spend(
        &mut self,
        scope: &ScopeName,
        b: &Budgets,
        tokens: u64,
        cost: u64,
        now: Millis,
    ) -> impl Iterator<Item = Spent> {
        if let Some(limit) = b.tokens_per_minute {
            self.tokens.refill(limit, now);
            self.tokens.level -= i128::from(tokens) * 1_000;
        }
        self.turn(b, now);
        let day = (b.tokens_per_day.is_some() || b.cost_per_day_micros.is_some())
            .then(|| self.day.add(scope, tokens, cost, (b.tokens_per_day, b.cost_per_day_micros)));
        let month =
            b.cost_per_month_micros.map(|limit| self.month.add(scope, tokens, cost, (None, Some(limit))));
        day.flatten().into_iter().chain(month.flatten())
    }

    fn turn(&mut self, b: &Budgets, now: Millis) {
        if b.tokens_per_day.is_some() || b.cost_per_day_micros.is_some() {
            self.day.turn(now, |date| format!("d:{date}"));
        }
        if b.cost_per_month_micros.is_some() {
            self.month.turn(now, |date| format!("m:{:04}-{:02}", date.year(), date.month()));
        }
    }
}

fn date(now: Millis) -> jiff::civil::Date {
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let stamp = jiff::Timestamp::from_millisecond(now).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    jiff::tz::Offset::UTC.to_datetime(stamp).date()
}

fn seconds_to_next_month(now: Millis) -> u32 {
    let today = date(now);
    let left = u64::try_from(today.days_in_month() - today.day()).unwrap_or(0);
    u32::try_from(left * DAY / 1_000 + (DAY - now % DAY) / 1_000).unwrap_or(u32::MAX)
}
