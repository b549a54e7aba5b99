//! The values that templates see: Go's kinds, with Go's reference semantics for maps.
//!
//! A map is shared: `set .Values "a" 1` in one template is seen by the next one, as in Helm. Lists are not changed in
//! place by any of Helm's functions, so sharing an unchanging vector is the same to a template.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use litemap::LiteMap;

use super::items::Items;
use super::signature::Signature;
use super::template::HelmVersion;

/// Where a value was set: an index into the render's table of source lines. 0 means unknown or made up by a template.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OriginId(pub u32);

/// The Go type of a map, which `typeOf`, `kindOf` and `printf "%T"` can tell apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MapType {
    /// `map[string]interface {}`: what values files and `dict` make.
    #[default]
    Any,
    /// `common.Values`: the root context, its `.Values`.
    Values,
    /// `chartutil.Values`: the same in Helm 3.
    Values3,
    /// `map[string]string`: annotations, for example.
    String,
}

impl MapType {
    /// The type of `.Values`.
    pub fn values(helm: HelmVersion) -> Self {
        match helm {
            HelmVersion::Helm4 => Self::Values,
            HelmVersion::Helm3 => Self::Values3,
        }
    }

    /// Whether it has the methods of Helm's `Values`.
    pub fn is_values(self) -> bool {
        matches!(self, Self::Values | Self::Values3)
    }

    /// The type as `%T` prints it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "map[string]interface {}",
            Self::Values => "common.Values",
            Self::Values3 => "chartutil.Values",
            Self::String => "map[string]string",
        }
    }
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
    /// `[][]interface {}`: `chunk`.
    Lists,
    /// `[]map[string]interface {}`: TOML's arrays of tables.
    Maps,
    /// `[]*chart.Maintainer`: `.Chart.Maintainers` of Helm 3.
    Maintainers,
    /// `[]*chart.Dependency`: `.Chart.Dependencies` of Helm 3.
    Dependencies,
}

impl ListType {
    /// The type as `%T` prints it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "[]interface {}",
            Self::String => "[]string",
            Self::Int => "[]int",
            Self::Byte => "[]uint8",
            Self::Lists => "[][]interface {}",
            Self::Maps => "[]map[string]interface {}",
            Self::Maintainers => "[]*chart.Maintainer",
            Self::Dependencies => "[]*chart.Dependency",
        }
    }
}

/// An entry of a map or a list: the value, and the line that set it.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// The value.
    pub value: Value,
    /// Where it was set.
    pub origin: OriginId,
}

impl From<Value> for Entry {
    fn from(value: Value) -> Self {
        Self { value, origin: OriginId::default() }
    }
}

/// A map with Go's reference semantics. `clone` gives another handle on the same map.
#[derive(Clone, Default)]
pub struct Map {
    /// The Go type.
    pub map_type: MapType,
    /// The entries in byte order, the order in which `range` and `toYaml` go.
    pub entries: Rc<RefCell<LiteMap<Str, Entry>>>,
}

impl Map {
    /// An empty `map[string]interface {}`.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty map of a type.
    pub fn of(map_type: MapType) -> Self {
        Self { map_type, entries: Rc::default() }
    }

    /// The same map under another Go type, as a conversion makes it.
    #[must_use]
    pub fn as_type(&self, map_type: MapType) -> Self {
        Self { map_type, entries: Rc::clone(&self.entries) }
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<Value> {
        self.entries.borrow().get(key).map(|entry| entry.value.clone())
    }

    /// The value of a key with the line that set it.
    pub fn entry(&self, key: &str) -> Option<Entry> {
        self.entries.borrow().get(key).cloned()
    }

    /// Sets a key, of which no file's line is the origin.
    pub fn insert(&self, key: impl Into<Str>, value: impl Into<Value>) {
        self.insert_at(key, value, OriginId::default());
    }

    /// Sets a key that a line of a file set.
    pub fn insert_at(&self, key: impl Into<Str>, value: impl Into<Value>, origin: OriginId) {
        let entry = Entry { value: value.into(), origin };
        let old = self.entries.borrow_mut().insert(key.into(), entry);
        // Dropped only now: its own drop may look at this map.
        drop(old);
    }

    /// Takes a key out.
    pub fn remove(&self, key: &str) -> Option<Entry> {
        self.entries.borrow_mut().remove(key)
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.entries.borrow().len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.entries.borrow().is_empty()
    }

    /// Whether a key is there, be it null.
    pub fn contains(&self, key: &str) -> bool {
        self.entries.borrow().contains_key(key)
    }

    /// Keys and entries as they are now: a template may change the map while it walks over them.
    pub fn snapshot(&self) -> Vec<(Str, Entry)> {
        self.entries.borrow().iter().map(|(key, entry)| (Arc::clone(key), entry.clone())).collect()
    }

    /// A `map[string]interface {}` of its own with the same entries.
    #[must_use]
    pub fn shallow_copy(&self) -> Self {
        Self { map_type: MapType::Any, entries: Rc::new(RefCell::new(self.entries.borrow().clone())) }
    }

    /// Whether both are handles on one map.
    pub fn is(&self, other: &Map) -> bool {
        Rc::ptr_eq(&self.entries, &other.entries)
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the content: it may hold secrets, and it may hold itself.
        write!(f, "{} of {}", self.map_type.name(), self.len())
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        if Rc::strong_count(&self.entries) == 1
            && let Ok(mut entries) = self.entries.try_borrow_mut()
            && entries.values().any(|entry| entry.value.is_nested())
        {
            let inner = std::mem::take(&mut *entries);
            drop(entries);
            drop_nested(inner, |inner| inner.into_iter().map(|(_, entry)| entry).collect());
        }
    }
}

/// A list. `clone` is cheap.
#[derive(Clone, Default)]
pub struct List {
    /// The Go type.
    pub list_type: ListType,
    /// Whether it is Go's nil slice, which prints and measures as an empty one but is `null` in JSON.
    pub nil: bool,
    /// The elements, with the lines that set them.
    pub items: Rc<Items>,
}

impl List {
    /// A list of a type.
    pub fn of(list_type: ListType, items: Vec<Entry>) -> Self {
        Self { list_type, nil: false, items: Rc::new(items.into()) }
    }

