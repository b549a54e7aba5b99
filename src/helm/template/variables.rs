//! The variables of a tree while it is parsed.

use std::sync::Arc;

use super::ast::{Path, ROOT, Symbol, Variable};
use crate::helm::Table;
use crate::helm::value::Str;

/// Which variables there are, and which of them are visible.
pub struct Variables<'s> {
    visible: Vec<Symbol>,
    /// The names of all variables of the tree, by symbol.
    names: Vec<Str>,
    /// The variables that were met with the fields behind them, as they are written.
    met: Table<&'s str, Arc<Variable>>,
}

impl Default for Variables<'_> {
    fn default() -> Self {
        Self { visible: vec![ROOT], names: vec!["$".into()], met: Table::default() }
    }
}

impl<'s> Variables<'s> {
    /// Makes a variable visible.
    pub fn declare(&mut self, name: &str) -> (Symbol, Str) {
        let symbol = self.symbol(name);
        self.visible.push(symbol);
        (symbol, self.name(symbol))
    }

    /// How many variables are visible.
    pub fn len(&self) -> usize {
        self.visible.len()
    }

    /// Hides the variables that became visible since there were so many.
    pub fn truncate(&mut self, len: usize) {
        self.visible.truncate(len);
    }

    /// The variable of this name, if it is visible.
    pub fn find(&mut self, name: &str) -> Option<Symbol> {
        let symbol = self.symbol(name);
        self.visible.contains(&symbol).then_some(symbol)
    }

    /// A variable with fields behind it, both written so.
    pub fn with_fields(
        &mut self,
        symbol: Symbol,
        written: &'s str,
        fields: impl FnOnce() -> Path,
    ) -> Arc<Variable> {
        if let Some(met) = self.met.get(written) {
            return Arc::clone(met);
        }
        let variable = Arc::new(Variable { symbol, name: self.name(symbol), fields: fields() });
        self.met.insert(written, Arc::clone(&variable));
        variable
    }

    fn name(&self, symbol: Symbol) -> Str {
        Arc::clone(&self.names[usize::from(symbol)])
    }

    fn symbol(&mut self, name: &str) -> Symbol {
        let names = &mut self.names;
        let index = names.iter().position(|known| **known == *name).unwrap_or_else(|| {
            names.push(name.into());
            names.len() - 1
        });
        // A tree with more variables than that would be larger than any chart may be; they share the last.
        Symbol::try_from(index).unwrap_or(Symbol::MAX)
    }
}
