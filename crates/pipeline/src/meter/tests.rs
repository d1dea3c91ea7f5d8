use super::*;
use std::sync::Mutex;

#[derive(Default)]
struct Memory(Mutex<Vec<Spent>>);

impl BudgetStore for Memory {
    fn load(&self) -> Result<Vec<Spent>, BudgetStoreError> {
        Ok(self.0.lock().unwrap().clone())
    }
    fn raise(&self, rows: &[Spent]) -> Result<(), BudgetStoreError> {
        let mut all = self.0.lock().unwrap();
        for row in rows {
            match all.iter_mut().find(|r| r.scope == row.scope && r.period == row.period) {
                Some(old) => {
                    old.tokens = old.tokens.max(row.tokens);
                    old.cost_micros = old.cost_micros.max(row.cost_micros);
                }
                None => all.push(row.clone()),
            }
        }
        Ok(())
    }
}

struct Broken;

impl BudgetStore for Broken {
    fn load(&self) -> Result<Vec<Spent>, BudgetStoreError> {
        Ok(Vec::new())
    }
    fn raise(&self, _: &[Spent]) -> Result<(), BudgetStoreError> {
        Err(BudgetStoreError("disk full".into()))
    }
}

const NOON: Millis = 1_795_435_200_000; // 2026-11-23 12:00 UTC

fn scope(budgets: Budgets) -> Vec<Scope> {
    vec![Scope { name: ScopeName::parse("agent:a").unwrap(), budgets }]
}

fn exceeded(r: Result<Ticket, NotAdmitted>) -> Exceeded {
    match r {
        Err(NotAdmitted::Exceeded(e)) => e,
        Err(NotAdmitted::Store) => panic!("store"),
        Ok(_) => panic!("admitted"),
    }
}

#[test]
fn requests_refill_over_the_minute() {
    let meter = Arc::new(Meter::open(Arc::new(Memory::default()), false).unwrap());
    let limits = || scope(Budgets { requests_per_minute: Some(2), ..Budgets::default() });
    for _ in 0..2 {
        meter.admit(limits(), NOON).unwrap().settle(0, 0, NOON).unwrap();
    }
    let no = exceeded(meter.admit(limits(), NOON));
    assert_eq!((no.limit, no.allowed, no.retry_after), ("requests per minute", 2, 31));
    assert!(meter.admit(limits(), NOON + 31_000).is_ok());
}

#[test]
fn concurrency_is_freed_by_drop_and_by_settling() {
    let meter = Arc::new(Meter::open(Arc::new(Memory::default()), false).unwrap());
    let limits = || scope(Budgets { concurrent: Some(1), ..Budgets::default() });
    let held = meter.admit(limits(), NOON).unwrap();
    assert_eq!(exceeded(meter.admit(limits(), NOON)).limit, "concurrent requests");
    drop(held);
    meter.admit(limits(), NOON).unwrap().settle(1, 1, NOON).unwrap();
    assert!(meter.admit(limits(), NOON).is_ok());
}

#[test]
fn a_scope_that_refuses_takes_nothing_from_the_others() {
    let meter = Arc::new(Meter::open(Arc::new(Memory::default()), false).unwrap());
    let both = || {
        vec![
            Scope {
                name: ScopeName::parse("key:k").unwrap(),
                budgets: Budgets { requests_per_minute: Some(1), ..Budgets::default() },
            },
            Scope {
                name: ScopeName::parse("model:m").unwrap(),
                budgets: Budgets { concurrent: Some(0), ..Budgets::default() },
            },
        ]
    };
    for _ in 0..3 {
        assert_eq!(exceeded(meter.admit(both(), NOON)).scope, "model:m");
    }
}

#[test]
fn spending_is_never_forgotten_over_a_restart() {
    let store = Arc::new(Memory::default());
    let limits = || scope(Budgets { tokens_per_day: Some(10_000), ..Budgets::default() });
    let mut spent = 0;
    for n in 0..40 {
        let meter = Arc::new(Meter::open(store.clone(), false).unwrap());
        match meter.admit(limits(), NOON) {
            Ok(ticket) => {
                ticket.settle(333, 0, NOON).unwrap();
                spent += 333;
            }
            Err(_) => {
                // At most one block (100) is lost at each restart.
                assert!(spent + n * 100 >= 10_000, "{spent} after {n} restarts");
                return;
            }
        }
        assert!(store.0.lock().unwrap()[0].tokens >= spent);
    }
    panic!("the limit never held");
}

#[test]
fn a_day_ends_at_midnight_utc() {
    let meter = Arc::new(Meter::open(Arc::new(Memory::default()), false).unwrap());
    let limits = || scope(Budgets { cost_per_day_micros: Some(5), ..Budgets::default() });
    meter.admit(limits(), NOON).unwrap().settle(1, 5, NOON).unwrap();
    let no = exceeded(meter.admit(limits(), NOON));
    assert_eq!(no.retry_after, 12 * 3_600);
    assert!(meter.admit(limits(), NOON + 12 * 3_600_000).is_ok());
}

#[test]
fn a_store_that_fails_closes_the_scope() {
    let meter = Arc::new(Meter::open(Arc::new(Broken), false).unwrap());
    let limits = || scope(Budgets { tokens_per_day: Some(10), ..Budgets::default() });
    assert!(meter.admit(limits(), NOON).unwrap().settle(1, 0, NOON).is_err());
    assert!(matches!(meter.admit(limits(), NOON), Err(NotAdmitted::Store)));
}
