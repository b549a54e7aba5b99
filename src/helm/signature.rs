//! What a function or method of templates takes, as Go's reflection would tell.

/// The Go type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Param {
    /// `interface {}`: anything; no value becomes nil.
    Any,
    /// `reflect.Value`: anything, a nil interface and no value told apart (text/template's own functions).
    Value,
    /// `string`.
    Str,
    /// `int`.
    Int,
    /// `int64`.
    Int64,
    /// `uint32`, held as [`super::value::Value::Uint`].
    Uint32,
    /// `float64`.
    Float,
    /// `bool`.
    Bool,
    /// `map[string]interface {}`; nil is a nil map.
    Map,
    /// `[]interface {}`; nil is a nil slice.
    List,
    /// `time.Time`.
    Time,
    /// `*semver.Version`.
    Version,
    /// `sprig.certificate`.
    Certificate,
}

impl Param {
    /// The type as error texts name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::Value => "reflect.Value",
            Self::Str => "string",
            Self::Int => "int",
            Self::Int64 => "int64",
            Self::Uint32 => "uint32",
            Self::Float => "float64",
            Self::Bool => "bool",
            Self::Map => "map[string]interface {}",
            Self::List => "[]interface {}",
            Self::Time => "time.Time",
            Self::Version => "*semver.Version",
            Self::Certificate => "sprig.certificate",
        }
    }

    /// Whether an untyped nil can stand for it.
    pub fn can_be_nil(self) -> bool {
        matches!(self, Self::Any | Self::Value | Self::Map | Self::List | Self::Version)
    }
}

/// A function's parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The fixed parameters.
    pub fixed: &'static [Param],
    /// The type of further arguments, where the function is variadic.
    pub variadic: Option<Param>,
}

impl Signature {
    /// A function with exactly these parameters.
    pub const fn fixed(fixed: &'static [Param]) -> Self {
        Self { fixed, variadic: None }
    }

    /// A function with these parameters and any number more of one type.
    pub const fn variadic(fixed: &'static [Param], more: Param) -> Self {
        Self { fixed, variadic: Some(more) }
    }

    /// The type of the argument at a place.
    pub fn param(&self, index: usize) -> Option<Param> {
        self.fixed.get(index).copied().or(self.variadic)
    }
}