    /// A `[]uint8`.
    pub fn bytes(bytes: Arc<[u8]>) -> Self {
        Self { list_type: ListType::Byte, nil: false, items: Rc::new(Items::bytes(bytes)) }
    }

    /// A `[]interface {}`.
    pub fn any(values: impl IntoIterator<Item = Value>) -> Self {
        Self::of(ListType::Any, values.into_iter().map(Entry::from).collect())
    }

    /// A `[]string`.
    pub fn strings<S: Into<Str>>(values: impl IntoIterator<Item = S>) -> Self {
        Self::of(ListType::String, values.into_iter().map(|text| Value::Str(text.into()).into()).collect())
    }

    /// Go's nil slice of a type.
    pub fn nil(list_type: ListType) -> Self {
        Self { list_type, nil: true, items: Rc::default() }
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Value> {
        self.items.iter().map(|entry| &entry.value)
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.list_type.name(), self.len())
    }
}

impl Drop for List {
    fn drop(&mut self) {
        if let Some(items) = Rc::get_mut(&mut self.items)
            && items.made().iter().any(|entry| entry.value.is_nested())
        {
            drop_nested(std::mem::take(items), Items::into_made);
        }
    }
}

/// How deep values are dropped by recursion.
const SHALLOW: u32 = 64;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Drops what holds other values. A template can nest lists deeper than any stack is: what lies too deep is taken apart.
fn drop_nested<T>(inner: T, entries: impl FnOnce(T) -> Vec<Entry>) {
    let depth = DEPTH.get();
    if depth < SHALLOW {
        DEPTH.set(depth + 1);
        drop(inner);
        DEPTH.set(depth);
    } else {
        dismantle(entries(inner));
    }
}

/// Drops values without recursion.
fn dismantle(mut pending: Vec<Entry>) {
    while let Some(mut entry) = pending.pop() {
        match &mut entry.value {
            Value::List(list) => {
                if let Some(items) = Rc::get_mut(&mut list.items) {
                    pending.append(&mut std::mem::take(items).into_made());
                }
            }
            Value::Map(map) if Rc::strong_count(&map.entries) == 1 => {
                if let Ok(mut entries) = map.entries.try_borrow_mut() {
                    pending.extend(std::mem::take(&mut *entries).into_iter().map(|(_, entry)| entry));
                }
            }
            _ => {}
        }
    }
}

/// A shared string. Go strings are bytes; invalid UTF-8 is replaced where it would enter.
pub type Str = Arc<str>;

/// What a template can hold, by Go kind.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// A nil `interface {}`: a YAML null, and what a missing key of a map gives.
    #[default]
    Nil,
    /// No value at all (reflect's invalid value): a nil that went through a pipeline or a variable.
    /// It prints `<no value>`, which Helm then removes, and its fields are no value again.
    NoValue,
    /// `bool`.
    Bool(bool),
    /// `int`: literals, `len`, `int`.
    Int(i64),
    /// `int64`: `int64`, `add`, `mul`...
    Int64(i64),
    /// `uint64`: `(semver ...).Major`.
    Uint(u64),
    /// `uint8`: an element of `[]uint8`, or of a string.
    Byte(u8),
    /// `float64`: every number from a values file.
    Float(f64),
    /// `string`.
    Str(Str),
    /// A slice.
    List(List),
    /// A map with string keys.
    Map(Map),
    /// A Go struct or pointer with fields and methods: `.Files`, `.Capabilities`, a semver, a time...
    Object(Rc<dyn Object>),
}

impl Value {
    /// A string.
    pub fn str(text: impl Into<Str>) -> Self {
        Self::Str(text.into())
    }

    /// A map with these entries.
    pub fn map<K: Into<Str>>(entries: impl IntoIterator<Item = (K, Value)>) -> Self {
        let map = Map::new();
        map.entries
            .borrow_mut()
            .extend(entries.into_iter().map(|(key, value)| (key.into(), Entry::from(value))));
        Self::Map(map)
    }

