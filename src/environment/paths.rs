//! Paths that an environment names.

use super::names::{excerpt, nearest};
use super::problems::Problems;
use crate::helm::yaml::Node;
use crate::manifest::{EntryKind, Files};

/// Checks a path below `base` and gives it from the root of the repository, if it is there and of that kind.
pub(super) fn check(
    files: &dyn Files,
    node: &Node,
    base: &str,
    wanted: EntryKind,
    at: &str,
    problems: &mut Problems,
) -> Option<String> {
    let written = node.as_str().filter(|path| !path.is_empty())?;
    let start = if base.is_empty() { "the root of the repository" } else { base };
    if let Some((what, remedy)) = malformed(written, start) {
        problems.add(node.mark, format!("{at} is `{}`, {what}", excerpt(written)), remedy);
        return None;
    }
    let path = if base.is_empty() { written.to_owned() } else { format!("{base}/{written}") };
    let found = match files.entry(&path) {
        Ok(found) => found,
        Err(error) => {
            problems.add(node.mark, format!("{at}: {error}"), "name another path".to_owned());
            return None;
        }
    };
    match found.map(|entry| entry.kind) {
        Some(kind) if kind == wanted => Some(path),
        Some(kind) => {
            let what = format!("{at}: {path} is {}", describe(kind));
            problems.add(node.mark, what, format!("name {}", describe(wanted)));
            None
        }
        None => {
            let remedy = near(files, &path, wanted)
                .map(|near| near.strip_prefix(&format!("{base}/")).map_or(near.clone(), str::to_owned))
                .map_or_else(
                    || format!("paths here start from {start}"),
                    |near| format!("did you mean `{near}`?"),
                );
            problems.add(node.mark, format!("{at}: there is no {}", excerpt(&path)), remedy);
            None
        }
    }
}

fn malformed(path: &str, start: &str) -> Option<(&'static str, String)> {
    let inside = || format!("write a path from {start}, without `..`");
    if path.starts_with('/') {
        return Some((
            "an absolute path",
            format!("leave out the `/` before it: paths here start from {start}"),
        ));
    }
    if path.contains('\\') || path.contains('\0') {
        return Some(("which no path here can be", "write `/` between the parts of the path".to_owned()));
    }
    let parts: Vec<&str> = path.split('/').collect();
    if parts.contains(&"..") {
        return Some(("which climbs out", inside()));
    }
    if parts.iter().any(|part| part.is_empty() || *part == ".") {
        let plain: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty() && *part != ".").collect();
        return Some(("which says a thing twice", format!("write `{}`", excerpt(&plain.join("/")))));
    }
    None
}

/// The nearest path to one that does not exist: its first missing part is compared with what lies beside it.
fn near(files: &dyn Files, path: &str, wanted: EntryKind) -> Option<String> {
    let mut parent = String::new();
    let mut parts = path.split('/').peekable();
    while let Some(part) = parts.next() {
        let next = if parent.is_empty() { part.to_owned() } else { format!("{parent}/{part}") };
        if files.entry(&next).ok()?.is_some() {
            parent = next;
            continue;
        }
        let last = parts.peek().is_none();
        let kind = if last { wanted } else { EntryKind::Folder };
        let beside = files.list(&parent).ok()?;
        let candidates = beside
            .iter()
            .filter(|entry| entry.kind == kind)
            .filter_map(|entry| entry.path.rsplit('/').next());
        let found = nearest(part, candidates)?;
        let rest: String = parts.flat_map(|part| ["/", part]).collect();
        let path =
            if parent.is_empty() { format!("{found}{rest}") } else { format!("{parent}/{found}{rest}") };
        return files.entry(&path).ok()?.is_some().then_some(path);
    }
    None
}

fn describe(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::File => "a file",
        EntryKind::Folder => "a folder",
        EntryKind::Symlink => "a symbolic link, which is never followed",
        EntryKind::Submodule => "a git submodule, whose files are not in this repository",
    }
}
