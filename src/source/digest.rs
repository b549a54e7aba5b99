//! Digests as text.

/// The first `count` bytes in hex.
pub(super) fn hex(bytes: &[u8], count: usize) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    bytes.iter().take(count).flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
