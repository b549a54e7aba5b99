//! Mooring keeps a data lakehouse on Kubernetes tied to git.

pub mod manifest;
