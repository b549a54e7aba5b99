//! Plain manifests: all YAML and JSON files of a folder, without templating.

use std::sync::Arc;

use serde_json::Value;

use super::error::RenderError;
use crate::helm::yaml::{Node, YamlLimits, parse_documents};
use crate::manifest::{EntryKind, Files, ManifestSource};

/// A component may have this many files of plain manifests.
const FILES: usize = 2_000;
/// And this many bytes in them.
const BYTES: u64 = 50 << 20;

/// Reads each document of each manifest file under `folder`, with its place.
pub(super) fn documents(
    files: &dyn Files,
    component: &Arc<str>,
    folder: &str,
) -> Result<Vec<(Value, ManifestSource)>, RenderError> {
    let mut found = Vec::new();
    let (mut count, mut bytes) = (0, 0);
    for entry in files.walk(folder)? {
        let extension = entry.path.rsplit('.').next().unwrap_or_default();
        if entry.kind != EntryKind::File || !matches!(extension, "yaml" | "yml" | "json") {
            continue;
        }
        count += 1;
        bytes += entry.size;
        if count > FILES || bytes > BYTES {
            return Err(RenderError::TooLarge {
                what: format!("{folder}: {count} manifest files with {bytes} bytes"),
                limit: format!("{FILES} files or {BYTES} bytes"),
            });
        }
        let file: Arc<str> = entry.path.as_str().into();
        for (index, node) in nodes(files, &file)?.into_iter().enumerate() {
            let source = ManifestSource {
                component: component.clone(),
                file: file.clone(),
                document: u32::try_from(index).unwrap_or(u32::MAX),
                line: node.mark.line,
            };
            let value = node.to_json();
            if !value.is_null() {
                found.push((value, source));
            }
        }
    }
    Ok(found)
}

/// The documents of one file as trees with places.
pub(super) fn nodes(files: &dyn Files, file: &str) -> Result<Vec<Node>, RenderError> {
    let wrong = |reason: String| RenderError::Yaml { file: file.to_owned(), reason };
    let content = files.read(file)?;
    let text = std::str::from_utf8(&content).map_err(|error| wrong(format!("it is not UTF-8: {error}")))?;
    parse_documents(text, &YamlLimits::default()).map_err(|error| wrong(error.to_string()))
}
