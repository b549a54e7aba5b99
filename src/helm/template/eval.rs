//! Pipelines, commands and operands: text/template's evaluation rules.

use smallvec::SmallVec;

use super::ast::{Arg, ArgKind, At, Command, Number, Pipe, Variable};
use super::error::{GoError, Result};
use super::exec::{Exec, Frame, Operand};
use crate::helm::functions::{Call, Function, Lazy};
use crate::helm::go::quote;
use crate::helm::signature::{Param, Signature};
use crate::helm::value::{Entry, ListType, Map, MapType, Str, Value};

/// The arguments of a call.
pub type Args = SmallVec<[Entry; 4]>;

/// The value that the command before in the pipeline left; `None` at the first command.
type Final = Option<Operand>;

impl Exec<'_> {
    /// Evaluates a pipeline and sets the variables that it declares.
    pub(super) fn pipeline<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Operand,
        pipe: &'t Pipe,
    ) -> Result<Operand> {
        frame.at = pipe.at.id;
        let mark = self.trace.as_ref().map_or(0, |trace| trace.mark());
        let mut value: Final = None;
        for command in &pipe.commands {
            let mut result = self.command(frame, dot, command, value)?;
            result.interface = false;
            if matches!(result.value, Value::Nil) {
                result.value = Value::NoValue;
            }
            value = Some(result);
        }
        let mut value = value.unwrap_or_default();
        if let Some(trace) = &self.trace
            && value.origin.0 == 0
        {
            value.origin = trace.last_since(mark);
        }
        for (symbol, name) in &*pipe.declared {
            if pipe.assign {
                frame.set(*symbol, name, value.clone())?;
            } else {
                frame.vars.push((*symbol, value.clone()));
            }
        }
        Ok(value)
    }

    fn command<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Operand,
        command: &'t Command,
        last: Final,
    ) -> Result<Operand> {
        let Some(first) = command.args.first() else {
            return Ok(Operand::default());
        };
        let rest = &command.args[1..];
        match &first.kind {
            ArgKind::Field(_) | ArgKind::Chain(_) => self.chain(frame, dot, first, rest, last),
            ArgKind::Variable(variable) if !variable.fields.is_empty() => {
                self.chain(frame, dot, first, rest, last)
            }
            ArgKind::Variable(variable) => {
                frame.at = first.at.id;
                let value = self.variable(frame, variable)?;
                not_a_function(frame, first, rest, last.as_ref())?;
                Ok(value)
            }
            ArgKind::Function(function) => {
                frame.at = first.at.id;
                self.function(frame, dot, function, command.at, rest, last)
            }
            ArgKind::Pipe(pipe) => {
                not_a_function(frame, first, rest, last.as_ref())?;
                self.pipeline(frame, dot, pipe)
            }
            kind => {
                frame.at = first.at.id;
                not_a_function(frame, first, rest, last.as_ref())?;
                match kind {
                    ArgKind::Dot => Ok(self.read(dot.clone())),
                    ArgKind::Nil => Err(frame.error("nil is not a command")),
                    _ => literal(frame, first),
                }
            }
        }
    }

    fn read(&mut self, operand: Operand) -> Operand {
        if let Some(trace) = &mut self.trace {
            trace.read(operand.origin);
        }
        operand
    }

    fn variable(&mut self, frame: &Frame<'_>, variable: &Variable) -> Result<Operand> {
        let operand = frame.get(variable.symbol, &variable.name)?;
        Ok(self.read(operand))
    }

    /// `.X.Y`, `$x.Y` or `(pipe).Y`, of which the last may be a method with arguments.
    fn chain<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Operand,
        node: &'t Arg,
        args: &'t [Arg],
        last: Final,
    ) -> Result<Operand> {
        frame.at = node.at.id;
        let held;
        let (base, fields): (&Operand, &[Str]) = match &node.kind {
            ArgKind::Field(fields) => (dot, fields),
            ArgKind::Variable(variable) => {
                held = frame.get(variable.symbol, &variable.name)?;
                (&held, &variable.fields)
            }
            ArgKind::Chain(chain) => {
                if matches!(chain.base.kind, ArgKind::Nil) {
                    return Err(frame.error(&format!("indirection through explicit nil in {node}")));
                }
                held = self.arg(frame, dot, None, &chain.base)?;
                (&held, &chain.fields)
            }
            _ => (dot, &[]),
        };
        let Some((name, inner)) = fields.split_last() else {
            return Ok(base.clone());
        };
        let result = if let Some((first, inner)) = inner.split_first() {
            let mut receiver = self.field(frame, dot, first, node, &[], None, base)?;
            for field in inner {
                receiver = self.field(frame, dot, field, node, &[], None, &receiver)?;
            }
            self.field(frame, dot, name, node, args, last, &receiver)?
        } else {
            self.field(frame, dot, name, node, args, last, base)?
        };
        Ok(self.read(result))
    }

    /// One field or method of a value.
    #[expect(clippy::too_many_arguments, reason = "the rule has that many inputs")]
    fn field<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Operand,
        name: &Str,
        node: &'t Arg,
        args: &'t [Arg],
        last: Final,
        receiver: &Operand,
    ) -> Result<Operand> {
        let type_error = |frame: &Frame<'_>| {
            let type_name =
                if receiver.interface { "interface {}".into() } else { receiver.value.type_name() };
            frame.error(&format!("can't evaluate field {name} in type {type_name}"))
        };
        match &receiver.value {
            Value::NoValue if self.env.strict => {
                Err(frame.error(&format!("nil data; no entry for key {}", quote::quote(name))))
            }
            Value::NoValue => Ok(Operand::of(Value::NoValue)),
            Value::Nil => Err(frame.error(&format!("nil pointer evaluating interface {{}}.{name}"))),
            Value::Map(map) => {
                if map.map_type.is_values()
                    && let Some(signature) = values_method(name)
                {
                    let args = self.arguments(frame, dot, name, &signature, args, last)?;
                    let result = call_values_method(map, name, &args);
                    return result.map(Operand::of).map_err(|text| {
                        frame.at = node.at.id;
                        frame.wrap(&format!("error calling {name}: "), text.into())
                    });
                }
                if !args.is_empty() || last.is_some() {
                    return Err(frame.error(&format!("{name} is not a method but has arguments")));
                }
                let interface = map.map_type != MapType::String;
                match map.entry(name) {
                    Some(entry) => Ok(Operand::element(entry, interface)),
                    None if self.env.strict => {
                        Err(frame.error(&format!("map has no entry for key {}", quote::quote(name))))
                    }
                    None if interface => Ok(Operand { interface, ..Operand::default() }),
                    None => Ok(Operand::of(Value::str(""))),
                }
            }
            Value::Object(object) => {
                if let Some(signature) = object.method(name) {
                    let args = self.arguments(frame, dot, name, &signature, args, last)?;
                    let values: SmallVec<[Value; 4]> = args.into_iter().map(|entry| entry.value).collect();
                    return object.call(name, &values).map(Operand::of).map_err(|text| {
                        frame.at = node.at.id;
                        frame.wrap(&format!("error calling {name}: "), text.into())
                    });
                }
                let Some(value) = object.field(name) else {
                    return Err(type_error(frame));
                };
                if !args.is_empty() || last.is_some() {
                    return Err(
                        frame.error(&format!("{name} has arguments but cannot be invoked as function"))
                    );
                }
                Ok(Operand::of(value))
            }
            _ => Err(type_error(frame)),
        }
    }

    /// Calls a function; `node` is where an error of its own is reported.
    fn function<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Operand,
        function: &'static Function,
        node: At,
        args: &'t [Arg],
        last: Final,
    ) -> Result<Operand> {
        self.spend(1)?;
        if let Some(lazy) = function.lazy {
            return self.and_or(frame, dot, function, lazy, args, last);
        }
        let callee = args.first();
        let args = self.arguments(frame, dot, function.name, &function.signature, args, last)?;
        if let (Some(callee), "call", Some(value)) =
            (callee, function.name, args.first().filter(|e| !e.value.is_nil()))
        {
            // Go names what was called as the template writes it.
            frame.at = node.id;
            let text = format!("non-function {callee} of type {}", value.value.type_name());
            return Err(frame.wrap("error calling call: ", text.into()));
        }
        let mut call = Call { exec: self, args };
        let result = (function.run)(&mut call).and_then(|value| {
            if let Value::Str(text) = &value
                && text.len() > self.env.limits.string_bytes
            {
                let limit = self.env.limits.string_bytes;
                return Err(format!("the text is larger than the limit of {limit} bytes").into());
            }
            Ok(value)
        });
        match result {
            Ok(value) => Ok(Operand::of(value)),
            Err(error) => {
                frame.at = node.id;
                Err(frame.wrap(&format!("error calling {}: ", function.name), error))
            }
        }
    }

    /// `and` and `or`, which stop at the argument that decides.
    fn and_or<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Operand,
        function: &'static Function,
        lazy: Lazy,
        args: &'t [Arg],
        last: Final,
    ) -> Result<Operand> {
        if args.is_empty() && last.is_none() {
            let text = format!("wrong number of args for {}: want at least 1 got 0", function.name);
            return Err(frame.error(&text));
        }
        let mut value = Operand::of(Value::NoValue);
        for arg in args {
            value = self.arg(frame, dot, Some(Param::Value), arg)?;
            if value.value.truth() == (lazy == Lazy::Or) {
                return Ok(value);
            }
        }
        Ok(last.unwrap_or(value))
    }

    /// Evaluates arguments and checks them against what is asked for.
    fn arguments<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Operand,
        name: &str,
        signature: &Signature,
        args: &'t [Arg],
        last: Final,
    ) -> Result<Args> {
        let given = args.len() + usize::from(last.is_some());
        let want = signature.fixed.len();
        if signature.variadic.is_some() {
            if given < want {
                let text =
                    format!("wrong number of args for {name}: want at least {want} got {}", args.len());
                return Err(frame.error(&text));
            }
        } else if given != want {
            return Err(frame.error(&format!("wrong number of args for {name}: want {want} got {given}")));
        }
        let mut values = Args::with_capacity(given);
        for (index, arg) in args.iter().enumerate() {
            let operand = self.arg(frame, dot, signature.param(index), arg)?;
            values.push(Entry { value: operand.value, origin: operand.origin });
        }
        if let Some(last) = last {
            let operand = validate(frame, last, signature.param(args.len()))?;
            values.push(Entry { value: operand.value, origin: operand.origin });
        }
        Ok(values)
    }

    /// Evaluates one argument; `None` asks for anything as it is.
    fn arg<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Operand,
        param: Option<Param>,
        arg: &'t Arg,
    ) -> Result<Operand> {
        frame.at = arg.at.id;
        let operand = match &arg.kind {
            ArgKind::Dot => self.read(dot.clone()),
            ArgKind::Nil => {
                return match param {
                    Some(Param::Value) | None => Ok(Operand::of(Value::NoValue)),
                    Some(param) if param.can_be_nil() => Ok(Operand::of(Value::Nil)),
                    Some(param) => Err(frame.error(&format!("cannot assign nil to {}", param.name()))),
                };
            }
            ArgKind::Variable(variable) if variable.fields.is_empty() => self.variable(frame, variable)?,
            ArgKind::Field(_) | ArgKind::Chain(_) | ArgKind::Variable(_) => {
                self.chain(frame, dot, arg, &[], None)?
            }
            ArgKind::Pipe(pipe) => {
                frame.at = pipe.at.id;
                self.pipeline(frame, dot, pipe)?
            }
            ArgKind::Function(function) => self.function(frame, dot, function, arg.at, &[], None)?,
            _ => return typed_literal(frame, arg, param),
        };
        validate(frame, operand, param)
    }
}

