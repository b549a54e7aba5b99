//! How Go's `fmt` writes numbers.

use super::printf::Printer;
use super::{float, quote};
use crate::helm::template::GoResult;
use crate::helm::value::Value;

impl Printer<'_> {
    /// `%d` and its like.
    pub(super) fn integer(
        &mut self,
        number: u64,
        negative: bool,
        signed: bool,
        verb: char,
        value: &Value,
    ) -> GoResult<()> {
        let (digits, base) = match verb {
            'v' if self.flags.sharp_v && !signed => (format!("{number:x}"), 16),
            'v' | 'd' => (number.to_string(), 10),
            'b' => (format!("{number:b}"), 2),
            'o' | 'O' => (format!("{number:o}"), 8),
            'x' => (format!("{number:x}"), 16),
            'X' => (format!("{number:X}"), 16),
            'c' | 'q' => {
                let c = u32::try_from(number)
                    .ok()
                    .filter(|_| !negative)
                    .and_then(char::from_u32)
                    .unwrap_or('\u{fffd}');
                let text = if verb == 'c' { c.to_string() } else { quote::quote_char(c, self.flags.plus) };
                return self.pad(&text);
            }
            'U' => {
                let code = if negative { number.wrapping_neg() } else { number };
                return self.unicode(code);
            }
            _ => return self.bad_verb(verb, value),
        };
        let mut wanted = 0;
        if let Some(precision) = self.flags.precision {
            wanted = precision;
            if precision == 0 && number == 0 {
                return self.pad_without_zeros("");
            }
        } else if self.flags.zero && !self.flags.minus {
            wanted = self.flags.width.unwrap_or(0);
            if negative || self.flags.plus || self.flags.space {
                wanted = wanted.saturating_sub(1);
            }
        }
        let mut text = String::new();
        if negative {
            text.push('-');
        } else if self.flags.plus {
            text.push('+');
        } else if self.flags.space {
            text.push(' ');
        }
        let zeros = wanted.saturating_sub(digits.len());
        if verb == 'O' {
            text.push_str("0o");
        }
        if self.flags.sharp || self.flags.sharp_v && base == 16 {
            match base {
                2 => text.push_str("0b"),
                8 if zeros == 0 && !digits.starts_with('0') => text.push('0'),
                16 => text.push_str(if verb == 'X' { "0X" } else { "0x" }),
                _ => {}
            }
        }
        text.push_str(&"0".repeat(zeros));
        text.push_str(&digits);
        self.pad_without_zeros(&text)
    }

    /// `%U`
    fn unicode(&mut self, code: u64) -> GoResult<()> {
        let width = self.flags.precision.unwrap_or(4).max(4);
        let mut text = format!("U+{code:0width$X}");
        if self.flags.sharp
            && let Some(c) = u32::try_from(code).ok().and_then(char::from_u32)
            && quote::is_print(c)
        {
            text.push_str(&format!(" '{c}'"));
        }
        self.pad_without_zeros(&text)
    }

    /// `%g` and its like.
    pub(super) fn float(&mut self, number: f64, verb: char, value: &Value) -> GoResult<()> {
        let (form, default) = match verb {
            'v' | 'g' => (b'g', -1),
            'G' => (b'G', -1),
            'b' => (b'b', -1),
            'x' => (b'x', -1),
            'X' => (b'X', -1),
            'f' | 'F' => (b'f', 6),
            'e' => (b'e', 6),
            'E' => (b'E', 6),
            _ => return self.bad_verb(verb, value),
        };
        let precision =
            self.flags.precision.map_or(default, |precision| i32::try_from(precision).unwrap_or(default));
        let text = float::format(number, form, precision);
        let (sign, mut digits) = match text.strip_prefix(['-', '+']) {
            Some(digits) => (if text.starts_with('-') { '-' } else { '+' }, digits.to_owned()),
            None => ('+', text),
        };
        let sign = if self.flags.space && sign == '+' && !self.flags.plus { ' ' } else { sign };
        let finite = number.is_finite();
        if self.flags.sharp && finite && form != b'b' {
            digits = with_point(&digits, verb, precision);
        }
        let signed = self.flags.plus || sign != '+';
        if !finite {
            // An infinity always shows its sign.
            let bare = number.is_nan() && !self.flags.space && !self.flags.plus;
            let text = if bare { digits } else { format!("{sign}{digits}") };
            return self.pad_without_zeros(&text);
        }
        if !signed {
            return self.pad(&digits);
        }
        let full = digits.len() + 1;
        if self.flags.zero && !self.flags.minus && self.flags.width.is_some_and(|width| width > full) {
            let zeros = self.flags.width.unwrap_or(0) - full;
            return self.push(&format!("{sign}{}{digits}", "0".repeat(zeros)));
        }
        self.pad(&format!("{sign}{digits}"))
    }
}

/// `%#g`: always with a decimal point, and with the zeros at the end.
fn with_point(text: &str, verb: char, precision: i32) -> String {
    let split =
        if matches!(verb, 'x' | 'X') { text.find(['p', 'P']) } else { text.find(['e', 'E', 'p', 'P']) };
    let (number, tail) = text.split_at(split.unwrap_or(text.len()));
    let mut wanted = match verb {
        'v' | 'g' | 'G' | 'x' if precision == -1 => 6,
        'v' | 'g' | 'G' | 'x' => precision,
        _ => 0,
    };
    let mut seen = false;
    for c in number.chars().filter(|c| *c != '.') {
        seen |= c != '0';
        wanted -= i32::from(seen);
    }
    let mut out = number.to_owned();
    if !number.contains('.') {
        if number == "0" {
            wanted -= 1;
        }
        out.push('.');
    }
    out.push_str(&"0".repeat(usize::try_from(wanted).unwrap_or(0)));
    out + tail
}
