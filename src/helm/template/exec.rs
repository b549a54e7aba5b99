//! The executor: walks a tree and writes its output.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::ast::{At, Branch, List, Node, Pipe, ROOT, Symbol, TemplateCall, Tree};
use super::error::{GoError, Result};
use super::trace::Trace;
use super::{ExecEnv, TemplateSet};
use crate::helm::Table;
use crate::helm::functions::dates::{GoDuration, duration};
use crate::helm::functions::random::Random;
use crate::helm::functions::regex::RegexCache;
use crate::helm::go::{printf, quote};
use crate::helm::limits::{MAX_CALL_DEPTH, with_stack};
use crate::helm::value::{Entry, ListType, OriginId, Str, Value};

/// A value with its origin, and whether Go would hold it as an `interface {}` (error texts tell).
#[derive(Clone, Debug, Default)]
pub struct Operand {
    pub value: Value,
    pub origin: OriginId,
    pub interface: bool,
}

impl Operand {
    /// A value of a concrete type.
    pub fn of(value: Value) -> Self {
        Self { value, ..Self::default() }
    }

    /// A map's or list's element.
    pub fn element(entry: Entry, interface: bool) -> Self {
        Self { value: entry.value, origin: entry.origin, interface }
    }
}

/// How a list of nodes ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    Done,
    Break,
    Continue,
}

/// The templates that can be called: a set, and what `tpl` defined on top of it.
#[derive(Debug)]
pub struct Scope<'e> {
    set: &'e TemplateSet,
    defined: Table<Arc<str>, Arc<Tree>>,
    parent: Option<Rc<Scope<'e>>>,
}

impl Scope<'_> {
    fn lookup(&self, name: &str) -> Option<&Arc<Tree>> {
        let own = self.defined.get(name);
        own.or_else(|| match &self.parent {
            Some(parent) => parent.lookup(name),
            None => self.set.lookup(name),
        })
    }
}

/// What one execution of a tree keeps.
pub struct Frame<'t> {
    pub tree: &'t Tree,
    pub vars: Vec<(Symbol, Operand)>,
    /// The node that is being evaluated, for errors.
    pub at: u32,
}

/// How many steps are made between two looks at the clock.
const STEPS_A_LOOK: u64 = 1 << 12;

/// The state that all templates of a release share.
pub struct Exec<'e> {
    pub env: &'e ExecEnv,
    pub(super) scope: Rc<Scope<'e>>,
    /// What is written: the output of the template that was asked for, then those of the calls in it that give their text.
    pub(super) out: String,
    /// Where the current output begins in it.
    base: usize,
    pub(crate) trace: Option<Box<Trace>>,
    steps: u64,
    /// When the clock is looked at next, in steps.
    next_look: u64,
    /// When it must be done, by the limit's clock.
    deadline: Duration,
    depth: usize,
    /// How often each name is being included now.
    pub(super) includes: Table<Str, usize>,
    /// What `tpl` parsed, by text.
    pub(super) parsed: Table<Str, Rc<Vec<Arc<Tree>>>>,
    pub(crate) regexes: RegexCache,
    pub(crate) random: Random,
    /// Whether something was asked for that differs from render to render.
    pub(crate) nondeterministic: bool,
}

impl<'e> Exec<'e> {
    pub(super) fn new(set: &'e TemplateSet, env: &'e ExecEnv) -> Self {
        Self {
            env,
            scope: Rc::new(Scope { set, defined: Table::default(), parent: None }),
            out: String::new(),
            base: 0,
            trace: env.origins.then(Box::default),
            steps: 0,
            next_look: STEPS_A_LOOK,
            deadline: env.limits.time.map_or(Duration::MAX, |time| (time.clock)().saturating_add(time.limit)),
            depth: 0,
            includes: Table::default(),
            parsed: Table::default(),
            regexes: RegexCache::default(),
            random: Random::new(env.seed),
            nondeterministic: false,
        }
    }

