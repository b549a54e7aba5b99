//! YAML as Helm reads and writes it.
//!
//! Helm reads values and manifests with sigs.k8s.io/yaml, which is go-yaml v2 (YAML 1.1) and then JSON, and writes with
//! it too. Each rule here that is not YAML's is one of theirs.

mod convert;
mod emit;
mod error;
mod gosyntax;
mod node;
mod number;
mod outline;
mod read;
mod resolve;
mod syntax;
#[cfg(test)]
mod tests;
mod timestamp;
mod write;

pub use error::YamlError;
pub use node::{Content, Key, Mark, Node};
pub use number::format_float;
pub use read::{DoubleKey, YamlLimits, parse, parse_documents, parse_entries, parse_strictly};
pub use write::{Marked, json_to_yaml, to_yaml, to_yaml_marked, to_yaml_pretty, to_yaml_pretty_marked};
