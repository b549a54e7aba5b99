//! Where a field was written: found by looking at the component again, only when a report needs it.

use std::collections::BTreeSet;

use super::sealed::Unsealed;
use super::{NAMESPACES, RenderContext, plain};
use crate::environment::PRODUCERS;
use crate::helm::yaml::{Content, Mark, Node};
use crate::manifest::{FieldPath, ManifestSource, Origin, PathElement, SourceLine, is_membership};

/// Where a field was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The lines.
    pub origin: Origin,
    /// Whether something encrypted was read there: whatever became of it, the field must not be seen.
    pub sealed: bool,
}

impl Written {
    /// Written at `origin`, where these lines were decrypted.
    pub(super) fn new(origin: Origin, sealed: &BTreeSet<SourceLine>) -> Self {
        let is_sealed =
            sealed.contains(&origin.template) || origin.values.iter().any(|line| sealed.contains(line));
        Self { origin, sealed: is_sealed }
    }
}

/// Where each field of an object that stood at `source` was written; `None` where it cannot be told, and of the labels
/// that the agent itself adds.
pub fn origins(
    context: &RenderContext<'_>,
    source: &ManifestSource,
    paths: &[FieldPath],
) -> Vec<Option<Written>> {
    let mut found = written(context, source, paths);
    for (origin, path) in found.iter_mut().zip(paths) {
        if is_membership(path) {
            *origin = None;
        }
    }
    found
}

fn written(
    context: &RenderContext<'_>,
    source: &ManifestSource,
    paths: &[FieldPath],
) -> Vec<Option<Written>> {
    if &*source.component == NAMESPACES || &*source.component == PRODUCERS {
        let line = SourceLine { file: source.file.clone(), line: source.line };
        let origin = Origin { template: line, values: Vec::new() };
        return vec![Some(Written::new(origin, &BTreeSet::new())); paths.len()];
    }
    let spec = &context.environment.environment.spec;
    let Some(index) = spec.components.iter().position(|component| component.name == *source.component) else {
        return vec![None; paths.len()];
    };
    if spec.components[index].chart.is_some() {
        return super::chart::origins(context, index, source, paths);
    }
    let unsealed = Unsealed::default();
    let Ok(nodes) = plain::nodes(context, &unsealed, &source.file) else { return vec![None; paths.len()] };
    let Some(node) = nodes.get(source.document as usize) else { return vec![None; paths.len()] };
    let line = |mark: Mark| Origin {
        template: SourceLine { file: source.file.clone(), line: mark.line },
        values: Vec::new(),
    };
    let sealed = unsealed.lines();
    paths.iter().map(|path| Some(Written::new(line(locate(node, path)), &sealed))).collect()
}

/// The place of a field in a document: of its value, or of the nearest thing above it.
pub(super) fn locate(root: &Node, path: &FieldPath) -> Mark {
    let mut node = root;
    let mut mark = root.mark;
    for element in &path.0 {
        match (element, &node.content) {
            (PathElement::Field(name), Content::Map(entries)) => {
                let found = entries
                    .iter()
                    .find(|(key, _)| key.text == *name || (name == "data" && key.text == "stringData"));
                let Some((key, value)) = found else { return mark };
                mark = key.mark;
                node = value;
            }
            (element, Content::Seq(items)) => {
                let json = node.to_json();
                let wanted = element.get(&json);
                let position =
                    json.as_array().and_then(|list| list.iter().position(|item| Some(item) == wanted));
                let Some(item) = wanted.and(position).and_then(|position| items.get(position)) else {
                    return mark;
                };
                mark = item.mark;
                node = item;
            }
            _ => return mark,
        }
    }
    mark
}
