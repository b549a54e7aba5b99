//! Patterns of text: `DE-####-@@`, `customer{customer_id}@example.com`.

/// A part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    Digit,
    Letter,
    /// The value of that field.
    Field(usize),
}

/// What is wrong with a pattern, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// A brace that is not closed, after so many characters.
    Unclosed(u32),
    /// A name of no field above, after so many characters.
    Field(u32, String),
    /// More random characters than there are random bits for.
    TooLong,
}

/// How many random characters a pattern may have: the bits of an event are good for so many.
pub(super) const MOST_RANDOM: usize = 20;

/// The parts of a pattern. `find` tells which field has a name.
pub(super) fn parse(pattern: &str, mut find: impl FnMut(&str) -> Option<usize>) -> Result<Vec<Part>, Flaw> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut rest = pattern.chars().zip(0..);
    while let Some((c, at)) = rest.next() {
        let part = match c {
            '#' => Part::Digit,
            '@' => Part::Letter,
            '{' => {
                let name: String = rest.by_ref().map(|(c, _)| c).take_while(|c| *c != '}').collect();
                let is_closed = pattern.chars().skip(at as usize).any(|c| c == '}');
                match find(&name) {
                    _ if !is_closed => return Err(Flaw::Unclosed(at)),
                    None => return Err(Flaw::Field(at, name)),
                    Some(field) => Part::Field(field),
                }
            }
            '\\' => {
                text.push(rest.next().map_or('\\', |(c, _)| c));
                continue;
            }
            c => {
                text.push(c);
                continue;
            }
        };
        if !text.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut text)));
        }
        parts.push(part);
    }
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    let random = parts.iter().filter(|part| matches!(part, Part::Digit | Part::Letter)).count();
    if random > MOST_RANDOM { Err(Flaw::TooLong) } else { Ok(parts) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_cut_into_its_parts() {
        let find = |name: &str| (name == "id").then_some(3);
        assert_eq!(
            parse(r"a#@-{id}\#", find),
            Ok(vec![
                Part::Text("a".to_owned()),
                Part::Digit,
                Part::Letter,
                Part::Text("-".to_owned()),
                Part::Field(3),
                Part::Text("#".to_owned()),
            ])
        );
        assert_eq!(parse("ab{id", find), Err(Flaw::Unclosed(2)));
        assert_eq!(parse("äb{di}", find), Err(Flaw::Field(2, "di".to_owned())));
        assert_eq!(parse(&"#".repeat(21), find), Err(Flaw::TooLong));
    }
}
