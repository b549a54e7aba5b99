//! Charts, through the Helm engine.

use jiff::Timestamp;
use serde_json::Value;

use super::RenderContext;
use super::error::RenderError;
use crate::manifest::ManifestSource;

/// What a chart renders to.
pub(super) struct ChartRendering {
    /// Its objects, with their places.
    pub documents: Vec<(Value, ManifestSource)>,
    /// Whether a template asked for the time or for something random.
    pub nondeterministic: bool,
    /// What was left out: hooks.
    pub left_out: Vec<String>,
}

pub(super) fn render(
    context: &RenderContext<'_>,
    index: usize,
    _seed: [u8; 32],
    _now: Timestamp,
    _origins: bool,
) -> Result<ChartRendering, RenderError> {
    let chart = context.environment.environment.spec.components[index].chart.clone().unwrap_or_default();
    Err(RenderError::Chart { chart, reason: "engine not merged".to_owned() })
}

pub(super) fn origins(
    _context: &RenderContext<'_>,
    _index: usize,
    _source: &ManifestSource,
    paths: &[crate::manifest::FieldPath],
) -> Vec<Option<crate::manifest::Origin>> {
    vec![None; paths.len()]
}
