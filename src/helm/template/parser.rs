//! The parser of text/template: items to trees, with Go's own words for what is wrong.

use std::sync::Arc;

use smallvec::SmallVec;

use super::ast::{
    Arg, ArgKind, At, Branch, Chain, Command, List, Node, Path, Pipe, Source, Symbol, TemplateCall, Tree,
};
use super::lexer::{Item, Kind, Lexer};
use super::shared::Shared;
use super::variables::Variables;
use super::{HelmVersion, literal};
use crate::helm::go::quote;
use crate::helm::limits::{MAX_EXPRESSION_DEPTH, MAX_TEMPLATE_NESTING, with_stack};
use crate::helm::value::Str;
use crate::helm::{Table, functions};

/// Parses a text: the trees of its definitions, and last its own.
pub fn parse(name: &Arc<str>, text: &Arc<str>, helm: HelmVersion) -> Result<Vec<Tree>, String> {
    let source = Arc::new(Source::new(Arc::clone(name), Arc::clone(text)));
    if u32::try_from(text.len()).is_err() {
        return Err(format!("template: {name}:1: text is larger than 4 GiB"));
    }
    let mut parser = Parser {
        text,
        lexer: Lexer::new(text),
        source: &source,
        state: State::default(),
        trees: Vec::new(),
        index: Table::default(),
        nodes: Vec::new(),
        args: Vec::new(),
        shared: Shared::default(),
        nesting: 0,
        helm,
    };
    let root = parser.top_level()?;
    parser.add(Arc::clone(name), root)?;
    Ok(parser.trees)
}

type Result<T, E = String> = std::result::Result<T, E>;

/// What belongs to the tree that is being parsed; a definition inside begins afresh.
struct State<'s> {
    token: [Item; 3],
    peek_count: usize,
    variables: Variables<'s>,
    range_depth: usize,
    stack_depth: usize,
    /// Where the action that is read begins.
    action: Option<u32>,
    next_id: u32,
}

impl Default for State<'_> {
    fn default() -> Self {
        let blank = Item { kind: Kind::Eof, pos: 0, end: 0 };
        Self {
            token: [blank; 3],
            peek_count: 0,
            variables: Variables::default(),
            range_depth: 0,
            stack_depth: 0,
            action: None,
            next_id: 0,
        }
    }
}

/// What ends a list of nodes.
enum Ending {
    End,
    Else(u32),
}

impl Ending {
    fn show(&self) -> &'static str {
        match self {
            Self::End => "{{end}}",
            Self::Else(_) => "{{else}}",
        }
    }
}

enum Step {
    Node(Node),
    Ending(Ending),
}

struct Parser<'s> {
    text: &'s str,
    lexer: Lexer<'s>,
    source: &'s Arc<Source>,
    state: State<'s>,
    trees: Vec<Tree>,
    index: Table<Arc<str>, usize>,
    /// The nodes of the lists that are not complete: those of the innermost are the last.
    nodes: Vec<Node>,
    /// The arguments of the commands that are not complete, likewise.
    args: Vec<Arg>,
    shared: Shared<'s>,
    nesting: usize,
    /// Whose functions there are.
    helm: HelmVersion,
}

impl<'s> Parser<'s> {
    fn next(&mut self) -> Item {
        if self.state.peek_count > 0 {
            self.state.peek_count -= 1;
        } else {
            self.state.token[0] = self.lexer.next_item();
        }
        self.state.token[self.state.peek_count]
    }

    fn backup(&mut self) {
        self.state.peek_count += 1;
    }

    fn peek(&mut self) -> &Item {
        if self.state.peek_count == 0 {
            self.state.peek_count = 1;
            self.state.token[0] = self.lexer.next_item();
        }
        &self.state.token[self.state.peek_count - 1]
    }

