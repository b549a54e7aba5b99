//! PEM as Go reads and writes it: `encoding/pem` takes any text around a block, and lines of any length.

use std::fmt::Write as _;

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;

/// A block: what it holds, and its bytes.
pub struct Block {
    /// What stands behind BEGIN.
    pub label: String,
    /// What was encoded.
    pub bytes: Vec<u8>,
}

/// The first whole block of a text.
pub fn decode(text: &str) -> Option<Block> {
    let mut rest = text;
    loop {
        let at =
            rest.match_indices("-----BEGIN ").find(|(at, _)| *at == 0 || rest.as_bytes()[at - 1] == b'\n')?.0;
        rest = &rest[at + "-----BEGIN ".len()..];
        if let Some(block) = block(rest) {
            return Some(block);
        }
    }
}

fn block(rest: &str) -> Option<Block> {
    let (first, body) = rest.split_once('\n')?;
    let label = first.trim_end().strip_suffix("-----")?;
    let end = body.find(&format!("-----END {label}-----"))?;
    // Headers are lines with a colon, up to the first line without.
    let lines = body[..end].lines().skip_while(|line| line.contains(':'));
    let text: String = lines.flat_map(str::chars).filter(|c| !c.is_ascii_whitespace()).collect();
    let bytes = STANDARD.decode(text).ok()?;
    Some(Block { label: label.to_owned(), bytes })
}

/// A block as text, in lines of 64.
pub fn encode(label: &str, bytes: &[u8]) -> String {
    let text = STANDARD.encode(bytes);
    let mut out = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        let _ = writeln!(out, "{line}");
        rest = after;
    }
    let _ = writeln!(out, "-----END {label}-----");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_found_in_a_text_and_reads_back() {
        let bytes: Vec<u8> = (0..=255).collect();
        let text = format!("some words\n{}more", encode("THING", &bytes));
        let block = decode(&text).unwrap();
        assert_eq!((block.label.as_str(), block.bytes), ("THING", bytes));
        assert!(text.lines().all(|line| line.len() <= 64));
        assert!(decode("-----BEGIN THING-----\nAAAA\n").is_none());
    }

    #[test]
    fn headers_are_no_part_of_the_bytes() {
        let block = decode("-----BEGIN A-----\nProc-Type: 4\n\nAAAA\n-----END A-----\n").unwrap();
        assert_eq!(block.bytes, [0, 0, 0]);
    }
}
