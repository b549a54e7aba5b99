//! sprig's functions on paths: Go's `path` package (and `filepath`, which is the same on Linux).

use super::{Function, function};
use crate::helm::signature::Param::Str;

/// The table.
pub const FUNCTIONS: &[Function] = &[
    function("base", &[Str], |call| Ok(base(call.text(0)).into())),
    function("dir", &[Str], |call| Ok(dir(call.text(0)).into())),
    function("clean", &[Str], |call| Ok(clean(call.text(0)).into())),
    function("ext", &[Str], |call| Ok(ext(call.text(0)).into())),
    function("isAbs", &[Str], |call| Ok(call.text(0).starts_with('/').into())),
    function("osBase", &[Str], |call| Ok(base(call.text(0)).into())),
    function("osDir", &[Str], |call| Ok(dir(call.text(0)).into())),
    function("osClean", &[Str], |call| Ok(clean(call.text(0)).into())),
    function("osExt", &[Str], |call| Ok(ext(call.text(0)).into())),
    function("osIsAbs", &[Str], |call| Ok(call.text(0).starts_with('/').into())),
];

/// The last element of a path.
pub fn base(path: &str) -> &str {
    if path.is_empty() {
        return ".";
    }
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() { "/" } else { trimmed.rsplit('/').next().unwrap_or(trimmed) }
}

fn dir(path: &str) -> String {
    clean(path.rfind('/').map_or("", |slash| &path[..=slash]))
}

/// The shortest path that names the same.
pub fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

fn ext(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rfind('.').map_or("", |dot| &name[dot..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart_as_go_does() {
        assert_eq!((base("a/b/"), base(""), base("//")), ("b", ".", "/"));
        assert_eq!((dir("a/b/c"), dir("a"), dir("/a")), ("a/b".into(), ".".into(), "/".into()));
        assert_eq!(
            (clean("a//b/../c/./"), clean("/../a"), clean("../../a")),
            ("a/c".into(), "/a".into(), "../../a".into())
        );
        assert_eq!((ext("a/b.tar.gz"), ext("a.b/c")), (".gz", ""));
    }
}
