//! The order of keys: go-yaml's `keyList`, where `a2` comes before `a10`.

use std::cmp::Ordering;

use super::Dialect;

/// Sorts entries by key. go-yaml's v2 order is not transitive (`a10` < `a1b` < `a2` < `a10`), so this is a sort that
/// any comparison leaves intact; for such keys Helm's own output changes from run to run.
pub(in super::super) fn natural_sort<V>(entries: &mut [(&str, V)], dialect: Dialect)
where
    V: Copy,
{
    const FEW: usize = 12;
    if entries.len() <= FEW {
        for end in 1..entries.len() {
            let mut at = end;
            while at > 0 && compare(entries[at].0, entries[at - 1].0, dialect) == Ordering::Less {
                entries.swap(at, at - 1);
                at -= 1;
            }
        }
        return;
    }
    let middle = entries.len() / 2;
    natural_sort(&mut entries[..middle], dialect);
    natural_sort(&mut entries[middle..], dialect);
    let mut merged = Vec::with_capacity(entries.len());
    let (mut left, mut right) = (0, middle);
    while left < middle && right < entries.len() {
        let take_right = compare(entries[right].0, entries[left].0, dialect) == Ordering::Less;
        let next = if take_right { &mut right } else { &mut left };
        merged.push(entries[*next]);
        *next += 1;
    }
    merged.extend_from_slice(&entries[left..middle]);
    merged.extend_from_slice(&entries[right..]);
    entries.copy_from_slice(&merged);
}

fn compare(a: &str, b: &str, dialect: Dialect) -> Ordering {
    let same = a.bytes().zip(b.bytes()).take_while(|(x, y)| x == y).count();
    let mut at = same;
    while !a.is_char_boundary(at) {
        at -= 1;
    }
    let (Some(x), Some(y)) = (a[at..].chars().next(), b[at..].chars().next()) else {
        return a.len().cmp(&b.len());
    };
    match (is_letter(x), is_letter(y)) {
        (true, true) => return x.cmp(&y),
        (false, false) => {}
        (letter, _) => {
            // v3 puts `a1b` after `a10`, v2 before it.
            let after_digit = a[..at].ends_with(|c: char| c.is_ascii_digit());
            let less = if dialect == Dialect::V3 && after_digit { letter } else { !letter };
            return if less { Ordering::Less } else { Ordering::Greater };
        }
    }
    let leading = if x == '0' || y == '0' { nonzero_digits_before(&a[..at]) } else { 0 };
    let (a_number, a_digits) = number(&a[at..], leading);
    let (b_number, b_digits) = number(&b[at..], leading);
    a_number.cmp(&b_number).then(a_digits.cmp(&b_digits)).then(x.cmp(&y))
}

/// 1 if the digits just before hold one that is not zero, so that a zero here counts.
fn nonzero_digits_before(text: &str) -> i64 {
    let found = text.bytes().rev().take_while(u8::is_ascii_digit).any(|digit| digit != b'0');
    i64::from(found)
}

fn number(text: &str, leading: i64) -> (i64, usize) {
    let digits = text.bytes().take_while(u8::is_ascii_digit);
    digits.fold((leading, 0), |(number, count), digit| {
        (number.wrapping_mul(10).wrapping_add(i64::from(digit - b'0')), count + 1)
    })
}

/// Go's `unicode.IsLetter`, but for a few combining marks.
fn is_letter(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_alphabetic() } else { c.is_alphabetic() && !c.is_numeric() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(keys: &[&'static str], dialect: Dialect) -> Vec<&'static str> {
        let mut entries: Vec<(&str, ())> = keys.iter().map(|key| (*key, ())).collect();
        natural_sort(&mut entries, dialect);
        let order: Vec<&str> = entries.into_iter().map(|(key, ())| key).collect();
        keys.iter().for_each(|key| assert!(order.contains(key)));
        order.iter().map(|key| *keys.iter().find(|known| *known == key).unwrap()).collect()
    }

    #[test]
    fn numbers_in_keys_count_as_numbers_and_signs_come_before_letters() {
        assert_eq!(
            sorted(&["a10", "b", "a2", "A", "_", "1"], Dialect::V2),
            ["_", "1", "A", "a2", "a10", "b"]
        );
        assert_eq!(sorted(&["a1b", "a10"], Dialect::V2), ["a10", "a1b"]);
        assert_eq!(sorted(&["a1b", "a10"], Dialect::V3), ["a1b", "a10"]);
    }

    #[test]
    fn keys_whose_order_is_a_circle_are_all_kept() {
        let keys: Vec<String> =
            (0..200).map(|at| ["a10", "a1b", "a2"][at % 3].to_owned() + &at.to_string()).collect();
        let mut entries: Vec<(&str, usize)> =
            keys.iter().enumerate().map(|(at, key)| (key.as_str(), at)).collect();
        natural_sort(&mut entries, Dialect::V2);
        let mut found: Vec<usize> = entries.into_iter().map(|(_, at)| at).collect();
        found.sort_unstable();
        assert_eq!(found, (0..200).collect::<Vec<_>>());
    }
}