fn not_a_function(frame: &Frame<'_>, node: &Arg, args: &[Arg], last: Option<&Operand>) -> Result<()> {
    if args.is_empty() && last.is_none() {
        return Ok(());
    }
    Err(frame.error(&format!("can't give argument to non-function {node}")))
}

/// A constant where the type is free.
fn literal(frame: &Frame<'_>, arg: &Arg) -> Result<Operand> {
    let value = match &arg.kind {
        ArgKind::Bool(value) => Value::Bool(*value),
        ArgKind::Str(literal) => Value::Str(literal.text.clone()),
        ArgKind::Number(number) => ideal_constant(frame, number)?,
        _ => return Err(frame.error(&format!("can't evaluate command {}", quote::quote(&arg.to_string())))),
    };
    Ok(Operand::of(value))
}

/// A number where its syntax alone tells its type.
fn ideal_constant(frame: &Frame<'_>, number: &Number) -> Result<Value> {
    let text = &*number.text;
    let hex = text.len() > 2
        && text.starts_with('0')
        && text[1..].starts_with(['x', 'X'])
        && !text.contains(['p', 'P']);
    if let Some(float) = number.float
        && !hex
        && !text.starts_with('\'')
        && text.contains(['.', 'e', 'E', 'p', 'P'])
    {
        return Ok(Value::Float(float));
    }
    match number.int {
        Some(int) => Ok(Value::Int(int)),
        None => Err(frame.error(&format!("{text} overflows int"))),
    }
}

