//! The table of source lines that a render's values and templates came from.

use std::collections::HashMap;
use std::sync::Arc;

use super::value::OriginId;
use crate::manifest::SourceLine;

/// Source lines by number. Number 0 is nobody's: a value of unknown origin, or made up by a template.
#[derive(Clone, Debug, Default)]
pub struct OriginTable {
    lines: Vec<SourceLine>,
    ids: HashMap<Arc<str>, HashMap<u32, OriginId>>,
}

impl OriginTable {
    /// A table without lines.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of a line of a file (from 1), the same one each time that it is asked for.
    pub fn intern(&mut self, file: &Arc<str>, line: u32) -> OriginId {
        let ids = match self.ids.get_mut(file) {
            Some(ids) => ids,
            None => self.ids.entry(Arc::clone(file)).or_default(),
        };
        *ids.entry(line).or_insert_with(|| {
            self.lines.push(SourceLine { file: Arc::clone(file), line });
            OriginId(u32::try_from(self.lines.len()).unwrap_or(0))
        })
    }

    /// The line behind a number; `None` for 0.
    pub fn get(&self, id: OriginId) -> Option<&SourceLine> {
        self.lines.get(usize::try_from(id.0).ok()?.checked_sub(1)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_keeps_its_number_and_nothing_is_zero() {
        let mut table = OriginTable::new();
        let file: Arc<str> = "values.yaml".into();
        let first = table.intern(&file, 3);
        let second = table.intern(&file, 4);
        assert_ne!(first, second);
        assert_eq!(table.intern(&file, 3), first);
        assert_eq!(table.get(second).map(ToString::to_string).as_deref(), Some("values.yaml:4"));
        assert_eq!(table.get(OriginId::default()), None);
    }
}