    /// Counts steps against the limit.
    pub(crate) fn spend(&mut self, steps: u64) -> Result<()> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > self.env.limits.steps {
            let limit = self.env.limits.steps;
            return Err(GoError::new(format!(
                "the chart's templates take more than the limit of {limit} steps"
            )));
        }
        if self.steps >= self.next_look {
            self.next_look = self.steps + STEPS_A_LOOK;
            if let Some(time) = self.env.limits.time
                && (time.clock)() > self.deadline
            {
                let limit = time.limit;
                return Err(GoError::new(format!(
                    "the chart's templates take longer than the limit of {limit:?}"
                )));
            }
        }
        Ok(())
    }

    /// How much the current output holds.
    fn written(&self) -> usize {
        self.out.len() - self.base
    }

    fn check_output(&self) -> Result<()> {
        let limit = self.env.limits.output_bytes;
        if self.written() > limit {
            return Err(GoError::new(format!("the output is larger than the limit of {limit} bytes")));
        }
        Ok(())
    }

    /// Executes the template of this name; the text goes to the current output.
    pub(crate) fn execute(&mut self, name: &str, data: &Operand) -> Result<()> {
        let Some(tree) = self.scope.lookup(name).cloned() else {
            let name = quote::quote(name);
            return Err(GoError::new(format!(
                "template: no template {name} associated with template \"gotpl\""
            )));
        };
        self.run(&tree, data)
    }

    /// Executes a tree with this root value.
    pub(super) fn run(&mut self, tree: &Tree, data: &Operand) -> Result<()> {
        let mut frame = Frame { tree, vars: Vec::with_capacity(8), at: tree.root.at.id };
        frame.vars.push((ROOT, data.clone()));
        if self.depth >= MAX_CALL_DEPTH {
            return Err(frame.error("exceeded maximum template depth (100000)"));
        }
        self.depth += 1;
        let outer = self.trace.as_deref_mut().map(|trace| trace.enter(tree));
        let result = with_stack(|| self.walk_list(&mut frame, data, &tree.root));
        if let (Some(trace), Some(outer)) = (self.trace.as_deref_mut(), outer) {
            trace.leave(outer);
        }
        self.depth -= 1;
        result.map(|_| ())
    }

    /// Executes with an output of its own, and gives that as `finish` makes it.
    pub(super) fn capture(
        &mut self,
        run: impl FnOnce(&mut Self) -> Result<()>,
        finish: impl FnOnce(&str) -> Str,
    ) -> Result<Str> {
        let outer = std::mem::replace(&mut self.base, self.out.len());
        let spans = self.trace.as_deref_mut().map(Trace::begin_capture);
        let result = run(self);
        let text = finish(&self.out[self.base..]);
        self.out.truncate(self.base);
        self.base = outer;
        if let (Some(trace), Some(spans)) = (self.trace.as_deref_mut(), spans) {
            trace.end_capture(spans, &text);
        }
        result.map(|()| text)
    }

    /// Executes with further definitions, as `tpl` does in its clone of the set.
    pub(crate) fn with_defined<T>(&mut self, trees: &[Arc<Tree>], run: impl FnOnce(&mut Self) -> T) -> T {
        let mut defined =
            Table::with_capacity_and_hasher(trees.len(), foldhash::fast::RandomState::default());
        for tree in trees {
            // An empty definition never replaces another.
            if !tree.is_empty() || self.scope.lookup(&tree.name).is_none() {
                defined.insert(Arc::clone(&tree.name), Arc::clone(tree));
            }
        }
        let inner = Rc::new(Scope { set: self.scope.set, defined, parent: Some(Rc::clone(&self.scope)) });
        let outer = std::mem::replace(&mut self.scope, inner);
        let result = run(self);
        self.scope = outer;
        result
    }

    fn walk_list<'t>(&mut self, frame: &mut Frame<'t>, dot: &Operand, list: &'t List) -> Result<Flow> {
        frame.at = list.at.id;
        for node in &list.nodes {
            match self.walk(frame, dot, node)? {
                Flow::Done => {}
                flow => return Ok(flow),
            }
        }
        Ok(Flow::Done)
    }

    fn walk<'t>(&mut self, frame: &mut Frame<'t>, dot: &Operand, node: &'t Node) -> Result<Flow> {
        self.spend(1)?;
        match node {
            Node::Text { at, end } => {
                let text = frame.tree.text(at.pos, *end);
                if let Some(trace) = &mut self.trace {
                    trace.text(at.pos, text.len(), self.out.len() - self.base);
                }
                self.out.push_str(text);
                self.check_output()?;
            }
            Node::Action { at, pipe } => self.action(frame, dot, *at, pipe)?,
            Node::If(branch) => return self.if_or_with(frame, dot, branch, false),
            Node::With(branch) => return self.if_or_with(frame, dot, branch, true),
            Node::Range(branch) => return self.range(frame, dot, branch),
            Node::Template(call) => self.template(frame, dot, call)?,
            Node::Break(_) => return Ok(Flow::Break),
            Node::Continue(_) => return Ok(Flow::Continue),
        }
        Ok(Flow::Done)
    }

    fn action<'t>(&mut self, frame: &mut Frame<'t>, dot: &Operand, at: At, pipe: &'t Pipe) -> Result<()> {
        frame.at = at.id;
        if let Some(trace) = &mut self.trace {
            trace.begin_action(at.pos);
        }
        // Variables that the action declares stay until the block ends; then nothing is printed.
        let result = self.pipeline(frame, dot, pipe)?;
        if pipe.declared.is_empty() {
            frame.at = at.id;
            self.print(&result)?;
        }
        Ok(())
    }

    /// Writes a value as `fmt.Fprint` does.
    fn print(&mut self, operand: &Operand) -> Result<()> {
        let start = self.written();
        match &operand.value {
            Value::NoValue | Value::Nil => self.out.push_str("<no value>"),
            Value::Str(text) => self.out.push_str(text),
            // The one place where Go asks the pointer to a struct for its text.
            Value::Object(object) if object.content().is_none() => self.out.push_str(&object.print()),
            value => printf::print(&mut self.out, value, &self.env.limits)?,
        }
        if let Some(trace) = &mut self.trace {
            trace.printed(&operand.value, start, self.out.len() - self.base);
        }
        self.check_output()
    }

    fn if_or_with<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Operand,
        branch: &'t Branch,
        with: bool,
    ) -> Result<Flow> {
        frame.at = branch.at.id;
        let mark = frame.vars.len();
        if let Some(trace) = &mut self.trace {
            trace.begin_action(branch.at.pos);
        }
        let value = self.pipeline(frame, dot, &branch.pipe)?;
        let flow = if value.value.truth() {
            self.walk_list(frame, if with { &value } else { dot }, &branch.list)
        } else if let Some(list) = &branch.otherwise {
            self.walk_list(frame, dot, list)
        } else {
            Ok(Flow::Done)
        };
        frame.vars.truncate(mark);
        flow
    }

    fn template<'t>(&mut self, frame: &mut Frame<'t>, dot: &Operand, call: &'t TemplateCall) -> Result<()> {
        frame.at = call.at.id;
        let Some(tree) = self.scope.lookup(&call.name).cloned() else {
            return Err(frame.error(&format!("template {} not defined", quote::quote(&call.name))));
        };
        if self.depth >= MAX_CALL_DEPTH {
            return Err(frame.error("exceeded maximum template depth (100000)"));
        }
        // Variables that the pipeline declares stay.
        let data = match &call.pipe {
            Some(pipe) => self.pipeline(frame, dot, pipe)?,
            None => Operand::of(Value::NoValue),
        };
        self.run(&tree, &data)
    }

    fn range<'t>(&mut self, frame: &mut Frame<'t>, dot: &Operand, branch: &'t Branch) -> Result<Flow> {
        frame.at = branch.at.id;
        let mark = frame.vars.len();
        if let Some(trace) = &mut self.trace {
            trace.begin_action(branch.at.pos);
        }
        let mut over = self.pipeline(frame, dot, &branch.pipe)?;
        if let Value::Object(object) = &over.value
            && let Some(content) = object.content()
        {
            over.value = content;
        }
        let mut walk = RangeWalk { mark: frame.vars.len(), branch, ran: false };
        let flow = match (&over.value, counted(&over.value)) {
            (_, Some((count, wrap))) => self.range_count(frame, &mut walk, &over, count, wrap)?,
            (Value::List(list), _) => {
                let interface = list.list_type == ListType::Any;
                let mut flow = Flow::Done;
                for (index, entry) in list.items.iter().enumerate() {
                    let element = Operand::element(entry.clone(), interface);
                    flow = self.iteration(frame, &mut walk, || Value::Int(as_int(index)), &element)?;
                    if flow == Flow::Break {
                        break;
                    }
                }
                flow
            }
            (Value::Map(map), _) => {
                let interface = map.map_type != crate::helm::value::MapType::String;
                for (key, entry) in map.snapshot() {
                    let element = Operand::element(entry, interface);
                    if self.iteration(frame, &mut walk, || Value::Str(key), &element)? == Flow::Break {
                        break;
                    }
                }
                Flow::Done
            }
            (Value::Nil | Value::NoValue, _) => Flow::Done,
            (value, _) => {
                let shown = printf::show(value, &self.env.limits)?;
                return Err(frame.error(&format!("range can't iterate over {shown}")));
            }
        };
        debug_assert!(flow != Flow::Continue || walk.ran, "an iteration consumes continue");
        let result = match &branch.otherwise {
            Some(list) if !walk.ran => self.walk_list(frame, dot, list)?,
            _ => Flow::Done,
        };
        frame.vars.truncate(mark);
        // The parser takes a break in `else` for one of the range around; Go's executor ends this range with it.
        Ok(if result == Flow::Break { Flow::Done } else { result })
    }

    fn range_count<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        walk: &mut RangeWalk<'t>,
        over: &Operand,
        count: i64,
        wrap: Wrap,
    ) -> Result<Flow> {
        if walk.branch.pipe.declared.len() > 1 {
            let shown = printf::show(&over.value, &self.env.limits)?;
            return Err(frame.error(&format!("can't use {shown} to iterate over more than one variable")));
        }
        for index in 0..count {
            let element = Operand { value: wrap(index), origin: over.origin, interface: false };
            if self.iteration(frame, walk, || Value::NoValue, &element)? == Flow::Break {
                break;
            }
        }
        Ok(Flow::Done)
    }

    fn iteration<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        walk: &mut RangeWalk<'t>,
        index: impl FnOnce() -> Value,
        element: &Operand,
    ) -> Result<Flow> {
        self.spend(1)?;
        walk.ran = true;
        let pipe = &walk.branch.pipe;
        match &*pipe.declared {
            [] => {}
            [(only, name)] if pipe.assign => frame.set(*only, name, element.clone())?,
            [(first, name), (second, other), ..] if pipe.assign => {
                frame.set(*first, name, Operand::of(index()))?;
                frame.set(*second, other, element.clone())?;
            }
            [_] => frame.set_top(1, element.clone()),
            [_, _, ..] => {
                frame.set_top(1, element.clone());
                frame.set_top(2, Operand::of(index()));
            }
        }
        let flow = self.walk_list(frame, element, &walk.branch.list)?;
        frame.vars.truncate(walk.mark);
        Ok(flow)
    }
}