    /// Whether it is one of the two nils.
    pub fn is_nil(&self) -> bool {
        matches!(self, Self::Nil | Self::NoValue)
    }

    /// The Go type's name, as `%T` prints it.
    pub fn type_name(&self) -> Cow<'_, str> {
        Cow::Borrowed(match self {
            Self::Nil | Self::NoValue => "<nil>",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Int64(_) => "int64",
            Self::Uint(_) => "uint64",
            Self::Byte(_) => "uint8",
            Self::Float(_) => "float64",
            Self::Str(_) => "string",
            Self::List(list) => list.list_type.name(),
            Self::Map(map) => map.map_type.name(),
            Self::Object(object) => object.type_name(),
        })
    }

    /// The Go kind's name, as `kindOf` gives it.
    pub fn kind(&self) -> &str {
        match self {
            Self::Nil | Self::NoValue => "invalid",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Int64(_) => "int64",
            Self::Uint(_) => "uint64",
            Self::Byte(_) => "uint8",
            Self::Float(_) => "float64",
            Self::Str(_) => "string",
            Self::List(_) => "slice",
            Self::Map(_) => "map",
            Self::Object(object) => object.kind(),
        }
    }

    /// What `if` thinks of it.
    pub fn truth(&self) -> bool {
        match self {
            Self::Nil | Self::NoValue => false,
            Self::Bool(value) => *value,
            Self::Int(value) | Self::Int64(value) => *value != 0,
            Self::Uint(value) => *value != 0,
            Self::Byte(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Str(text) => !text.is_empty(),
            Self::List(list) => !list.is_empty(),
            Self::Map(map) => !map.is_empty(),
            Self::Object(object) => object.truth(),
        }
    }

    /// The text, of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The map, of a map.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// Whether it holds other values.
    pub fn is_nested(&self) -> bool {
        match self {
            Self::List(list) => !list.is_empty(),
            Self::Map(_) => true,
            _ => false,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Str(text.into())
    }
}

impl From<Str> for Value {
    fn from(text: Str) -> Self {
        Self::Str(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    /// An `int`, Go's plain integer.
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<Map> for Value {
    fn from(map: Map) -> Self {
        Self::Map(map)
    }
}

impl From<List> for Value {
    fn from(list: List) -> Self {
        Self::List(list)
    }
}

/// A Go value with fields and methods of its own.
pub trait Object: fmt::Debug {
    /// The Go type's name as `%T` prints it, for example `*semver.Version`.
    fn type_name(&self) -> &str;
    /// The Go kind: `struct`, `ptr`, `map`, `slice`...
    fn kind(&self) -> &str;
    /// A field's value (of a map: an entry's); `None` if there is no such field.
    fn field(&self, name: &str) -> Option<Value>;
    /// A method's parameters; `None` if there is no such method.
    fn method(&self, _name: &str) -> Option<Signature> {
        None
    }
    /// Calls a method that [`Object::method`] knows, with arguments that fit it. The error is the method's own text.
    fn call(&self, _name: &str, _arguments: &[Value]) -> Result<Value, String> {
        Ok(Value::Nil)
    }
    /// What `{{ . }}` prints.
    fn print(&self) -> String;
    /// A named map's or slice's content as a plain [`Value::Map`] or [`Value::List`]: for `range`, `len`, `index`.
    fn content(&self) -> Option<Value> {
        None
    }
    /// What `encoding/json` would make of it: for `toJson` and `toYaml`.
    fn json(&self) -> Value {
        self.content().unwrap_or_else(|| Value::str(self.print()))
    }
    /// A struct's fields in Go's order, as `fmt` shows them; `None` for what is no struct, or has a text of its own.
    fn members(&self) -> Option<Vec<(&'static str, Value)>> {
        None
    }
    /// The same as `encoding/json` has them, where that is another order than the one of names.
    fn json_members(&self) -> Option<Vec<(&'static str, Value)>> {
        None
    }
    /// The number that a named type stands for.
    fn number(&self) -> Option<i64> {
        None
    }
    /// For `if`: whether Go's template package takes it for true.
    fn truth(&self) -> bool {
        true
    }
    /// For conversion by the concrete type.
    fn as_any(&self) -> &dyn std::any::Any;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_through_one_handle_of_a_map_is_seen_through_the_other() {
        let map = Map::new();
        let other = map.clone();
        map.insert("a", 1_i64);
        assert!(matches!(other.get("a"), Some(Value::Int(1))));
        assert!(map.is(&other.as_type(MapType::Values)));
    }

    #[test]
    fn lists_nested_a_million_deep_are_dropped_without_recursion() {
        let mut value = Value::Nil;
        for depth in 0..1_000_000 {
            value =
                if depth % 2 == 0 { Value::List(List::any([value])) } else { Value::map([("inner", value)]) };
        }
        drop(value);
    }

    #[test]
    fn a_map_that_holds_itself_can_be_printed_for_debugging() {
        let map = Map::new();
        map.insert("self", map.clone());
        assert_eq!(format!("{map:?}"), "map[string]interface {} of 1");
        map.remove("self");
    }
}
