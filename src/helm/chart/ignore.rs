//! `.helmignore` (Helm's pkg/ignore), and Go's `filepath.Match`.

/// The rules of a `.helmignore` file, Helm's own default (`templates/.?*`) included.
#[derive(Debug, Default)]
pub(super) struct Rules {
    patterns: Vec<Pattern>,
}

#[derive(Debug)]
struct Pattern {
    /// `None` where nothing fits: what is left of the rule is no pattern.
    glob: Option<Glob>,
    negated: bool,
    folders_only: bool,
    /// Without a slash inside, only the last part of a path is looked at.
    base_only: bool,
}

impl Rules {
    /// Reads a `.helmignore` file. The error's text is Helm's.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut rules = Self::default();
        for line in text.trim_start_matches('\u{feff}').lines() {
            rules.add(line.trim())?;
        }
        rules.add("templates/.?*")?;
        Ok(rules)
    }

    fn add(&mut self, rule: &str) -> Result<(), String> {
        if rule.is_empty() || rule.starts_with('#') {
            return Ok(());
        }
        if rule.contains("**") {
            return Err("double-star (**) syntax is not supported".to_owned());
        }
        if Glob::parse(rule).is_none() {
            return Err("syntax error in pattern".to_owned());
        }
        let (rule, negated) = rule.strip_prefix('!').map_or((rule, false), |rest| (rest, true));
        let (rule, folders_only) = rule.strip_suffix('/').map_or((rule, false), |rest| (rest, true));
        let (glob, rooted) = rule.strip_prefix('/').map_or((rule, false), |rest| (rest, true));
        self.patterns.push(Pattern {
            glob: Glob::parse(glob),
            negated,
            folders_only,
            base_only: !rooted && !glob.contains('/'),
        });
        Ok(())
    }

    /// Whether a file is left out: by a rule on itself or on a folder above it.
    pub(super) fn ignores_file(&self, path: &str) -> bool {
        self.ignores_folder_of(path) || self.ignores(path, false)
    }

    fn ignores_folder_of(&self, path: &str) -> bool {
        path.match_indices('/').any(|(end, _)| self.ignores(&path[..end], true))
    }

    fn ignores(&self, path: &str, is_folder: bool) -> bool {
        let base = path.rsplit('/').next().unwrap_or(path);
        for pattern in &self.patterns {
            let name = if pattern.base_only { base } else { path };
            let fits = pattern.glob.as_ref().is_some_and(|glob| glob.fits(name));
            if pattern.negated {
                // A negative rule leaves out all that it does not name, and goes on otherwise.
                if (pattern.folders_only && !is_folder) || !fits {
                    return true;
                }
            } else if fits && (is_folder || !pattern.folders_only) {
                return true;
            }
        }
        false
    }
}

/// Whether a chart's `.helmignore`, of which this is the text, leaves out a folder that this path is in.
pub fn is_in_ignored_folder(rules: &str, path: &str) -> bool {
    Rules::parse(rules).is_ok_and(|rules| rules.ignores_folder_of(path))
}

/// Go's `filepath.Match`: `*`, `?`, `[a-z]`, `[^a]`, `\`, none of which but a class matches a slash. `None` for a pattern
/// that is not one; like Go's, this is only found where the match gets to it.
pub(in crate::helm) fn matches(pattern: &str, name: &str) -> Option<bool> {
    Glob::parse(pattern).map(|glob| glob.fits(name))
}

/// A pattern that was read once, for many names.
#[derive(Debug)]
enum Glob {
    /// Just this name.
    Name(String),
    /// A star, and this behind it.
    Suffix(String),
    Pattern(Vec<char>),
}

impl Glob {
    /// `None` for a pattern that is not one.
    fn parse(pattern: &str) -> Option<Self> {
        let is_plain = |text: &str| !text.contains(['*', '?', '[', '\\']);
        if is_plain(pattern) {
            return Some(Self::Name(pattern.to_owned()));
        }
        if let Some(suffix) = pattern.strip_prefix('*').filter(|rest| is_plain(rest)) {
            return Some(Self::Suffix(suffix.to_owned()));
        }
        let pattern: Vec<char> = pattern.chars().collect();
        well_formed(&pattern).then_some(Self::Pattern(pattern))
    }

    /// Matches with one place to come back to, the last star's: time is bounded by the product of both lengths.
    fn fits(&self, name: &str) -> bool {
        let pattern = match self {
            Self::Name(wanted) => return name == wanted,
            Self::Suffix(suffix) => {
                return name.strip_suffix(suffix.as_str()).is_some_and(|rest| !rest.contains('/'));
            }
            Self::Pattern(pattern) => pattern.as_slice(),
        };
        let next = |read: usize| name[read..].chars().next();
        let (mut at, mut read) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        loop {
            let c = next(read);
            match step(pattern, at, c) {
                Some(Step::Star) => {
                    star = Some((at + 1, read));
                    at += 1;
                    continue;
                }
                Some(Step::One(after)) => {
                    at = after;
                    read += c.map_or(0, char::len_utf8);
                    continue;
                }
                Some(Step::End) => return true,
                None => {}
            }
            match star.and_then(|(after, from)| Some((after, from, next(from)?))) {
                Some((after, from, c)) if c != '/' => {
                    read = from + c.len_utf8();
                    star = Some((after, read));
                    at = after;
                }
                _ => return false,
            }
        }
    }
}

