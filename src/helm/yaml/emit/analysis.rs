//! Which styles can carry a text: `yaml_emitter_analyze_scalar`.

use super::Dialect;

/// What a text allows.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a style of its own")]
pub(super) struct Analysis {
    /// It has a line break of any kind.
    pub(super) multiline: bool,
    pub(super) plain_allowed: bool,
    pub(super) single_quoted_allowed: bool,
    pub(super) block_allowed: bool,
}

/// What the characters before had.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Previous {
    Nothing,
    Space,
    Break,
    Other,
}

impl Analysis {
    pub(super) fn of(text: &str, dialect: Dialect) -> Self {
        if text.is_empty() {
            return Self {
                multiline: false,
                plain_allowed: true,
                single_quoted_allowed: true,
                block_allowed: false,
            };
        }
        let mut indicators = text.starts_with("---") || text.starts_with("...");
        let mut special = false;
        let mut tab = false;
        let mut line_breaks = false;
        let mut break_space = false;
        let mut space_break = false;
        let mut previous = Previous::Nothing;
        let mut after_whitespace = true;

        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let before_whitespace = chars.peek().is_none_or(|next| matches!(next, ' ' | '\t'));
            indicators |= match c {
                ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => {
                    previous == Previous::Nothing
                }
                '#' => after_whitespace,
                '?' | '-' => previous == Previous::Nothing && before_whitespace,
                ':' => before_whitespace,
                _ => false,
            };
            if c == '\t' && dialect == Dialect::V3 {
                tab = true;
            } else if !is_printable(c) {
                special = true;
            }
            if c == ' ' {
                break_space |= previous == Previous::Break;
                previous = Previous::Space;
            } else if is_break(c) {
                line_breaks = true;
                space_break |= previous == Previous::Space;
                previous = Previous::Break;
            } else {
                previous = Previous::Other;
            }
            after_whitespace = c == ' ' || c == '\t' || c == '\0' || is_break(c);
        }

        let edge = |c: char| c == ' ' || is_break(c);
        let ragged = text.starts_with(edge) || text.ends_with(edge);
        let broken = break_space || space_break || special;
        Self {
            multiline: line_breaks,
            plain_allowed: !(ragged || broken || tab || line_breaks || indicators),
            single_quoted_allowed: !(broken || tab),
            block_allowed: !(text.ends_with(' ') || space_break || special),
        }
    }
}

/// Line breaks of YAML 1.1.
pub(super) fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// What go-yaml prints as it is; it knows no character beyond U+FFFF.
pub(super) fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}') && c != '\u{feff}'
}
