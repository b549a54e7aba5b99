//! A YAML document as a tree that still knows where each node stood.

/// A place in a YAML text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Byte offset, from 0.
    pub offset: u32,
}

/// A node with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it is.
    pub content: Content,
    /// Where it begins.
    pub mark: Mark,
}

/// A node's content, resolved by YAML 1.1's rules as go-yaml v2 applies them.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// `null`, `~`, nothing.
    Null,
    /// `true`, `yes`, `On`...
    Bool(bool),
    /// A number that fits.
    Int(i64),
    /// A number over `i64::MAX` that fits into 64 bits unsigned.
    Uint(u64),
    /// A float, or an integer beyond 64 bits.
    Float(f64),
    /// Text. Timestamps stay text, as sigs.k8s.io/yaml leaves them.
    Str(String),
    /// A sequence.
    Seq(Vec<Node>),
    /// A mapping in the text's order, merge keys (`<<`) already resolved, keys already turned into the text that JSON gives them.
    Map(Vec<(Key, Node)>),
}

/// A mapping's key with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// The key as text (`true` for `y:`, `1` for `1:`), as sigs.k8s.io/yaml turns it into JSON.
    pub text: String,
    /// Where it begins.
    pub mark: Mark,
}

impl Node {
    /// The value of a mapping's key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, value)| value)
    }

    /// A mapping's key with its value.
    pub fn entry(&self, key: &str) -> Option<&(Key, Node)> {
        match &self.content {
            Content::Map(entries) => entries.iter().find(|(candidate, _)| candidate.text == key),
            _ => None,
        }
    }

    /// An item of a sequence.
    pub fn item(&self, index: usize) -> Option<&Node> {
        match &self.content {
            Content::Seq(items) => items.get(index),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match &self.content {
            Content::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The node under a pointer of keys and indices.
    pub fn find(&self, pointer: &[&str]) -> Option<&Node> {
        pointer.iter().try_fold(self, |node, step| match &node.content {
            Content::Seq(items) => items.get(step.parse::<usize>().ok()?),
            _ => node.get(step),
        })
    }

    /// Where the thing under a pointer of keys and indices begins: a mapping's entry with its key.
    pub fn locate(&self, pointer: &[&str]) -> Option<Mark> {
        let Some((last, parents)) = pointer.split_last() else {
            return Some(self.mark);
        };
        let parent = self.find(parents)?;
        match parent.entry(last) {
            Some((key, _)) => Some(key.mark),
            None => parent.find(&[last]).map(|node| node.mark),
        }
    }
}
