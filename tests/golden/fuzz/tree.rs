//! A generated text as a tree, so that it can be made smaller without breaking it at any letter.

/// A text, or parts that follow each other.
#[derive(Clone, Debug)]
pub enum Tree {
    /// A text that stays whole.
    Leaf(String),
    /// Parts, each of which could be left out, or stand for the whole.
    Node(Vec<Tree>),
}

impl Default for Tree {
    fn default() -> Self {
        Self::Node(Vec::new())
    }
}

impl From<&str> for Tree {
    fn from(text: &str) -> Self {
        Self::Leaf(text.to_owned())
    }
}

impl From<String> for Tree {
    fn from(text: String) -> Self {
        Self::Leaf(text)
    }
}

impl Tree {
    /// The text.
    pub fn text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Leaf(text) => out.push_str(text),
            Self::Node(parts) => parts.iter().for_each(|part| part.write(out)),
        }
    }

    /// Trees with one thing less, the smallest first.
    pub fn smaller(&self) -> Vec<Self> {
        let Self::Node(parts) = self else { return Vec::new() };
        let mut found: Vec<Self> =
            parts.iter().filter(|part| matches!(part, Self::Node(_))).cloned().collect();
        for at in 0..parts.len() {
            if let Self::Node(_) = parts[at] {
                let mut fewer = parts.clone();
                fewer.remove(at);
                found.push(Self::Node(fewer));
            }
            for smaller in parts[at].smaller() {
                let mut changed = parts.clone();
                changed[at] = smaller;
                found.push(Self::Node(changed));
            }
        }
        found
    }
}

/// Builds a node of texts and trees.
#[macro_export]
macro_rules! node {
    ($($part:expr),* $(,)?) => { $crate::tree::Tree::Node(vec![$($crate::tree::Tree::from($part)),*]) };
}
