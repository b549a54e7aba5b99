//! Packed charts: a gzipped tar whose files all lie in one folder (Helm's pkg/chart/loader/archive).

use std::io::Read;

use flate2::read::GzDecoder;

use super::load::{MAX_CHART_BYTES, RawFile, Source};
use crate::helm::go::quote::quote;

/// The most files that a packed chart may hold.
const MAX_FILES: usize = 20_000;

/// The files of a packed chart with the paths inside its folder. `origin` is the archive's own path.
///
/// The error's text is Helm's where Helm has one.
pub(super) fn unpack(archive: &[u8], origin: &str) -> Result<Vec<RawFile<'static>>, String> {
    // Bounded before the tar reader sees it: a small archive can unpack to terabytes, headers included.
    let unpacked = GzDecoder::new(archive).take(2 * MAX_CHART_BYTES);
    let mut tar = tar::Archive::new(unpacked);
    let mut remaining = MAX_CHART_BYTES;
    let mut files = Vec::new();
    for entry in tar.entries().map_err(|error| error.to_string())? {
        let mut entry = entry.map_err(|error| words(&error))?;
        let kind = entry.header().entry_type();
        if kind.is_dir() || kind.is_pax_global_extensions() || kind.is_pax_local_extensions() {
            continue;
        }
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let name = inner_name(&path)?;
        if !kind.is_file() && !kind.is_contiguous() {
            return Err(format!(
                "{}: links in a packed chart are not followed: pack the file itself",
                quote(&path)
            ));
        }
        if entry.size() > remaining {
            return Err(too_large());
        }
        let mut data = Vec::new();
        let read = (&mut entry).take(remaining).read_to_end(&mut data).map_err(|error| words(&error))?;
        remaining -= read as u64;
        if remaining == 0 || files.len() >= MAX_FILES {
            return Err(too_large());
        }
        files.push(RawFile {
            path: format!("{origin}/{name}").into(),
            name,
            source: Source::Archive(data.into()),
        });
    }
    if files.is_empty() {
        return Err("no files in chart archive".to_owned());
    }
    Ok(files)
}

fn too_large() -> String {
    format!("decompressed chart is larger than the maximum size {MAX_CHART_BYTES}")
}

/// A reader's error in Go's words where the archive is no gzip at all.
fn words(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData => {
            "gzip: invalid header".to_owned()
        }
        std::io::ErrorKind::UnexpectedEof => "unexpected EOF".to_owned(),
        _ => error.to_string(),
    }
}

/// The path inside the chart's folder, checked as Helm checks it.
fn inner_name(path: &str) -> Result<String, String> {
    let separator = if path.contains('\\') { '\\' } else { '/' };
    let (top, inner) = path.split_once(separator).unwrap_or((path, ""));
    let inner = inner.replace(separator, "/");
    if inner.starts_with('/') {
        return Err("chart illegally contains absolute paths".to_owned());
    }
    let name = lexically_clean(&inner);
    if name == "." {
        return Err(format!("chart illegally contains content outside the base directory: {}", quote(path)));
    }
    if name.starts_with("..") {
        return Err("chart illegally references parent directory".to_owned());
    }
    if name.as_bytes().get(1..3) == Some(b":/") && name.as_bytes()[0].is_ascii_alphabetic() {
        return Err("chart contains illegally named files".to_owned());
    }
    if top == "Chart.yaml" {
        return Err("chart yaml not in base directory".to_owned());
    }
    Ok(name)
}

/// Go's `path.Clean` of a relative path.
fn lexically_clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

#[cfg(test)]
pub(in crate::helm) mod tests {
    use std::io::Write as _;

    use super::*;

    /// Packs files as `helm package` does.
    pub(in crate::helm) fn pack(files: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            // Set by hand: the library refuses the bad paths that these tests are about.
            header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_cksum();
            builder.append(&header, text.as_bytes()).unwrap();
        }
        let tar = builder.into_inner().unwrap();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&tar).unwrap();
        gzip.finish().unwrap()
    }

    #[test]
    fn the_top_folder_is_taken_off() {
        let files =
            unpack(&pack(&[("a/Chart.yaml", "name: a"), ("a/./templates//x.yaml", "x")]), "c/a.tgz").unwrap();
        assert_eq!(files[0].name, "Chart.yaml");
        assert_eq!(&*files[0].data().unwrap(), b"name: a");
        assert_eq!(files[1].name, "templates/x.yaml");
        assert_eq!(&*files[1].path, "c/a.tgz/templates/x.yaml");
    }

    #[test]
    fn paths_that_climb_out_are_refused_in_helms_words() {
        for (path, text) in [
            ("a/../../x", "chart illegally references parent directory"),
            ("a//etc/passwd", "chart illegally contains absolute paths"),
            ("Chart.yaml", "chart illegally contains content outside the base directory: \"Chart.yaml\""),
            ("a/c:/x", "chart contains illegally named files"),
        ] {
            assert_eq!(unpack(&pack(&[(path, "x")]), "c").err().unwrap(), text, "{path}");
        }
    }

    #[test]
    fn what_is_no_archive_is_said_so() {
        assert_eq!(unpack(b"hello, this is text", "c").err().unwrap(), "gzip: invalid header");
        assert_eq!(unpack(&pack(&[]), "c").err().unwrap(), "no files in chart archive");
    }
}