/// A constant where a type is asked for.
fn typed_literal(frame: &Frame<'_>, arg: &Arg, param: Option<Param>) -> Result<Operand> {
    let Some(param) = param else { return literal(frame, arg) };
    let value = match (param, &arg.kind) {
        (Param::Any | Param::Value, _) => return literal(frame, arg),
        (Param::Bool, ArgKind::Bool(value)) => Value::Bool(*value),
        (Param::Str, ArgKind::Str(literal)) => Value::Str(literal.text.clone()),
        (Param::Int | Param::Int64 | Param::Float | Param::Uint32, ArgKind::Number(number)) => {
            match typed_number(number, param) {
                Some(value) => value,
                None => return Err(unexpected(frame, param, arg)),
            }
        }
        (Param::Bool | Param::Str | Param::Int | Param::Int64 | Param::Uint32 | Param::Float, _) => {
            return Err(unexpected(frame, param, arg));
        }
        _ => return Err(frame.error(&format!("can't handle {arg} for arg of type {}", param.name()))),
    };
    Ok(Operand::of(value))
}

fn typed_number(number: &Number, param: Param) -> Option<Value> {
    match param {
        Param::Int => number.int.map(Value::Int),
        Param::Int64 => number.int.map(Value::Int64),
        Param::Float => number.float.map(Value::Float),
        _ => number.uint.map(|uint| Value::Uint(uint & u64::from(u32::MAX))),
    }
}

