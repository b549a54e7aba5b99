//! Go's text/template as Helm uses it.
//!
//! ```text
//! text ── lexer ── parser ──▶ Tree (shared, Send + Sync) ─┐
//!                                                         ▼
//! TemplateSet ── renderer(env) ──▶ Renderer ── execute(name, data) ──▶ Output
//! ```
//!
//! A [`TemplateSet`] is parsed once and may be used by many threads. A [`Renderer`] renders one release: the templates
//! that it executes one after the other share their root values, as in Helm, and a source of randomness.
//! Values are those of [`crate::helm::value`]; the functions are in `crate::helm::functions`.

#![expect(
    clippy::unnecessary_box_returns,
    reason = "an error is boxed where it is made, so that results stay small"
)]

mod ast;
mod error;
mod eval;
mod exec;
mod lexer;
mod literal;
mod parser;
mod shared;
mod trace;
mod variables;
mod written;

#[cfg(test)]
mod tests;

use std::rc::Rc;
use std::sync::Arc;

pub use ast::Tree;
pub use error::TemplateError;
pub(crate) use error::{GoError, Result as GoResult, WARN_END, WARN_START};
pub(crate) use eval::Args;
pub(crate) use exec::{Exec, Operand, as_int};
use trace::{TPL_NAME, Trace};
pub use written::{Span, Written};

use super::Table;
use super::go::text::{has_raw, readable};
use super::limits::Limits;
use super::lookup::Lookup;
use super::value::{OriginId, Str, Value};

/// Which Helm to follow where they differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HelmVersion {
    /// Helm 4.3.
    #[default]
    Helm4,
    /// Helm 3.22.
    Helm3,
}

/// What templates may know of the world.
#[derive(Clone, Debug)]
pub struct ExecEnv {
    /// The beginning of all random values: the same seed gives the same output.
    pub seed: [u8; 32],
    /// What `now` says.
    pub now: jiff::Timestamp,
    /// Who answers `lookup`; without, nothing is there.
    pub lookup: Option<Arc<dyn Lookup>>,
    /// What the execution may use.
    pub limits: Limits,
    /// Whether to trace each span of the output to its template line and values.
    pub origins: bool,
    /// Which Helm's form texts have.
    pub helm_version: HelmVersion,
    /// Whether a missing key is an error (`--strict`).
    pub strict: bool,
    /// Whether `required` and `fail` let pass, as `helm lint` does.
    pub lint: bool,
}

impl Default for ExecEnv {
    fn default() -> Self {
        Self {
            seed: [0; 32],
            now: jiff::Timestamp::UNIX_EPOCH,
            lookup: None,
            limits: Limits::default(),
            origins: false,
            helm_version: HelmVersion::default(),
            strict: false,
            lint: false,
        }
    }
}

/// What a template wrote.
#[derive(Clone, Debug)]
pub struct Output {
    /// The text, `<no value>` taken out as Helm does.
    pub text: Str,
    /// Who wrote which part of the text; empty unless origins were asked for.
    pub written: Arc<Written>,
    /// Whether a function was called whose result differs from render to render, by any template of this renderer so far.
    pub nondeterministic: bool,
}

/// Parsed templates by name: those of the files, and those that they define.
#[derive(Clone, Debug, Default)]
pub struct TemplateSet {
    trees: Table<Arc<str>, Arc<Tree>>,
}

impl TemplateSet {
    /// A set without templates.
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses a file's text and adds it and its definitions. What is added later replaces what was there under the
    /// same name, unless it is empty; so the order of the calls must be Helm's.
    pub fn add(&mut self, name: &str, text: &str) -> Result<(), TemplateError> {
        let trees = parse(name, &text.into(), HelmVersion::default())?;
        self.add_parsed(&trees);
        Ok(())
    }

    /// Adds what [`parse`] gave: for texts that are parsed once and used in several sets.
    pub fn add_parsed(&mut self, trees: &[Arc<Tree>]) {
        for tree in trees {
            if !tree.is_empty() || !self.trees.contains_key(&tree.name) {
                self.trees.insert(Arc::clone(&tree.name), Arc::clone(tree));
            }
        }
    }

