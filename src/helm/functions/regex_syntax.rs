//! Go's regular expressions as the `regex` crate writes them. Both are of RE2's kind; what differs is taken care of here:
//! `\d \w \s \b` are ASCII in Go, classes have no set operations, a brace that is no repetition is a brace, and some
//! errors are Go's alone.

/// Go's largest repetition.
const MAX_REPEAT: u32 = 1000;

/// The pattern for the `regex` crate. The error is Go's text.
pub fn translate(pattern: &str) -> Result<String, String> {
    let mut out = String::with_capacity(pattern.len() + 16);
    Translator { pattern, at: 0, out: &mut out, groups: 0 }
        .run()
        .map_err(|text| format!("error parsing regexp: {text}"))?;
    Ok(out)
}

struct Translator<'p> {
    pattern: &'p str,
    at: usize,
    out: &'p mut String,
    groups: usize,
}

const DIGIT: &str = "0-9";
const WORD: &str = "0-9A-Za-z_";
const SPACE: &str = r"\t\n\x0C\r ";

impl<'p> Translator<'p> {
    fn rest(&self) -> &'p str {
        &self.pattern[self.at..]
    }

    fn next(&mut self) -> Option<char> {
        let c = self.rest().chars().next()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn run(&mut self) -> Result<(), String> {
        // Where the repetition began that was read last; what can be repeated has been read.
        let mut repeated: Option<usize> = None;
        let mut repeatable = false;
        while let Some(c) = self.rest().chars().next() {
            let start = self.at;
            if matches!(c, '*' | '+' | '?') || c == '{' && self.repetition()?.is_some() {
                let length = if c == '{' { self.repetition()?.unwrap_or(1) } else { 1 };
                let operator = &self.pattern[start..start + length];
                if let Some(from) = repeated {
                    let shown = &self.pattern[from..start + length];
                    return Err(format!("invalid nested repetition operator: `{shown}`"));
                }
                if !repeatable {
                    return Err(format!("missing argument to repetition operator: `{operator}`"));
                }
                self.out.push_str(operator);
                self.at += length;
                if self.rest().starts_with('?') {
                    self.out.push('?');
                    self.at += 1;
                }
                repeated = Some(start);
                continue;
            }
            repeated = None;
            repeatable = true;
            self.at += c.len_utf8();
            match c {
                '\\' => self.escape(start)?,
                '[' => self.class(start)?,
                '(' => repeatable = self.group(start)?,
                ')' => {
                    self.groups = self
                        .groups
                        .checked_sub(1)
                        .ok_or_else(|| format!("unexpected ): `{}`", self.pattern))?;
                    self.out.push(')');
                }
                '|' => {
                    self.out.push('|');
                    repeatable = false;
                }
                '{' => self.out.push_str(r"\{"),
                '}' => self.out.push_str(r"\}"),
                c => self.out.push(c),
            }
        }
        if self.groups > 0 {
            return Err(format!("missing closing ): `{}`", self.pattern));
        }
        Ok(())
    }

    /// The length of a repetition in braces that stands here; `None` where the brace is one.
    fn repetition(&self) -> Result<Option<usize>, String> {
        let Some(end) = self.rest().find('}') else { return Ok(None) };
        let inner = &self.rest()[1..end];
        let (low, high) = match inner.split_once(',') {
            Some((low, high)) => (low, Some(high)),
            None => (inner, None),
        };
        let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !number(low) || high.is_some_and(|high| !high.is_empty() && !number(high)) {
            return Ok(None);
        }
        let parse = |text: &str| text.parse::<u32>().ok().filter(|count| *count <= MAX_REPEAT);
        let fits = match (parse(low), high) {
            (Some(_), None | Some("")) => true,
            (Some(low), Some(high)) => parse(high).is_some_and(|high| low <= high),
            (None, _) => false,
        };
        if fits {
            Ok(Some(end + 1))
        } else {
            Err(format!("invalid repeat count: `{}`", &self.rest()[..=end]))
        }
    }

    /// An opening parenthesis; whether it opens something that a repetition could follow (a bare flag cannot).
    fn group(&mut self, start: usize) -> Result<bool, String> {
        self.out.push('(');
        let Some(rest) = self.rest().strip_prefix('?') else {
            self.groups += 1;
            return Ok(false);
        };
        let named = rest.strip_prefix("P<").or_else(|| rest.strip_prefix('<'));
        if let Some(name) = named {
            let end = name.find('>');
            let valid =
                |name: &str| !name.is_empty() && name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric());
            let Some(end) = end.filter(|end| valid(&name[..*end])) else {
                let shown = end.map_or(&self.pattern[start..], |end| {
                    &self.pattern[start..=self.pattern.len() - name.len() + end]
                });
                return Err(format!("invalid named capture: `{shown}`"));
            };
            self.out.push_str("?P<");
            self.out.push_str(&name[..=end]);
            self.at = self.pattern.len() - name.len() + end + 1;
            self.groups += 1;
            return Ok(false);
        }
        let end = rest.find(|c: char| !matches!(c, 'i' | 'm' | 's' | 'U' | '-')).unwrap_or(rest.len());
        let flags = &rest[..end];
        let after = start + 2 + end;
        let negated = flags.matches('-').count();
        match rest[end..].chars().next() {
            Some(mark @ (':' | ')')) if negated < 2 && !flags.ends_with('-') => {
                self.out.push('?');
                self.out.push_str(flags);
                self.out.push(mark);
                self.groups += usize::from(mark == ':');
                self.at = after + 1;
                Ok(false)
            }
            None => Err(format!("missing closing ): `{}`", self.pattern)),
            Some(c) => {
                let shown = &self.pattern[start..(after + c.len_utf8()).min(self.pattern.len())];
                Err(format!("invalid or unsupported Perl syntax: `{shown}`"))
            }
        }
    }

    fn escape(&mut self, start: usize) -> Result<(), String> {
        let Some(c) = self.next() else {
            return Err("trailing backslash at end of expression: ``".to_owned());
        };
        match c {
            'd' => self.out.push_str(&format!("[{DIGIT}]")),
            'D' => self.out.push_str(&format!("[^{DIGIT}]")),
            'w' => self.out.push_str(&format!("[{WORD}]")),
            'W' => self.out.push_str(&format!("[^{WORD}]")),
            's' => self.out.push_str(&format!("[{SPACE}]")),
            'S' => self.out.push_str(&format!("[^{SPACE}]")),
            'b' => self.out.push_str(r"(?-u:\b)"),
            'B' | 'A' | 'z' => self.out.extend(['\\', c]),
            'Q' => {
                let end = self.rest().find("\\E");
                let literal = &self.rest()[..end.unwrap_or(self.rest().len())];
                self.out.push_str(&regex::escape(literal));
                self.at += literal.len() + if end.is_some() { 2 } else { 0 };
            }
            'E' => {}
            c => self.literal_escape(c, start)?,
        }
        Ok(())
    }

    /// An escape that means the same in and outside of a class.
    fn literal_escape(&mut self, c: char, start: usize) -> Result<(), String> {
        match c {
            'a' => self.out.push_str(r"\x07"),
            'f' => self.out.push_str(r"\x0C"),
            'v' => self.out.push_str(r"\x0B"),
            'n' | 'r' | 't' => self.out.extend(['\\', c]),
            'x' => self.hexadecimal(start)?,
            'p' | 'P' => self.property(c, start)?,
            '0'..='7' => {
                let digits =
                    self.rest().bytes().take(2).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
                if c != '0' && digits == 0 {
                    return Err(format!("invalid escape sequence: `\\{c}`"));
                }
                let text = &self.pattern[start + 1..start + 2 + digits];
                self.at += digits;
                let code = u32::from_str_radix(text, 8).unwrap_or(0);
                self.out.push_str(&format!("\\x{{{code:x}}}"));
            }
            '<' | '>' => self.out.push(c),
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => self.out.extend(['\\', c]),
            c => return Err(format!("invalid escape sequence: `\\{c}`")),
        }
        Ok(())
    }

    /// `\x41` and `\x{e9}`, behind the `x`.
    fn hexadecimal(&mut self, start: usize) -> Result<(), String> {
        let braced = self.rest().starts_with('{');
        self.at += usize::from(braced);
        let (mut code, mut digits, mut complete) = (0, 0, false);
        // What is wrong ends the escape that the error shows.
        while let Some(c) = self.next() {
            complete = braced && c == '}' && digits > 0;
            let Some(digit) = c.to_digit(16) else { break };
            code = code * 16 + digit;
            digits += 1;
            complete = !braced && digits == 2;
            if complete || code > u32::from(char::MAX) {
                break;
            }
        }
        if !complete {
            return Err(format!("invalid escape sequence: `{}`", &self.pattern[start..self.at]));
        }
        self.out.push_str(&format!("\\x{{{code:x}}}"));
        Ok(())
    }

    /// `\pL`, `\p{Greek}` and `\p{^Greek}`, behind the `p`.
    fn property(&mut self, c: char, start: usize) -> Result<(), String> {
        let end = match self.rest().chars().next() {
            Some('{') => self.rest().find('}').map_or(self.rest().len(), |end| end + 1),
            first => first.map_or(0, char::len_utf8),
        };
        let name = self.rest()[..end].trim_start_matches('{').trim_end_matches('}');
        self.at += end;
        let shown = &self.pattern[start..self.at];
        let (name, negated) = name.strip_prefix('^').map_or((name, false), |name| (name, true));
        let letter = if (c == 'P') == negated { 'p' } else { 'P' };
        let property = format!("\\{letter}{{{name}}}");
        if regex::Regex::new(&property).is_err() {
            return Err(format!("invalid character class range: `{shown}`"));
        }
        self.out.push_str(&property);
        Ok(())
    }

    fn class(&mut self, start: usize) -> Result<(), String> {
        let missing = format!("missing closing ]: `{}`", &self.pattern[start..]);
        self.out.push('[');
        if self.rest().starts_with('^') {
            self.out.push('^');
            self.at += 1;
        }
        let mut first = true;
        loop {
            if self.rest().is_empty() {
                return Err(missing);
            }
            if self.rest().starts_with(']') && !first {
                self.at += 1;
                break;
            }
            first = false;
            if self.named_class()? || self.perl_class() {
                continue;
            }
            let from = self.at;
            let low = self.class_char(&missing)?;
            // A dash before the closing bracket, or behind what is no character, is a dash.
            let mut behind = self.rest().chars();
            if behind.next() == Some('-') && behind.next().is_some_and(|c| c != ']') {
                self.at += 1;
                self.out.push('-');
                let high = self.class_char(&missing)?;
                if let (Some(low), Some(high)) = (low, high)
                    && high < low
                {
                    return Err(format!("invalid character class range: `{}`", &self.pattern[from..self.at]));
                }
            }
        }
        self.out.push(']');
        Ok(())
    }

    /// `[:alpha:]`, inside of a class.
    fn named_class(&mut self) -> Result<bool, String> {
        let Some(end) = self.rest().strip_prefix("[:").and_then(|rest| rest.find(":]")) else {
            return Ok(false);
        };
        let name = &self.rest()[..end + 4];
        if !name[2..name.len() - 2].chars().all(|c| c == '^' || c.is_ascii_lowercase()) {
            return Err(format!("invalid character class range: `{name}`"));
        }
        self.out.push_str(name);
        self.at += name.len();
        Ok(true)
    }

    /// `\d` and its like, inside of a class.
    fn perl_class(&mut self) -> bool {
        let (set, negated) = match self.rest().as_bytes() {
            [b'\\', b'd', ..] => (DIGIT, false),
            [b'\\', b'w', ..] => (WORD, false),
            [b'\\', b's', ..] => (SPACE, false),
            [b'\\', b'D', ..] => (DIGIT, true),
            [b'\\', b'W', ..] => (WORD, true),
            [b'\\', b'S', ..] => (SPACE, true),
            _ => return false,
        };
        self.at += 2;
        if negated {
            self.out.push_str(&format!("[^{set}]"));
        } else {
            self.out.push_str(set);
        }
        true
    }

    /// One character of a class; its value, where it stands for itself.
    fn class_char(&mut self, missing: &str) -> Result<Option<char>, String> {
        let at = self.at;
        match self.next().ok_or_else(|| missing.to_owned())? {
            '\\' => {
                let c =
                    self.next().ok_or_else(|| "trailing backslash at end of expression: ``".to_owned())?;
                self.literal_escape(c, at)?;
                Ok(c.is_ascii_punctuation().then_some(c))
            }
            c => {
                if matches!(c, '[' | ']' | '^' | '-' | '&' | '~') {
                    self.out.push('\\');
                }
                self.out.push(c);
                Ok(Some(c))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_s_syntax_is_put_into_the_crate_s() {
        for (go, rust) in [
            (r"\d+\w*", "[0-9]+[0-9A-Za-z_]*"),
            (r"[\d[&&]", r"[0-9\[\&\&]"),
            ("a{,5}{x}", r"a\{,5\}\{x\}"),
            ("a{2,3}", "a{2,3}"),
            (r"\Qa.b\E+", r"a\.b+"),
            ("(?P<n>a)(?<m>b)", "(?P<n>a)(?P<m>b)"),
            ("[]a]", r"[\]a]"),
            (r"^[\w-\.]+$", r"^[0-9A-Za-z_\-\.]+$"),
            ("[a-c-e]", r"[a-c\-e]"),
            ("[--/]", r"[\--/]"),
            ("[a-]", r"[a\-]"),
            (r"\101", r"\x{41}"),
            (r"\x{e9}|[\x41-\x{5a}]", r"\x{e9}|[\x{41}-\x{5a}]"),
            (r"\p{Greek}\PL[\p{^Latin}]", r"\p{Greek}\P{L}[\P{Latin}]"),
            ("(?i:a)(?s)", "(?i:a)(?s)"),
            (r"\<a\>", "<a>"),
        ] {
            let translated = translate(go).unwrap();
            assert_eq!(translated, rust, "{go}");
            regex::Regex::new(&translated).unwrap();
        }
    }

    #[test]
    fn errors_are_go_s() {
        for (pattern, error) in [
            ("[a", "missing closing ]: `[a`"),
            ("(a", "missing closing ): `(a`"),
            ("a)", "unexpected ): `a)`"),
            ("*a", "missing argument to repetition operator: `*`"),
            ("a**", "invalid nested repetition operator: `**`"),
            (r"\y", r"invalid escape sequence: `\y`"),
            ("a{1001}", "invalid repeat count: `{1001}`"),
            ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
            (r"\xZ", r"invalid escape sequence: `\xZ`"),
            (r"\x{110000}", r"invalid escape sequence: `\x{110000`"),
            (r"a\p{No}\p{Such}", r"invalid character class range: `\p{Such}`"),
            ("[z-a]", "invalid character class range: `z-a`"),
            (r"[a-\w]", r"invalid escape sequence: `\w`"),
            ("a\\", "trailing backslash at end of expression: ``"),
        ] {
            assert_eq!(
                translate(pattern).unwrap_err(),
                format!("error parsing regexp: {error}"),
                "{pattern}"
            );
        }
    }
}