/// What makes an element of a number.
type Wrap = fn(i64) -> Value;

/// How often a range over a number runs, and what its elements are.
fn counted(value: &Value) -> Option<(i64, Wrap)> {
    match value {
        Value::Int(count) => Some((*count, Value::Int)),
        Value::Int64(count) => Some((*count, Value::Int64)),
        Value::Uint(count) => {
            Some((i64::try_from(*count).unwrap_or(i64::MAX), |index| Value::Uint(index.unsigned_abs())))
        }
        Value::Object(object) => {
            object.as_any().downcast_ref().map(|GoDuration(nanos)| (*nanos, duration as Wrap))
        }
        _ => None,
    }
}

/// What the iterations of a range share.
struct RangeWalk<'t> {
    mark: usize,
    branch: &'t Branch,
    ran: bool,
}

/// An index or a length as Go's `int`.
pub fn as_int(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}

impl Frame<'_> {
    /// Overwrites the variable that was declared last under this name. The parser takes an assignment for a
    /// declaration, so there may be none.
    pub fn set(&mut self, symbol: Symbol, name: &str, value: Operand) -> Result<()> {
        match self.vars.iter_mut().rev().find(|(known, _)| *known == symbol) {
            Some((_, slot)) => {
                *slot = value;
                Ok(())
            }
            None => Err(self.error(&format!("undefined variable: {name}"))),
        }
    }

    /// A variable's value.
    pub fn get(&self, symbol: Symbol, name: &str) -> Result<Operand> {
        match self.vars.iter().rev().find(|(known, _)| *known == symbol) {
            Some((_, operand)) => Ok(operand.clone()),
            None => Err(self.error(&format!("undefined variable: {name}"))),
        }
    }

    fn set_top(&mut self, from_end: usize, value: Operand) {
        if let Some((_, slot)) = self.vars.iter_mut().rev().nth(from_end - 1) {
            *slot = value;
        }
    }

    /// The beginning of each error text: where, in which template, at which node.
    fn prefix(&self) -> String {
        let (pos, context) = self.tree.find(self.at).unwrap_or_default();
        let (line, column) = self.tree.source.place(pos);
        let name = quote::quote(&self.tree.name);
        format!("template: {}:{line}:{column}: executing {name} at <{context}>: ", self.tree.source.name)
    }

    /// An error at the current node.
    pub fn error(&self, text: &str) -> Box<GoError> {
        GoError::new(self.prefix() + text)
    }

    /// An error at the current node that wraps another.
    pub fn wrap(&self, text: &str, inner: Box<GoError>) -> Box<GoError> {
        GoError::wrap(self.prefix() + text, inner)
    }
}
