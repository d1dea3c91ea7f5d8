use super::*;
use cordon_types::FindingKind as K;

fn r(range: Range<usize>, with: &'static str) -> Replacement {
    Replacement { range, with, kind: K::Email }
}

#[test]
fn a_window_shows_only_its_part_of_a_replacement() {
    let text = "abc 4111111111111111 def";
    let all = [r(4..20, "[PAYMENT_CARD]")];
    assert_eq!(apply(text, 0, &all), "abc [PAYMENT_CARD] def");
    for cut in 0..=text.len() {
        let (a, b) = text.split_at(cut);
        assert_eq!(apply(a, 0, &all) + &apply(b, cut, &all), "abc [PAYMENT_CARD] def", "cut at {cut}");
    }
}

#[test]
fn neighbours_are_both_written() {
    assert_eq!(apply("aabb", 0, &[r(0..2, "X"), r(2..4, "Y")]), "XY");
}
