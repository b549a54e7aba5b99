//! Plain manifests: all YAML and JSON files of a folder, without templating.

use std::sync::Arc;

use serde_json::Value;

use super::RenderContext;
use super::error::RenderError;
use super::sealed::Unsealed;
use crate::helm::yaml::{Node, YamlLimits, parse_documents};
use crate::manifest::{EntryKind, ManifestSource};

/// A component may have this many files of plain manifests.
const FILES: usize = 2_000;
/// And this many bytes in them.
const BYTES: u64 = 50 << 20;

/// SOPS' own configuration, which may lie beside manifests.
const SOPS_RULES: &str = ".sops.yaml";

/// Reads each document of each manifest file under `folder`, with its place.
pub(super) fn documents(
    context: &RenderContext<'_>,
    unsealed: &Unsealed,
    component: &Arc<str>,
    folder: &str,
) -> Result<Vec<(Value, ManifestSource)>, RenderError> {
    let mut found = Vec::new();
    let (mut count, mut bytes) = (0, 0);
    for entry in context.files.walk(folder)? {
        let name = entry.path.rsplit('/').next().unwrap_or_default();
        let extension = name.rsplit('.').next().unwrap_or_default();
        let ours = matches!(extension, "yaml" | "yml" | "json") && name != SOPS_RULES;
        if entry.kind != EntryKind::File || !ours {
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
        for (index, node) in nodes(context, unsealed, &file)?.into_iter().enumerate() {
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
pub(super) fn nodes(
    context: &RenderContext<'_>,
    unsealed: &Unsealed,
    file: &str,
) -> Result<Vec<Node>, RenderError> {
    let text = unsealed.read(context, file)?;
    parse_documents(&text, &YamlLimits::default())
        .map_err(|error| RenderError::Yaml { file: file.to_owned(), reason: error.to_string() })
}