    /// Whether there is a template of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.trees.contains_key(name)
    }

    /// Begins the rendering of one release.
    pub fn renderer<'e>(&'e self, env: &'e ExecEnv) -> Renderer<'e> {
        Renderer { exec: Exec::new(self, env) }
    }

    /// Executes one template by itself.
    pub fn execute(&self, name: &str, data: Value, env: &ExecEnv) -> Result<Output, TemplateError> {
        self.renderer(env).execute(name, data)
    }

    fn lookup(&self, name: &str) -> Option<&Arc<Tree>> {
        self.trees.get(name)
    }
}

/// Parses a text: its own tree and those that it defines. They can be shared between threads.
pub fn parse(name: &str, text: &Arc<str>, helm: HelmVersion) -> Result<Vec<Arc<Tree>>, TemplateError> {
    let trees = parser::parse(&name.into(), text, helm).map_err(TemplateError::parse)?;
    Ok(trees.into_iter().map(Arc::new).collect())
}

/// Executes the templates of one release.
pub struct Renderer<'e> {
    exec: Exec<'e>,
}

impl Renderer<'_> {
    /// Executes a template with these root values (`.Values`, `.Release`...).
    pub fn execute(&mut self, name: &str, data: Value) -> Result<Output, TemplateError> {
        let exec = &mut self.exec;
        exec.out.clear();
        exec.includes.clear();
        let result = exec.execute(name, &Operand::of(data));
        let mut written = exec.trace.as_deref_mut().map(Trace::finish).unwrap_or_default();
        result.map_err(|error| TemplateError::execute(&error, exec.env.helm_version))?;
        let mut text = without_no_value(&exec.out, &mut written);
        if has_raw(&text) {
            // What is no text is nobody's line, either.
            written.clear();
            text = readable(&text).into_owned().into();
        }
        Ok(Output { text, written: Arc::new(written), nondeterministic: exec.nondeterministic })
    }
}

pub(crate) const NO_VALUE: &str = "<no value>";

/// Takes `<no value>` out, and moves what is noted of the text.
fn without_no_value(text: &str, written: &mut Written) -> Str {
    if !text.contains(NO_VALUE) {
        return text.into();
    }
    if !written.is_empty() {
        written.take_out(text.match_indices(NO_VALUE).map(|(at, _)| at), NO_VALUE.len());
    }
    text.replace(NO_VALUE, "").into()
}

impl Exec<'_> {
    /// Helm's `include`: executes a template and gives its text.
    pub(crate) fn include(&mut self, name: &Str, data: &Operand) -> GoResult<Str> {
        let count = self.includes.entry(Arc::clone(name)).or_insert(0);
        if *count > self.env.limits.includes {
            return Err(format!(
                "rendering template has a nested reference name: {name}: unable to execute template"
            )
            .into());
        }
        *count += 1;
        let result = self.capture(|exec| exec.execute(name, data), |text| text.into());
        if let Some(count) = self.includes.get_mut(name) {
            *count -= 1;
        }
        result
    }

    /// Helm's `tpl`: executes a text as a template.
    pub(crate) fn tpl(&mut self, text: &Str, origin: OriginId, data: &Operand) -> GoResult<Str> {
        use super::go::quote::quote;

        if !text.contains("{{") && !text.contains(NO_VALUE) {
            return Ok(Arc::clone(text));
        }
        let trees = if let Some(trees) = self.parsed.get(text) {
            Rc::clone(trees)
        } else {
            self.spend(u64::try_from(text.len() / 64).unwrap_or(0))?;
            let trees = parse(TPL_NAME, text, self.env.helm_version).map_err(|error| {
                GoError::new(format!("cannot parse template {}: {}", quote(text), error.raw()))
            })?;
            let trees = Rc::new(trees);
            self.parsed.insert(Arc::clone(text), Rc::clone(&trees));
            trees
        };
        let run = |exec: &mut Self| {
            if let (Some(trace), Some(tree)) = (exec.trace.as_deref_mut(), trees.last()) {
                trace.enter_tpl(text, tree, origin);
            }
            exec.with_defined(&trees, |exec| match trees.iter().find(|tree| *tree.name == *TPL_NAME) {
                Some(tree) => exec.run(tree, data),
                None => Ok(()),
            })
        };
        self.capture(run, |written| without_no_value(written, &mut Written::default())).map_err(|error| {
            GoError::wrap(format!("error during tpl function execution for {}: ", quote(text)), error)
        })
    }
}
