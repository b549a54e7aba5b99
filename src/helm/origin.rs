//! The table of source lines that a render's values and templates came from.

use std::sync::Arc;

use super::value::OriginId;
use crate::manifest::SourceLine;

/// Source lines by number: each file has a row of numbers, one for each of its lines. Number 0 is nobody's: a value of
/// unknown origin, or made up by a template.
#[derive(Clone, Debug, Default)]
pub struct OriginTable {
    /// The files with the number of their line 0, ascending.
    files: Vec<(u32, Arc<str>)>,
    /// The first number that is free.
    free: u32,
}

impl OriginTable {
    /// A table without lines.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes room for a file's lines, of which the last has this number; what it gives plus a line's number is that line's.
    pub fn add(&mut self, file: &Arc<str>, last_line: u32) -> u32 {
        let start = self.free;
        self.files.push((start, Arc::clone(file)));
        self.free = start.saturating_add(last_line).saturating_add(1);
        start
    }

    /// The line behind a number; `None` for 0.
    pub fn get(&self, id: OriginId) -> Option<SourceLine> {
        let at = self.files.partition_point(|(start, _)| *start < id.0).checked_sub(1)?;
        let (start, file) = self.files.get(at)?;
        (id.0 < self.free).then(|| SourceLine { file: Arc::clone(file), line: id.0 - start })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_number_and_zero_is_nobody() {
        let mut table = OriginTable::new();
        let first = table.add(&"a.yaml".into(), 3);
        let second = table.add(&"b.yaml".into(), 2);
        let shown = |id: u32| table.get(OriginId(id)).map(|line| line.to_string());
        assert_eq!(shown(first + 1).as_deref(), Some("a.yaml:1"));
        assert_eq!(shown(first + 3).as_deref(), Some("a.yaml:3"));
        assert_eq!(shown(second + 1).as_deref(), Some("b.yaml:1"));
        assert_eq!(shown(second + 2).as_deref(), Some("b.yaml:2"));
        assert_eq!((shown(0), shown(second + 3)), (None, None));
    }
}
