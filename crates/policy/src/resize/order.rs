//! Which limit on an argument is at least as tight as another.
//!
//! What always holds: `implies` is true only where every value that the first lets through is let through by the
//! second. What it deliberately does not do: find every such pair; where it cannot tell, it says no.

use crate::predicate::{ArgumentRule, Bound, Predicate};
use std::cmp::Ordering;

/// Whether all values that `new` holds for, `old` holds for too.
fn implies(new: &Predicate, old: &Predicate) -> bool {
    use Predicate as P;
    let subset = |n: &[String], o: &[String], within: fn(&str, &str) -> bool| {
        n.iter().all(|n| o.iter().any(|o| within(n, o)))
    };
    match (new, old) {
        (P::Required, P::Required) | (P::Forbidden, P::Forbidden) => true,
        (P::Enum(n), P::Enum(o)) => n.iter().all(|n| o.contains(n)),
        (P::Pattern(_, n), P::Pattern(_, o)) => n == o,
        (P::Min(n), P::Min(o)) => order(*n, *o).is_some_and(Ordering::is_ge),
        (P::Max(n), P::Max(o)) => order(*n, *o).is_some_and(Ordering::is_le),
        (P::MaxBytes(n), P::MaxBytes(o)) | (P::MaxItems(n), P::MaxItems(o)) => n <= o,
        (P::Domains(n), P::Domains(o)) => {
            subset(n, o, |n, o| n == o || n.strip_suffix(o).is_some_and(|rest| rest.ends_with('.')))
        }
        (P::Hosts(n), P::Hosts(o)) => subset(n, o, |n, o| n == o),
        (P::Under(n), P::Under(o)) => subset(n, o, |n, o| {
            n == o || o == "/" || n.strip_prefix(o).is_some_and(|rest| rest.starts_with('/'))
        }),
        (P::Commands(n), P::Commands(o)) => n.shell == o.shell && subset(&n.texts, &o.texts, |n, o| n == o),
        _ => false,
    }
}

fn order(a: Bound, b: Bound) -> Option<Ordering> {
    match (a, b) {
        (Bound::Whole(a), Bound::Whole(b)) => Some(a.cmp(&b)),
        (Bound::Decimal(a), Bound::Decimal(b)) => a.partial_cmp(&b),
        _ => None,
    }
}

/// Whether the predicates of one argument are at least as tight.
pub(super) fn tighter(new: &[Predicate], old: &[Predicate]) -> bool {
    old.iter().all(|o| new.iter().any(|n| implies(n, o)))
}

/// The two limits of a call's arguments, as `[tools.args]` and `other_args` say.
pub(super) type Limits<'a> = (Option<&'a [ArgumentRule]>, bool);

/// Whether all arguments that `new` lets through, `old` lets through too.
pub(super) fn arguments_within(new: Limits<'_>, old: Limits<'_>) -> bool {
    let (Some(old_rules), old_others) = old else { return true };
    let (Some(new_rules), new_others) = new else { return false };
    let find = |rules: &[ArgumentRule], name: &str| rules.iter().find(|r| r.argument == name).map(predicates);
    let named = new_rules.iter().all(|n| match find(old_rules, &n.argument) {
        Some(old) => tighter(&n.predicates, &old),
        None => old_others,
    });
    // What the old one names and the new one does not: absent where others are refused. Where they are not, even its
    // name in other letters would pass, which the old one refused.
    let left_out = old_rules
        .iter()
        .filter(|o| find(new_rules, &o.argument).is_none())
        .all(|o| !new_others && !o.predicates.iter().any(|p| matches!(p, Predicate::Required)));
    named && left_out && (!new_others || old_others)
}

fn predicates(rule: &ArgumentRule) -> Vec<Predicate> {
    rule.predicates.clone()
}

/// Whether both say the same of arguments.
pub(super) fn same_arguments(a: Limits<'_>, b: Limits<'_>) -> bool {
    arguments_within(a, b) && arguments_within(b, a)
}
