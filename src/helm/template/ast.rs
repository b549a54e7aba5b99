//! The parse tree of a template. Trees are shared between threads and renders.

use std::fmt;
use std::sync::{Arc, OnceLock};

use smallvec::SmallVec;

use crate::helm::functions::Function;
use crate::helm::go::quote;
use crate::helm::value::Str;

/// A text that was parsed, and under which name.
#[derive(Debug)]
pub struct Source {
    /// The name that locations show.
    pub name: Arc<str>,
    pub text: Arc<str>,
    lines: OnceLock<Vec<u32>>,
}

impl Source {
    pub fn new(name: Arc<str>, text: Arc<str>) -> Self {
        Self { name, text, lines: OnceLock::new() }
    }

    /// The line (from 1) and the byte column (from 0) of a place.
    pub fn place(&self, pos: u32) -> (u32, u32) {
        let starts = self.lines.get_or_init(|| {
            let ends = self.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            std::iter::once(0).chain(ends.map(|(at, _)| u32::try_from(at + 1).unwrap_or(u32::MAX))).collect()
        });
        let line = starts.partition_point(|start| *start <= pos);
        (u32::try_from(line).unwrap_or(u32::MAX), pos - starts.get(line - 1).copied().unwrap_or(0))
    }
}

/// A parsed template: a file's own text, or one of its definitions.
#[derive(Debug)]
pub struct Tree {
    pub(super) name: Arc<str>,
    pub(super) source: Arc<Source>,
    pub(super) root: List,
}

impl Tree {
    /// Whether it holds nothing but space, comments and definitions.
    pub(super) fn is_empty(&self) -> bool {
        self.root.nodes.iter().all(|node| match node {
            Node::Text { at, end } => self.text(at.pos, *end).trim().is_empty(),
            _ => false,
        })
    }

    /// A part of the text.
    pub(super) fn text(&self, start: u32, end: u32) -> &str {
        self.source.text.get(start as usize..end as usize).unwrap_or_default()
    }

    /// The place and the text of the node with this number, for errors.
    pub(super) fn find(&self, id: u32) -> Option<(u32, String)> {
        find_in_list(self, &self.root, id)
    }
}

/// What tells a node from the others of its tree, and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct At {
    pub id: u32,
    pub pos: u32,
}

#[derive(Debug)]
pub struct List {
    pub at: At,
    pub nodes: Box<[Node]>,
}

/// Half of all nodes are text, so the others lie elsewhere. Trees are what rendering a large chart takes most memory for.
#[derive(Debug)]
pub enum Node {
    /// From where it stands to this end.
    Text {
        at: At,
        end: u32,
    },
    Action {
        at: At,
        pipe: Box<Pipe>,
    },
    If(Box<Branch>),
    With(Box<Branch>),
    Range(Box<Branch>),
    Template(Box<TemplateCall>),
    Break(At),
    Continue(At),
}

/// `{{template "name" pipeline}}`
#[derive(Debug)]
pub struct TemplateCall {
    pub at: At,
    pub name: Str,
    pub pipe: Option<Pipe>,
}

#[derive(Debug)]
pub struct Branch {
    pub at: At,
    pub pipe: Pipe,
    pub list: List,
    pub otherwise: Option<List>,
}

/// `$a, $b := command | command`
#[derive(Debug)]
pub struct Pipe {
    pub at: At,
    pub assign: bool,
    pub declared: Box<[(Symbol, Str)]>,
    pub commands: SmallVec<[Command; 1]>,
}

#[derive(Debug)]
pub struct Command {
    pub at: At,
    pub args: Box<[Arg]>,
}

/// A variable's name as a number, the same all over a tree.
pub type Symbol = u16;

/// The number of `$`.
pub const ROOT: Symbol = 0;

#[derive(Debug)]
pub struct Arg {
    pub at: At,
    pub kind: ArgKind,
}

