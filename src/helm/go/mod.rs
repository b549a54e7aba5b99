//! Go's own text forms, where Rust's differ: quoting, numbers, `fmt`'s verbs, times.

#![expect(clippy::format_push_string, reason = "off the hot path, and easier to read")]

pub mod convert;
pub mod float;
pub mod number;
pub mod parse_time;
pub mod printf;
pub mod quote;
pub mod text;
pub mod time;
mod verbs;
pub mod zone;
