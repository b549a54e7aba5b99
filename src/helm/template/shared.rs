//! What a text says again and again: its trees share it.

use std::sync::Arc;

use super::ast::{Literal, Path};
use crate::helm::Table;
use crate::helm::go::quote;
use crate::helm::value::Str;

/// What was met of a text so far.
#[derive(Default)]
pub struct Shared<'s> {
    /// The names of fields.
    words: Table<&'s str, Str>,
    paths: Table<&'s str, Path>,
    /// The literals, as they are written.
    literals: Table<&'s str, Arc<Literal>>,
}

impl<'s> Shared<'s> {
    /// The names of the fields in `.a.b`.
    pub fn path(&mut self, text: &'s str) -> Path {
        if let Some(path) = self.paths.get(text) {
            return Arc::clone(path);
        }
        let words = &mut self.words;
        let word = |word| Arc::clone(words.entry(word).or_insert_with(|| word.into()));
        let path: Path = Arc::new(text.split('.').skip(1).map(word).collect());
        self.paths.insert(text, Arc::clone(&path));
        path
    }

    /// The literal that is written so. The error is Go's.
    pub fn literal(&mut self, quoted: &'s str) -> Result<Arc<Literal>, quote::SyntaxError> {
        if let Some(known) = self.literals.get(quoted) {
            return Ok(Arc::clone(known));
        }
        let literal = Arc::new(Literal { quoted: quoted.into(), text: quote::unquote(quoted)?.into() });
        self.literals.insert(quoted, Arc::clone(&literal));
        Ok(literal)
    }
}