#[derive(Debug)]
pub enum ArgKind {
    Bool(bool),
    Dot,
    Nil,
    Number(Box<Number>),
    Str(Arc<Literal>),
    Field(Path),
    Variable(Arc<Variable>),
    Function(&'static Function),
    Chain(Box<Chain>),
    Pipe(Box<Pipe>),
}

/// A text as it is written, and what it says.
#[derive(Debug)]
pub struct Literal {
    pub quoted: Box<str>,
    pub text: Str,
}

/// `$x.Y`
#[derive(Debug)]
pub struct Variable {
    pub symbol: Symbol,
    pub name: Str,
    pub fields: Path,
}

/// `(pipeline).Y`
#[derive(Debug)]
pub struct Chain {
    pub base: Arg,
    pub fields: Path,
}

/// The names of fields inside each other. Templates ask for the same ones again and again: those of a text share them. The box
/// makes the pointer a word, of which a tree has many.
pub type Path = Arc<Box<[Str]>>;

/// A number under all types that can hold it, as Go's ideal constants.
#[derive(Debug)]
pub struct Number {
    pub text: Box<str>,
    pub int: Option<i64>,
    pub uint: Option<u64>,
    pub float: Option<f64>,
}

impl fmt::Display for Arg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chain = |f: &mut fmt::Formatter<'_>, fields: &[Str]| {
            fields.iter().try_for_each(|field| write!(f, ".{field}"))
        };
        match &self.kind {
            ArgKind::Bool(value) => write!(f, "{value}"),
            ArgKind::Dot => f.write_str("."),
            ArgKind::Nil => f.write_str("nil"),
            ArgKind::Number(number) => f.write_str(&number.text),
            ArgKind::Str(literal) => f.write_str(&literal.quoted),
            ArgKind::Field(fields) => chain(f, fields),
            ArgKind::Variable(variable) => {
                f.write_str(&variable.name)?;
                chain(f, &variable.fields)
            }
            ArgKind::Function(function) => f.write_str(function.name),
            ArgKind::Chain(node) => {
                let Chain { base, fields } = &**node;
                if matches!(base.kind, ArgKind::Pipe(_)) {
                    write!(f, "({base})")?;
                } else {
                    write!(f, "{base}")?;
                }
                chain(f, fields)
            }
            ArgKind::Pipe(pipe) => write!(f, "{pipe}"),
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, arg) in self.args.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            if matches!(arg.kind, ArgKind::Pipe(_)) {
                write!(f, "({arg})")?;
            } else {
                write!(f, "{arg}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (_, name)) in self.declared.iter().enumerate() {
            write!(f, "{}{name}", if index == 0 { "" } else { ", " })?;
        }
        if !self.declared.is_empty() {
            f.write_str(if self.assign { " = " } else { " := " })?;
        }
        for (index, command) in self.commands.iter().enumerate() {
            write!(f, "{}{command}", if index == 0 { "" } else { " | " })?;
        }
        Ok(())
    }
}

fn show_list(tree: &Tree, list: &List, out: &mut String) {
    list.nodes.iter().for_each(|node| show_node(tree, node, out));
}

fn show_node(tree: &Tree, node: &Node, out: &mut String) {
    use fmt::Write as _;

    let mut branch = |word: &str, branch: &Branch| {
        let _ = write!(out, "{{{{{word} {}}}}}", branch.pipe);
        show_list(tree, &branch.list, out);
        if let Some(otherwise) = &branch.otherwise {
            out.push_str("{{else}}");
            show_list(tree, otherwise, out);
        }
        out.push_str("{{end}}");
    };
    match node {
        Node::Text { at, end } => out.push_str(tree.text(at.pos, *end)),
        Node::Action { pipe, .. } => drop(write!(out, "{{{{{pipe}}}}}")),
        Node::If(node) => branch("if", node),
        Node::With(node) => branch("with", node),
        Node::Range(node) => branch("range", node),
        Node::Template(call) => {
            let _ = write!(out, "{{{{template {}", quote::quote(&call.name));
            if let Some(pipe) = &call.pipe {
                let _ = write!(out, " {pipe}");
            }
            out.push_str("}}");
        }
        Node::Break(_) => out.push_str("{{break}}"),
        Node::Continue(_) => out.push_str("{{continue}}"),
    }
}

type Found = Option<(u32, String)>;

fn hit(at: At, id: u32, show: impl FnOnce() -> String) -> Found {
    (at.id == id).then(|| (at.pos, show()))
}

fn find_in_list(tree: &Tree, list: &List, id: u32) -> Found {
    let own = hit(list.at, id, || {
        let mut out = String::new();
        show_list(tree, list, &mut out);
        out
    });
    own.or_else(|| list.nodes.iter().find_map(|node| find_in_node(tree, node, id)))
}

fn find_in_node(tree: &Tree, node: &Node, id: u32) -> Found {
    let show = || {
        let mut out = String::new();
        show_node(tree, node, &mut out);
        out
    };
    match node {
        Node::Text { at, .. } | Node::Break(at) | Node::Continue(at) => hit(*at, id, show),
        Node::Action { at, pipe } => hit(*at, id, show).or_else(|| find_in_pipe(pipe, id)),
        Node::Template(call) => {
            hit(call.at, id, show).or_else(|| call.pipe.as_ref().and_then(|pipe| find_in_pipe(pipe, id)))
        }
        Node::If(branch) | Node::With(branch) | Node::Range(branch) => hit(branch.at, id, show)
            .or_else(|| find_in_pipe(&branch.pipe, id))
            .or_else(|| find_in_list(tree, &branch.list, id))
            .or_else(|| branch.otherwise.as_ref().and_then(|list| find_in_list(tree, list, id))),
    }
}

fn find_in_pipe(pipe: &Pipe, id: u32) -> Found {
    hit(pipe.at, id, || pipe.to_string()).or_else(|| {
        pipe.commands.iter().find_map(|command| {
            hit(command.at, id, || command.to_string())
                .or_else(|| command.args.iter().find_map(|arg| find_in_arg(arg, id)))
        })
    })
}

fn find_in_arg(arg: &Arg, id: u32) -> Found {
    hit(arg.at, id, || arg.to_string()).or_else(|| match &arg.kind {
        ArgKind::Chain(chain) => find_in_arg(&chain.base, id),
        ArgKind::Pipe(pipe) => find_in_pipe(pipe, id),
        _ => None,
    })
}
