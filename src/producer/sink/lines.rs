//! Events as JSON lines: on standard output, or in a file that is there whole or not at all.

use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Counters, Recipe, Record, Sink, SinkError, WindowManifest};

/// How much is written at once, in bytes.
const BUFFER: usize = 256 << 10;

/// Writes one event a line.
pub struct LineSink<W: Write> {
    out: BufWriter<W>,
    name: String,
    counters: Arc<Counters>,
}

impl<W: Write> LineSink<W> {
    /// To `out`, which errors call by its name.
    pub fn new(out: W, name: impl Into<String>, counters: Arc<Counters>) -> Self {
        Self { out: BufWriter::with_capacity(BUFFER, out), name: name.into(), counters }
    }

    fn wrong(&self, reason: std::io::Error) -> SinkError {
        match reason.kind() {
            ErrorKind::BrokenPipe => SinkError::ReaderGone,
            _ => SinkError::Write { path: self.name.clone(), reason },
        }
    }
}

impl<W: Write> Sink for LineSink<W> {
    fn begin(&mut self, _: &Recipe) -> Result<(), SinkError> {
        Ok(())
    }

    fn send(&mut self, record: &Record) -> Result<(), SinkError> {
        self.out
            .write_all(&record.value)
            .and_then(|()| self.out.write_all(b"\n"))
            .map_err(|error| self.wrong(error))?;
        self.counters.delivered_one();
        Ok(())
    }

    fn idle(&mut self, time: Duration) -> Result<(), SinkError> {
        // Who waits at the other end wants to see what there is.
        self.out.flush().map_err(|error| self.wrong(error))?;
        std::thread::sleep(time);
        Ok(())
    }

    fn finish(&mut self, manifest: WindowManifest) -> Result<WindowManifest, SinkError> {
        self.out.flush().map_err(|error| self.wrong(error))?;
        self.counters.committed_one();
        Ok(manifest)
    }

    fn abandon(&mut self) {
        // The run has failed already, and says why.
        let _ = self.out.flush();
    }
}

/// Writes a file, compressed if its name ends in `.gz`. It appears when its last line is on the disk.
pub struct FileSink {
    lines: Option<LineSink<Target>>,
    path: PathBuf,
    part: PathBuf,
    counters: Arc<Counters>,
}

enum Target {
    Plain(File),
    Gzip(Box<GzEncoder<File>>),
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(file) => file.write(bytes),
            Self::Gzip(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Plain(file) => file.flush(),
            // A flush would cost compression, and nobody reads the file before it is whole.
            Self::Gzip(_) => Ok(()),
        }
    }
}

impl Target {
    fn finish(self) -> std::io::Result<()> {
        match self {
            Self::Plain(file) => file.sync_all(),
            Self::Gzip(file) => file.finish()?.sync_all(),
        }
    }
}

impl FileSink {
    /// To the file of that name. One that is there already is replaced at the end.
    pub fn create(path: &Path, counters: Arc<Counters>) -> Result<Self, SinkError> {
        let mut part = path.as_os_str().to_owned();
        part.push(format!(".part-{}", std::process::id()));
        let part = PathBuf::from(part);
        let file = File::create(&part)
            .map_err(|reason| SinkError::Write { path: part.display().to_string(), reason })?;
        let target = if path.extension().is_some_and(|extension| extension == "gz") {
            Target::Gzip(Box::new(GzEncoder::new(file, Compression::fast())))
        } else {
            Target::Plain(file)
        };
        let lines = LineSink::new(target, path.display().to_string(), Arc::clone(&counters));
        Ok(Self { lines: Some(lines), path: path.to_owned(), part, counters })
    }

    fn lines(&mut self) -> Result<&mut LineSink<Target>, SinkError> {
        self.lines.as_mut().ok_or(SinkError::Stopped)
    }
}

impl Sink for FileSink {
    fn begin(&mut self, _: &Recipe) -> Result<(), SinkError> {
        Ok(())
    }

    fn send(&mut self, record: &Record) -> Result<(), SinkError> {
        self.lines()?.send(record)
    }

    fn idle(&mut self, time: Duration) -> Result<(), SinkError> {
        std::thread::sleep(time);
        Ok(())
    }

    fn finish(&mut self, manifest: WindowManifest) -> Result<WindowManifest, SinkError> {
        let Some(lines) = self.lines.take() else { return Err(SinkError::Stopped) };
        let wrong = |reason| SinkError::Write { path: self.path.display().to_string(), reason };
        let target = lines.out.into_inner().map_err(|error| wrong(error.into_error()))?;
        target.finish().map_err(wrong)?;
        std::fs::rename(&self.part, &self.path).map_err(wrong)?;
        self.counters.committed_one();
        Ok(manifest)
    }

    fn abandon(&mut self) {
        self.lines = None;
        // What is left over is named `.part-`, and harms nobody.
        let _ = std::fs::remove_file(&self.part);
    }
}