fn unexpected(frame: &Frame<'_>, param: Param, arg: &Arg) -> Box<GoError> {
    let word = match param {
        Param::Int | Param::Int64 => "integer",
        Param::Uint32 => "unsigned integer",
        Param::Float => "float",
        param => param.name(),
    };
    frame.error(&format!("expected {word}; found {arg}"))
}

/// Checks that a value can be given where this type is asked for.
fn validate(frame: &Frame<'_>, mut operand: Operand, param: Option<Param>) -> Result<Operand> {
    let Some(param) = param else { return Ok(operand) };
    let fits = match (&operand.value, param) {
        (_, Param::Value) => true,
        (Value::NoValue, param) => {
            if !param.can_be_nil() {
                return Err(frame.error(&format!("invalid value; expected {}", param.name())));
            }
            operand.value = Value::Nil;
            true
        }
        (_, Param::Any)
        | (Value::Str(_), Param::Str)
        | (Value::Int(_), Param::Int)
        | (Value::Int64(_), Param::Int64)
        | (Value::Float(_), Param::Float)
        | (Value::Bool(_), Param::Bool) => true,
        (Value::Map(map), Param::Map) => map.map_type != MapType::String,
        (Value::List(list), Param::List) => list.list_type == ListType::Any,
        (Value::Object(object), Param::Time | Param::Version | Param::Certificate) => {
            object.type_name() == param.name()
        }
        _ => false,
    };
    if fits {
        return Ok(operand);
    }
    let got = match &operand.value {
        Value::Nil => "interface {}".into(),
        value => value.type_name(),
    };
    Err(frame.error(&format!("wrong type for value; expected {}; got {got}", param.name())))
}

/// The methods of Helm's `common.Values`.
fn values_method(name: &str) -> Option<Signature> {
    match name {
        "AsMap" | "YAML" => Some(Signature::fixed(&[])),
        "Table" | "PathValue" => Some(Signature::fixed(&[Param::Str])),
        // It takes a writer, which no template has.
        "Encode" => Some(Signature::fixed(&[Param::Any])),
        _ => None,
    }
}

fn call_values_method(map: &Map, name: &str, args: &[Entry]) -> std::result::Result<Value, String> {
    let path = args.first().and_then(|entry| entry.value.as_str()).unwrap_or_default();
    let table = |path: &str| {
        let mut table = map.clone();
        for key in path.split('.') {
            table = match table.get(key) {
                Some(Value::Map(inner)) => inner,
                _ => return Err(format!("{} is not a table", quote::quote(key))),
            };
        }
        Ok(table)
    };
    match name {
        "AsMap" => Ok(Value::Map(map.as_type(MapType::Any))),
        "YAML" => crate::helm::functions::yaml::to_yaml(&Value::Map(map.clone())).map(Value::from),
        "Encode" => Ok(Value::Nil),
        "Table" => table(path).map(|table| Value::Map(table.as_type(map.map_type))),
        _ => {
            let (parent, key) =
                path.rsplit_once('.').map_or((None, path), |(parent, key)| (Some(parent), key));
            let no_value = || format!("{} is not a value", quote::quote(key));
            let parent = parent.map_or_else(|| Ok(map.clone()), table).map_err(|_| no_value())?;
            match parent.get(key) {
                Some(Value::Map(_)) | None => Err(no_value()),
                Some(value) => Ok(value),
            }
        }
    }
}