enum Step {
    Star,
    One(usize),
    End,
}

fn step(pattern: &[char], at: usize, c: Option<char>) -> Option<Step> {
    match (pattern.get(at), c) {
        (None, None) => Some(Step::End),
        (Some('*'), _) => Some(Step::Star),
        (None, _) | (_, None) => None,
        (Some('?'), Some(c)) => (c != '/').then_some(Step::One(at + 1)),
        (Some('['), Some(c)) => {
            let (after, found) = class(pattern, at, c)?;
            found.then_some(Step::One(after))
        }
        (Some('\\'), Some(c)) => (pattern.get(at + 1) == Some(&c)).then_some(Step::One(at + 2)),
        (Some(wanted), Some(c)) => (*wanted == c).then_some(Step::One(at + 1)),
    }
}

/// Reads the class at `at`: where it ends, and whether `c` is in it. `None` if it is malformed.
fn class(pattern: &[char], at: usize, c: char) -> Option<(usize, bool)> {
    let mut at = at + 1;
    let negated = pattern.get(at) == Some(&'^');
    at += usize::from(negated);
    let mut found = false;
    let mut ranges = 0;
    loop {
        if pattern.get(at) == Some(&']') && ranges > 0 {
            return Some((at + 1, found != negated));
        }
        let low = class_char(pattern, &mut at)?;
        let mut high = low;
        if pattern.get(at) == Some(&'-') {
            at += 1;
            high = class_char(pattern, &mut at)?;
        }
        found |= (low..=high).contains(&c);
        ranges += 1;
    }
}

fn class_char(pattern: &[char], at: &mut usize) -> Option<char> {
    let mut c = *pattern.get(*at)?;
    if c == '-' || c == ']' {
        return None;
    }
    if c == '\\' {
        *at += 1;
        c = *pattern.get(*at)?;
    }
    *at += 1;
    // A class must be closed.
    pattern.get(*at).map(|_| c)
}

fn well_formed(pattern: &[char]) -> bool {
    let mut at = 0;
    while let Some(c) = pattern.get(at) {
        match c {
            '[' => match class(pattern, at, ' ') {
                Some((after, _)) => at = after,
                None => return false,
            },
            '\\' if at + 1 == pattern.len() => return false,
            '\\' => at += 2,
            _ => at += 1,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_as_gos_filepath_does() {
        for (pattern, name, expected) in [
            ("helm.txt", "helm.txt", true),
            ("helm.*", "helm.txt", true),
            ("helm.*", "rudder.txt", false),
            ("cargo/*.txt", "cargo/a.txt", true),
            ("*.txt", "cargo/a.txt", false),
            ("ru[c-e]?er.txt", "rudder.txt", true),
            ("[^a]b", "ab", false),
            ("a*b*c", "axxbyybzc", true),
            ("a\\*", "a*", true),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, name), Some(expected), "{pattern} on {name}");
        }
        for broken in ["[z-", "[]a]", "a\\", "[a"] {
            assert_eq!(matches(broken, "abc"), None, "{broken}");
        }
    }

    #[test]
    fn rules_are_read_as_helm_reads_them() {
        let rules = Rules::parse("# comment\n\n*.txt\n/top\ncargo/\nmast/*.md\n").unwrap();
        for (path, ignored) in [
            ("a.txt", true),
            ("deep/a.txt", true),
            ("top", true),
            ("deep/top", false),
            ("cargo/x", true),
            ("deep/cargo/x", true),
            ("cargo", false),
            ("mast/a.md", true),
            ("deep/mast/a.md", false),
            ("templates/.swp", true),
            ("templates/a.yaml", false),
        ] {
            assert_eq!(rules.ignores_file(path), ignored, "{path}");
        }
    }

    #[test]
    fn a_negative_rule_leaves_out_all_that_it_does_not_name() {
        let rules = Rules::parse("!keep.txt").unwrap();
        assert!(!rules.ignores_file("keep.txt"));
        assert!(rules.ignores_file("other.txt"));
    }

    #[test]
    fn rules_that_helm_refuses_are_refused() {
        assert_eq!(Rules::parse("foo/**/bar").unwrap_err(), "double-star (**) syntax is not supported");
        assert_eq!(Rules::parse("[z-").unwrap_err(), "syntax error in pattern");
    }
}
