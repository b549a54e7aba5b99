//! Directives, anchors and tags.

use super::super::YamlError;
use super::scanner::Scanner;
use super::token::{Kind, Place, Token};

/// Digits of a version number.
const MAX_VERSION_DIGITS: usize = 2;

impl<'a> Scanner<'a> {
    pub(super) fn scan_directive(&mut self) -> Result<Token<'a>, YamlError> {
        let start = self.at;
        self.skip_ascii(1);
        let name = self.read_word();
        if name.is_empty() {
            return Err(self.error("could not find expected directive name", start));
        }
        if !self.is_space_at(0) {
            return Err(self.error("found unexpected non-alphabetical character", start));
        }
        let kind = match name {
            "YAML" => self.scan_version(start)?,
            "TAG" => self.scan_tag_directive(start)?,
            _ => return Err(self.error("found unknown directive name", start)),
        };
        let end = self.at;
        self.skip_blanks();
        self.skip_comment();
        if !self.is_break_or_end() {
            return Err(self.error("did not find expected comment or line break", start));
        }
        self.read_break();
        Ok(Token { kind, start, end })
    }

    fn scan_version(&mut self, start: Place) -> Result<Kind<'a>, YamlError> {
        self.skip_blanks();
        let major = self.scan_version_number(start)?;
        if self.byte(0) != b'.' {
            return Err(self.error("did not find expected digit or '.' character", start));
        }
        self.skip_ascii(1);
        let minor = self.scan_version_number(start)?;
        Ok(Kind::Version { major, minor })
    }

    fn scan_version_number(&mut self, start: Place) -> Result<u8, YamlError> {
        let (mut number, mut digits) = (0, 0);
        while self.byte(0).is_ascii_digit() {
            digits += 1;
            if digits > MAX_VERSION_DIGITS {
                return Err(self.error("found extremely long version number", start));
            }
            number = number * 10 + (self.byte(0) - b'0');
            self.skip_ascii(1);
        }
        if digits == 0 {
            return Err(self.error("did not find expected version number", start));
        }
        Ok(number)
    }

    fn scan_tag_directive(&mut self, start: Place) -> Result<Kind<'a>, YamlError> {
        self.skip_blanks();
        let handle = self.scan_tag_handle(true, start)?;
        if !self.is_blank(0) {
            return Err(self.error("did not find expected whitespace", start));
        }
        self.skip_blanks();
        let prefix = self.scan_tag_uri("", start)?;
        if !self.is_space_at(0) {
            return Err(self.error("did not find expected whitespace or line break", start));
        }
        Ok(Kind::TagDirective { handle, prefix })
    }

    pub(super) fn scan_anchor(&mut self) -> Result<Token<'a>, YamlError> {
        let start = self.at;
        let alias = self.byte(0) == b'*';
        self.skip_ascii(1);
        let name = self.read_word();
        let end = self.at;
        let ends_well = self.is_space_at(0)
            || matches!(self.byte(0), b'?' | b':' | b',' | b']' | b'}' | b'%' | b'@' | b'`');
        if name.is_empty() || !ends_well {
            return Err(self.error("did not find expected alphabetic or numeric character", start));
        }
        Ok(Token { kind: if alias { Kind::Alias(name) } else { Kind::Anchor(name) }, start, end })
    }

    pub(super) fn scan_tag(&mut self) -> Result<Token<'a>, YamlError> {
        let start = self.at;
        let (handle, suffix) = if self.byte(1) == b'<' {
            self.skip_ascii(2);
            let suffix = self.scan_tag_uri("", start)?;
            if self.byte(0) != b'>' {
                return Err(self.error("did not find the expected '>'", start));
            }
            self.skip_ascii(1);
            (String::new(), suffix)
        } else {
            let handle = self.scan_tag_handle(false, start)?;
            if handle.len() > 1 && handle.ends_with('!') {
                let suffix = self.scan_tag_uri("", start)?;
                (handle, suffix)
            } else {
                let suffix = self.scan_tag_uri(&handle, start)?;
                // A lone `!` is a tag, not a handle.
                if suffix.is_empty() { (String::new(), "!".to_owned()) } else { ("!".to_owned(), suffix) }
            }
        };
        if !self.is_space_at(0) {
            return Err(self.error("did not find expected whitespace or line break", start));
        }
        Ok(Token { kind: Kind::Tag { handle, suffix }, start, end: self.at })
    }

    fn scan_tag_handle(&mut self, directive: bool, start: Place) -> Result<String, YamlError> {
        if self.byte(0) != b'!' {
            return Err(self.error("did not find expected '!'", start));
        }
        self.skip_ascii(1);
        let mut handle = format!("!{}", self.read_word());
        if self.byte(0) == b'!' {
            handle.push('!');
            self.skip_ascii(1);
        } else if directive && handle != "!" {
            return Err(self.error("did not find expected '!'", start));
        }
        Ok(handle)
    }

    /// A URI; `head` is what was read of it already, with the `!` before it.
    fn scan_tag_uri(&mut self, head: &str, start: Place) -> Result<String, YamlError> {
        let mut uri = head.get(1..).unwrap_or_default().as_bytes().to_vec();
        let mut found = !head.is_empty();
        loop {
            match self.byte(0) {
                b'%' => self.scan_uri_escape(&mut uri, start)?,
                byte if byte.is_ascii_alphanumeric() || b"_-;/?:@&=+$,.!~*'()[]".contains(&byte) => {
                    uri.push(byte);
                    self.skip_ascii(1);
                }
                _ => break,
            }
            found = true;
        }
        if !found {
            return Err(self.error("did not find expected tag URI", start));
        }
        Ok(String::from_utf8_lossy(&uri).into_owned())
    }

    /// One character as escaped octets.
    fn scan_uri_escape(&mut self, uri: &mut Vec<u8>, start: Place) -> Result<(), YamlError> {
        let mut left = None;
        while left != Some(0) {
            let octet = match (self.byte(0), hex(self.byte(1)), hex(self.byte(2))) {
                (b'%', Some(high), Some(low)) => high << 4 | low,
                _ => return Err(self.error("did not find URI escaped octet", start)),
            };
            left = Some(match left {
                None => match octet {
                    0..0x80 => 0,
                    0xc0..0xe0 => 1,
                    0xe0..0xf0 => 2,
                    0xf0..0xf8 => 3,
                    _ => return Err(self.error("found an incorrect leading UTF-8 octet", start)),
                },
                Some(_) if octet & 0xc0 != 0x80 => {
                    return Err(self.error("found an incorrect trailing UTF-8 octet", start));
                }
                Some(count) => count - 1,
            });
            uri.push(octet);
            self.skip_ascii(3);
        }
        Ok(())
    }

    /// Letters, digits, `_` and `-`.
    fn read_word(&mut self) -> &'a str {
        let rest = &self.text[self.at.offset..];
        let length = rest
            .bytes()
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
            .count();
        self.skip_ascii(length);
        &rest[..length]
    }
}

pub(super) fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}
