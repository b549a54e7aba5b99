//! YAML as Helm reads and writes it.

mod node;

pub use node::{Content, Key, Mark, Node};