    fn text(&self, item: Item) -> &'s str {
        item.text(self.text)
    }

    fn next_non_space(&mut self) -> Item {
        loop {
            let item = self.next();
            if item.kind != Kind::Space {
                return item;
            }
        }
    }

    fn peek_non_space(&mut self) -> Item {
        let item = self.next_non_space();
        self.backup();
        item
    }

    fn at(&mut self, pos: u32) -> At {
        let id = self.state.next_id;
        self.state.next_id += 1;
        At { id, pos }
    }

    fn error<T>(&self, text: impl std::fmt::Display) -> Result<T> {
        let line = self.line(self.state.token[0].pos);
        Err(format!("template: {}:{line}: {text}", self.source.name))
    }

    /// The line of a place, from 1.
    fn line(&self, pos: u32) -> usize {
        let before = self.text.as_bytes().get(..pos as usize).unwrap_or_default();
        1 + memchr::memchr_iter(b'\n', before).count()
    }

    fn unexpected<T>(&self, item: &Item, context: &str) -> Result<T> {
        if item.kind == Kind::Error {
            let mut extra = String::new();
            let started = self.state.action.map(|pos| self.line(pos));
            if let Some(line) = started.filter(|line| *line != self.line(item.pos)) {
                let place = format!("{}:{line}", self.source.name);
                let word = if self.lexer.problem.ends_with(" action") { "" } else { " in action" };
                extra = format!("{word} started at {place}");
            }
            return self.error(format_args!("{}{extra}", self.lexer.problem));
        }
        self.error(format_args!("unexpected {} in {context}", item.show(self.text)))
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Result<Item> {
        let item = self.next_non_space();
        if item.kind == kind { Ok(item) } else { self.unexpected(&item, context) }
    }

    /// Adds a finished tree. An empty one never replaces another.
    fn add(&mut self, name: Arc<str>, root: List) -> Result<()> {
        let tree = Tree { name: Arc::clone(&name), source: Arc::clone(self.source), root };
        if let Some(old) = self.index.get(&name).copied() {
            if self.trees[old].is_empty() {
                self.trees[old] = tree;
            } else if !tree.is_empty() {
                return self.error(format_args!(
                    "template: multiple definition of template {}",
                    quote::quote(&name)
                ));
            }
        } else {
            self.index.insert(name, self.trees.len());
            self.trees.push(tree);
        }
        Ok(())
    }

    fn top_level(&mut self) -> Result<List> {
        let pos = self.peek().pos;
        let (at, first) = (self.at(pos), self.nodes.len());
        while self.peek().kind != Kind::Eof {
            if self.peek().kind == Kind::LeftDelim {
                let delim = self.next();
                if self.next_non_space().kind == Kind::Define {
                    self.definition()?;
                    continue;
                }
                self.state.token[1] = delim;
                self.state.peek_count = 2;
            }
            match self.text_or_action()? {
                Step::Node(node) => self.nodes.push(node),
                Step::Ending(ending) => return self.error(format_args!("unexpected {}", ending.show())),
            }
        }
        Ok(List { at, nodes: self.nodes.drain(first..).collect() })
    }

    /// `{{define "name"}} ... {{end}}`, after its keyword.
    fn definition(&mut self) -> Result<()> {
        const CONTEXT: &str = "define clause";
        let outer = std::mem::take(&mut self.state);
        let item = self.next_non_space();
        let name = self.template_name(&item, CONTEXT)?;
        self.expect(Kind::RightDelim, CONTEXT)?;
        self.body(&name, CONTEXT)?;
        self.state = outer;
        Ok(())
    }

    fn body(&mut self, name: &str, context: &str) -> Result<()> {
        let (list, ending) = self.item_list()?;
        match ending {
            Ending::End => self.add(name.into(), list),
            Ending::Else(_) => self.error(format_args!("unexpected {} in {context}", ending.show())),
        }
    }

    fn template_name(&mut self, item: &Item, context: &str) -> Result<String> {
        match item.kind {
            Kind::String | Kind::RawString => {
                quote::unquote(self.text(*item)).or_else(|error| self.error(error))
            }
            _ => self.unexpected(item, context),
        }
    }

    fn item_list(&mut self) -> Result<(List, Ending)> {
        let pos = self.peek_non_space().pos;
        let (at, first) = (self.at(pos), self.nodes.len());
        self.nesting += 1;
        if self.nesting > MAX_TEMPLATE_NESTING {
            return self.error(format_args!("actions are nested more than {MAX_TEMPLATE_NESTING} deep"));
        }
        while self.peek_non_space().kind != Kind::Eof {
            match with_stack(|| self.text_or_action())? {
                Step::Node(node) => self.nodes.push(node),
                Step::Ending(ending) => {
                    self.nesting -= 1;
                    return Ok((List { at, nodes: self.nodes.drain(first..).collect() }, ending));
                }
            }
        }
        self.error("unexpected EOF")
    }

    fn text_or_action(&mut self) -> Result<Step> {
        let item = self.next_non_space();
        match item.kind {
            Kind::Text => Ok(Step::Node(Node::Text { at: self.at(item.pos), end: item.end })),
            Kind::LeftDelim => {
                self.state.action = Some(item.pos);
                let step = self.action();
                self.state.action = None;
                step
            }
            _ => self.unexpected(&item, "input"),
        }
    }

    fn action(&mut self) -> Result<Step> {
        let item = self.next_non_space();
        let node = match item.kind {
            Kind::Block => self.block()?,
            Kind::Break => Node::Break(self.leave_range(&item, "{{break}}")?),
            Kind::Continue => Node::Continue(self.leave_range(&item, "{{continue}}")?),
            Kind::Else => return self.otherwise().map(Step::Ending),
            Kind::End => {
                self.expect(Kind::RightDelim, "end")?;
                return Ok(Step::Ending(Ending::End));
            }
            Kind::If => Node::If(Box::new(self.control("if")?)),
            Kind::Range => Node::Range(Box::new(self.control("range")?)),
            Kind::With => Node::With(Box::new(self.control("with")?)),
            Kind::Template => self.template()?,
            _ => {
                self.backup();
                let pos = self.peek().pos;
                let at = self.at(pos);
                // Variables persist until the next "end".
                Node::Action { at, pipe: Box::new(self.pipeline("command", Kind::RightDelim)?) }
            }
        };
        Ok(Step::Node(node))
    }

    fn leave_range(&mut self, item: &Item, action: &str) -> Result<At> {
        let next = self.next_non_space();
        if next.kind != Kind::RightDelim {
            return self.unexpected(&next, action);
        }
        if self.state.range_depth == 0 {
            return self.error(format_args!("{action} outside {{{{range}}}}"));
        }
        Ok(self.at(item.pos))
    }

    fn otherwise(&mut self) -> Result<Ending> {
        let peek = self.peek_non_space();
        if matches!(peek.kind, Kind::If | Kind::With) {
            return Ok(Ending::Else(peek.pos));
        }
        Ok(Ending::Else(self.expect(Kind::RightDelim, "else")?.pos))
    }

    fn control(&mut self, context: &'static str) -> Result<Branch> {
        let visible = self.state.variables.len();
        let pipe = self.pipeline(context, Kind::RightDelim)?;
        let ranges = usize::from(context == "range");
        self.state.range_depth += ranges;
        let (list, ending) = self.item_list()?;
        self.state.range_depth -= ranges;
        let otherwise = match ending {
            Ending::End => None,
            Ending::Else(pos) => Some(self.else_list(context, pos)?),
        };
        self.state.variables.truncate(visible);
        let at = self.at(pipe.at.pos);
        Ok(Branch { at, pipe, list, otherwise })
    }

    /// What follows `else`; `{{else if}}` and `{{else with}}` have no `{{end}}` of their own.
    fn else_list(&mut self, context: &'static str, pos: u32) -> Result<List> {
        let chained = matches!((context, self.peek().kind), ("if", Kind::If) | ("with", Kind::With));
        if chained {
            self.next();
            let at = self.at(pos);
            self.nesting += 1;
            if self.nesting > MAX_TEMPLATE_NESTING {
                return self.error(format_args!("actions are nested more than {MAX_TEMPLATE_NESTING} deep"));
            }
            let branch = Box::new(with_stack(|| self.control(context))?);
            self.nesting -= 1;
            let node = if context == "if" { Node::If(branch) } else { Node::With(branch) };
            return Ok(List { at, nodes: Box::new([node]) });
        }
        match self.item_list()? {
            (list, Ending::End) => Ok(list),
            (_, ending) => self.error(format_args!("expected end; found {}", ending.show())),
        }
    }

    fn block(&mut self) -> Result<Node> {
        const CONTEXT: &str = "block clause";
        let item = self.next_non_space();
        let name = self.template_name(&item, CONTEXT)?;
        let pipe = self.pipeline(CONTEXT, Kind::RightDelim)?;
        let outer = std::mem::take(&mut self.state);
        self.body(&name, CONTEXT)?;
        self.state = outer;
        let call = TemplateCall { at: self.at(item.pos), name: name.into(), pipe: Some(pipe) };
        Ok(Node::Template(Box::new(call)))
    }

    fn template(&mut self) -> Result<Node> {
        const CONTEXT: &str = "template clause";
        let item = self.next_non_space();
        let name = self.template_name(&item, CONTEXT)?;
        let mut pipe = None;
        if self.next_non_space().kind != Kind::RightDelim {
            self.backup();
            pipe = Some(self.pipeline(CONTEXT, Kind::RightDelim)?);
        }
        Ok(Node::Template(Box::new(TemplateCall { at: self.at(item.pos), name: name.into(), pipe })))
    }

    fn pipeline(&mut self, context: &str, end: Kind) -> Result<Pipe> {
        let pos = self.peek_non_space().pos;
        let mut pipe =
            Pipe { at: self.at(pos), assign: false, declared: Box::default(), commands: SmallVec::new() };
        self.declarations(&mut pipe, context)?;
        loop {
            let item = self.next_non_space();
            match item.kind {
                kind if kind == end => return self.check_pipeline(pipe, context),
                Kind::Bool
                | Kind::CharConstant
                | Kind::Complex
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::RawString
                | Kind::String
                | Kind::Variable
                | Kind::LeftParen => {
                    self.backup();
                    let command = self.command()?;
                    pipe.commands.push(command);
                }
                _ => return self.unexpected(&item, context),
            }
        }
    }

    /// `$a :=`, `$a =`, and in a range `$a, $b :=`.
    fn declarations(&mut self, pipe: &mut Pipe, context: &str) -> Result<()> {
        let mut declared: SmallVec<[(Symbol, Str); 2]> = SmallVec::new();
        loop {
            let variable = self.peek_non_space();
            if variable.kind != Kind::Variable {
                break;
            }
            self.next();
            // A space before what follows tells an argument `$x` from a declaration.
            let after = *self.peek();
            let next = self.peek_non_space();
            if matches!(next.kind, Kind::Assign | Kind::Declare) {
                pipe.assign = next.kind == Kind::Assign;
                self.next_non_space();
                declared.push(self.state.variables.declare(self.text(variable)));
                break;
            }
            if next.kind == Kind::Char && self.text(next) == "," {
                self.next_non_space();
                declared.push(self.state.variables.declare(self.text(variable)));
                if context == "range" && declared.len() < 2 {
                    match self.peek_non_space().kind {
                        Kind::Variable | Kind::RightDelim | Kind::RightParen => continue,
                        _ => return self.error("range can only initialize variables"),
                    }
                }
                return self.error(format_args!("too many declarations in {context}"));
            }
            if after.kind == Kind::Space {
                self.state.token[1] = after;
                self.state.token[2] = variable;
                self.state.peek_count = 3;
            } else {
                self.state.token[1] = variable;
                self.state.peek_count = 2;
            }
            break;
        }
        pipe.declared = declared.into_boxed_slice();
        Ok(())
    }

    fn check_pipeline(&self, pipe: Pipe, context: &str) -> Result<Pipe> {
        if pipe.commands.is_empty() {
            return self.error(format_args!("missing value for {context}"));
        }
        for (index, command) in pipe.commands.iter().enumerate().skip(1) {
            if let ArgKind::Bool(_) | ArgKind::Dot | ArgKind::Nil | ArgKind::Number(_) | ArgKind::Str(_) =
                command.args[0].kind
            {
                return self.error(format_args!("non executable command in pipeline stage {}", index + 1));
            }
        }
        Ok(pipe)
    }

    fn command(&mut self) -> Result<Command> {
        let pos = self.peek_non_space().pos;
        let (at, first) = (self.at(pos), self.args.len());
        loop {
            self.peek_non_space();
            if let Some(operand) = self.operand()? {
                self.args.push(operand);
            }
            let item = self.next();
            match item.kind {
                Kind::Space => continue,
                Kind::RightDelim | Kind::RightParen => self.backup(),
                Kind::Pipe => {}
                _ => return self.unexpected(&item, "operand"),
            }
            break;
        }
        if self.args.len() == first {
            return self.error("empty command");
        }
        Ok(Command { at, args: self.args.drain(first..).collect() })
    }

    /// Takes the fields that follow, one right behind the other: where they begin and end.
    fn fields(&mut self) -> Option<(u32, u32)> {
        let (start, mut end) = (self.peek().pos, None);
        while self.peek().kind == Kind::Field {
            end = Some(self.next().end);
        }
        end.map(|end| (start, end))
    }

    fn path(&mut self, start: u32, end: u32) -> Path {
        self.shared.path(self.text.get(start as usize..end as usize).unwrap_or_default())
    }

    fn operand(&mut self) -> Result<Option<Arg>> {
        let Some(term) = self.term()? else { return Ok(None) };
        let Some((pos, end)) = self.fields() else { return Ok(Some(term)) };
        if let ArgKind::Bool(_) | ArgKind::Str(_) | ArgKind::Number(_) | ArgKind::Nil | ArgKind::Dot =
            term.kind
        {
            return self.error(format_args!("unexpected . after term {}", quote::quote(&term.to_string())));
        }
        let fields = self.path(pos, end);
        let chain = Chain { base: term, fields };
        Ok(Some(Arg { at: self.at(pos), kind: ArgKind::Chain(Box::new(chain)) }))
    }

    fn term(&mut self) -> Result<Option<Arg>> {
        let item = self.next_non_space();
        let text = self.text(item);
        let kind = match item.kind {
            Kind::Identifier => match functions::find(text, self.helm) {
                Some(function) => ArgKind::Function(function),
                None => return self.error(format_args!("function {} not defined", quote::quote(text))),
            },
            Kind::Dot => ArgKind::Dot,
            Kind::Nil => ArgKind::Nil,
            Kind::Variable => return self.variable(item).map(Some),
            Kind::Field => {
                let more = self.fields();
                let path = self.path(item.pos, more.map_or(item.end, |(_, end)| end));
                // Of several fields Go says that they stand where the second one does.
                let at = self.at(more.map_or(item.pos, |(second, _)| second));
                return Ok(Some(Arg { at, kind: ArgKind::Field(path) }));
            }
            Kind::Bool => ArgKind::Bool(text == "true"),
            Kind::CharConstant | Kind::Complex | Kind::Number => ArgKind::Number(Box::new(
                literal::number(item.kind, text).or_else(|error| self.error(error))?,
            )),
            Kind::LeftParen => {
                if self.state.stack_depth >= MAX_EXPRESSION_DEPTH {
                    return self.error("max expression depth exceeded");
                }
                self.state.stack_depth += 1;
                let pipe = with_stack(|| self.pipeline("parenthesized pipeline", Kind::RightParen));
                self.state.stack_depth -= 1;
                let pipe = pipe?;
                let at = self.at(pipe.at.pos);
                return Ok(Some(Arg { at, kind: ArgKind::Pipe(Box::new(pipe)) }));
            }
            Kind::String | Kind::RawString => {
                ArgKind::Str(self.shared.literal(text).or_else(|error| self.error(error))?)
            }
            _ => {
                self.backup();
                return Ok(None);
            }
        };
        Ok(Some(Arg { at: self.at(item.pos), kind }))
    }

    /// A variable, and the fields that follow it.
    fn variable(&mut self, item: Item) -> Result<Arg> {
        let name = self.text(item);
        let Some(symbol) = self.state.variables.find(name) else {
            return self.error(format_args!("undefined variable {}", quote::quote(name)));
        };
        let more = self.fields();
        let (start, end) = more.unwrap_or((item.end, item.end));
        let text = |start: u32| self.text.get(start as usize..end as usize).unwrap_or_default();
        let shared = &mut self.shared;
        let variable = self.state.variables.with_fields(symbol, text(item.pos), || match text(start) {
            "" => Path::default(),
            fields => shared.path(fields),
        });
        let at = self.at(more.map_or(item.pos, |(start, _)| start));
        Ok(Arg { at, kind: ArgKind::Variable(variable) })
    }
}
