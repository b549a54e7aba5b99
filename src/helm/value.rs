//! The values that templates see: Go's kinds, with Go's reference semantics for maps.
//!
//! A map is shared: `set .Values "a" 1` in one template is seen by the next one, as in Helm. Lists are not changed in
//! place by any of Helm's functions, so sharing an unchanging vector is the same to a template.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Where a value was set: an index into the render's table of source lines. 0 means unknown or made up by a template.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OriginId(pub u32);

/// The Go type of a map, which `typeOf`, `kindOf` and `printf "%T"` can tell apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MapType {
    /// `map[string]interface {}`: what values files and `dict` make.
    #[default]
    Any,
    /// `common.Values` (`chartutil.Values` in Helm 3): the root context's `.Values`.
    Values,
    /// `map[string]string`: annotations, for example.
    String,
}

/// The Go type of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ListType {
    /// `[]interface {}`.
    #[default]
    Any,
    /// `[]string`: `splitList`, `keys`, `sortAlpha`...
    String,
    /// `[]int`: `until`, `untilStep`.
    Int,
    /// `[]uint8`: `.Files.GetBytes`.
    Byte,
}

/// An entry of a map: the value, and the line that set it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The value.
    pub value: Value,
    /// Where it was set.
    pub origin: OriginId,
}

/// A map with Go's reference semantics.
#[derive(Clone, Debug, Default)]
pub struct Map {
    /// The Go type.
    pub map_type: MapType,
    /// The entries in byte order, the order in which `range` and `toYaml` go.
    pub entries: Rc<RefCell<BTreeMap<Str, Entry>>>,
}

/// A list.
#[derive(Clone, Debug, Default)]
pub struct List {
    /// The Go type.
    pub list_type: ListType,
    /// The elements, with the lines that set them.
    pub items: Rc<Vec<Entry>>,
}

/// A shared string. Go strings are bytes; invalid UTF-8 is replaced where it would enter.
pub type Str = Rc<str>;

/// What a template can hold, by Go kind.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// An untyped nil: a YAML null.
    #[default]
    Nil,
    /// What a missing map key gives: prints `<no value>`, which Helm then removes.
    NoValue,
    /// `bool`.
    Bool(bool),
    /// `int`: literals, `len`, `int`.
    Int(i64),
    /// `int64`: `int64`, `add`, `mul`...
    Int64(i64),
    /// `float64`: every number from a values file.
    Float(f64),
    /// `string`.
    Str(Str),
    /// A slice.
    List(List),
    /// A map with string keys.
    Map(Map),
    /// A Go struct or pointer with fields and methods: `.Files`, `.Capabilities`, `.Chart`, a semver, a time...
    Object(Rc<dyn Object>),
}

/// A Go value with fields and methods of its own.
pub trait Object: std::fmt::Debug {
    /// The Go type's name as `%T` prints it, for example `*semver.Version`.
    fn type_name(&self) -> &str;
    /// The Go kind: `struct`, `ptr`, `map`, `slice`...
    fn kind(&self) -> &str;
    /// A field's value; `None` if there is no such field.
    fn field(&self, name: &str) -> Option<Value>;
    /// Calls a method; `None` if there is no such method. The error is the method's own text.
    fn call(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, String>>;
    /// What `{{ . }}` prints.
    fn print(&self) -> String;
    /// For `if`: whether Go's template package takes it for true.
    fn truth(&self) -> bool {
        true
    }
    /// For conversion by the concrete type.
    fn as_any(&self) -> &dyn std::any::Any;
}
