//! `mooring template`: what `helm template` prints, without the helm binary.

mod flags;
mod local;
mod remote;

use std::cell::LazyCell;
use std::ffi::OsString;
use std::fs;
use std::io::{BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, Command};

use super::limits::LimitArgs;
use crate::helm::go::quote::quote;
use crate::helm::template::{ExecEnv, TemplateSet};
use crate::helm::value::Value;
use crate::helm::{
    Capabilities, Chart, FileReader, HelmError, HelmVersion, KubeVersion, LayerContent, Release,
    ReleaseOutput, RenderRequest, RenderedFile, SetFlag, Shown, ValuesLayer, Warnings, check_layers,
    is_in_ignored_folder, render_and_warn,
};
use flags::{Accepted, without_booleans};
pub use flags::{has_ignored, with_ignored};
pub use local::LocalFiles;

/// The bytes that are written to standard output at once.
const OUTPUT_BUFFER: usize = 64 << 10;

const EXAMPLES: &str = "\
Examples:
  mooring template trino components/trino
  mooring template trino components/trino -f environments/local/values/trino.yaml --set workers=3
  mooring template web nginx --repo https://charts.example.org --version ^1.2
  mooring template web oci://registry.example.org/charts/nginx --version 1.2.3
  mooring template trino trino-1.2.0.tgz --include-crds --kube-version 1.36 -a monitoring.coreos.com/v1
  mooring template trino components/trino --show-only templates/coordinator.yaml";

/// Arguments of `mooring template`.
#[derive(Clone, Debug, Default, Args)]
#[command(after_help = EXAMPLES, disable_version_flag = true, args_override_self = true)]
#[expect(clippy::struct_excessive_bools, reason = "they are helm template's flags")]
pub struct TemplateArgs {
    /// The release's name (default: release-name), and the chart: a folder or a packed chart
    #[arg(value_name = "NAME] [CHART", num_args = 0..)]
    names: Vec<String>,
    /// Values from a YAML file, `-` for standard input; later ones override earlier ones
    #[arg(short = 'f', long = "values", value_name = "FILE", value_delimiter = ',')]
    values: Vec<String>,
    /// Set values: `a.b=1,list[0]=x,list2={y,z}`
    #[arg(long, value_name = "TEXT")]
    set: Vec<String>,
    /// Set values as text: a=1 gives "1"
    #[arg(long, value_name = "TEXT")]
    set_string: Vec<String>,
    /// Set values from JSON: `a=[1,2]`, or a whole object
    #[arg(long, value_name = "TEXT")]
    set_json: Vec<String>,
    /// Set values from files' content: a=FILE
    #[arg(long, value_name = "TEXT")]
    set_file: Vec<String>,
    /// Set a value in which no character has a meaning
    #[arg(long, value_name = "TEXT")]
    set_literal: Vec<String>,
    #[command(flatten)]
    limits: LimitArgs,
    /// The namespace of the release
    #[arg(short, long, value_name = "NAMESPACE", env = "HELM_NAMESPACE", default_value = "default")]
    namespace: String,
    /// The Kubernetes version that templates see
    #[arg(long, value_name = "VERSION")]
    kube_version: Option<String>,
    /// Kubernetes API versions that templates see, besides those of Kubernetes itself
    #[arg(short, long, value_name = "VERSION", value_delimiter = ',')]
    api_versions: Vec<String>,
    /// Print the files of `crds/` too
    #[arg(long)]
    include_crds: bool,
    /// Leave tests out
    #[arg(long)]
    skip_tests: bool,
    /// Leave hooks out
    #[arg(long)]
    no_hooks: bool,
    /// Print only what these templates wrote: templates/NAME.yaml
    #[arg(short, long, value_name = "TEMPLATE")]
    show_only: Vec<String>,
    /// A template for the release's name, instead of a name
    #[arg(long, value_name = "TEMPLATE")]
    name_template: Option<String>,
    /// Templates see an upgrade instead of an installation
    #[arg(long)]
    is_upgrade: bool,
    /// Write files into this folder instead of printing
    #[arg(long, value_name = "FOLDER")]
    output_dir: Option<PathBuf>,
    /// Put the release's name into the path below the folder of --output-dir
    #[arg(long)]
    release_name: bool,
    /// Do not ask values.schema.json
    #[arg(long)]
    skip_schema_validation: bool,
    /// Whose bytes to print: those of Helm 4 or of Helm 3
    #[arg(long, value_name = "VERSION", default_value = "4", value_parser = ["3", "4"])]
    helm: String,
    /// Accepted for helm's sake: a name is always there
    #[arg(short, long, hide = true)]
    generate_name: bool,
    #[command(flatten)]
    accepted: Accepted,
}

impl TemplateArgs {
    fn helm_version(&self) -> HelmVersion {
        if self.helm == "3" { HelmVersion::Helm3 } else { HelmVersion::Helm4 }
    }

    /// Whether the chart is fetched from elsewhere.
    pub(super) fn is_fetched(&self) -> bool {
        self.names.last().is_some_and(|reference| remote::chart(&self.accepted, reference).is_some())
    }
}

/// The process's arguments as clap takes them: switches with Go's `=true` and `=false` put plainly.
pub fn arguments(words: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    // Hardly anybody writes them so: the list of all flags is made only where somebody does.
    let switches = LazyCell::new(|| {
        let command = TemplateArgs::augment_args(with_ignored(Command::new("template")));
        let switches = command.get_arguments().filter(|flag| !flag.get_action().takes_values());
        switches.filter_map(clap::Arg::get_long).map(str::to_owned).collect::<Vec<_>>()
    });
    without_booleans(words, |name| switches.iter().any(|switch| switch == name))
}

/// What helm says of arguments that cannot be understood.
pub fn flag_error(error: &clap::Error) -> String {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    };
    let flag = context(ContextKind::InvalidArg);
    match error.kind() {
        ErrorKind::UnknownArgument if flag.starts_with("--") => {
            format!("unknown flag: {}", flag.split('=').next().unwrap_or_default())
        }
        ErrorKind::UnknownArgument => {
            format!("unknown shorthand flag: '{}' in {flag}", flag.trim_start_matches('-'))
        }
        ErrorKind::InvalidValue if context(ContextKind::InvalidValue).is_empty() => {
            format!("flag needs an argument: {}", flag.split(' ').next().unwrap_or_default())
        }
        _ => error.to_string(),
    }
}

/// What a run gives: the text for standard output, which is there in part even where it failed, and why it failed.
#[derive(Debug, Default)]
pub struct Printed {
    /// The text for standard output.
    pub stdout: String,
    /// The lines of Helm's log, for standard error.
    pub warnings: Vec<String>,
    /// Helm's text of what went wrong, without `Error: `.
    pub error: Option<String>,
}

/// Prints the manifests; ends the process with exit code 1, and the reason on standard error, where that fails.
pub fn run(args: &TemplateArgs) -> ExitCode {
    let mut out = BufWriter::with_capacity(OUTPUT_BUFFER, std::io::stdout().lock());
    let mut warnings = Warnings::new(args.helm_version());
    // A reader that has seen enough is no failure.
    let mut print = |text: &str| drop(out.write_all(text.as_bytes()));
    let release = template(args, Path::new(""), &mut print, &mut warnings);
    let _ = out.flush();
    warnings.lines().iter().for_each(|line| eprintln!("{line}"));
    match &release {
        // To take a large chart apart again takes longer than to leave that to the end of the process.
        Ok(_) => std::process::exit(0),
        Err(error) => {
            eprintln!("Error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Does what `helm template` does, with paths counted from `folder`.
pub fn print(args: &TemplateArgs, folder: &Path) -> Printed {
    let (mut stdout, mut warnings) = (String::new(), Warnings::new(args.helm_version()));
    let error = template(args, folder, &mut |text| stdout.push_str(text), &mut warnings).err();
    Printed { stdout, warnings: warnings.lines().to_vec(), error }
}

/// Prints a release, and gives it with its chart.
fn template(
    args: &TemplateArgs,
    folder: &Path,
    stdout: &mut dyn FnMut(&str),
    warnings: &mut Warnings,
) -> Result<(Chart, ReleaseOutput), String> {
    let helm = warnings.helm();
    args.accepted.check()?;
    let mut capabilities = Capabilities::default().with_api_versions(&args.api_versions);
    if let Some(text) = &args.kube_version {
        capabilities.kube_version =
            KubeVersion::parse(text).map_err(|error| format!("invalid kube version '{text}': {error}"))?;
    }
    let (seed, now) = (seed()?, jiff::Timestamp::now());
    let (name, reference) = name_and_chart(args, seed, now)?;
    let elsewhere = remote::chart(&args.accepted, &reference);
    let path = if elsewhere.is_none() { locate(&reference, folder)? } else { PathBuf::new() };
    let layers = layers(args, folder, helm)?;
    check_layers(&layers, helm).map_err(|error| error.to_string())?;
    let (chart, files) = match &elsewhere {
        Some(elsewhere) => (remote::fetch(&args.accepted, elsewhere, helm)?, None),
        None => load(&path, warnings).map(|(chart, files)| (chart, Some(files)))?,
    };
    let release =
        Release { name, namespace: args.namespace.clone(), revision: 1, is_upgrade: args.is_upgrade };
    let request = RenderRequest {
        chart: &chart,
        layers: &layers,
        release: &release,
        capabilities: &capabilities,
        seed,
        now,
        lookup: None,
        limits: args.limits.limits(),
        origins: false,
        skip_schema: args.skip_schema_validation,
        nodes: false,
    };
    let output =
        render_and_warn(&request, warnings).map_err(|error| failed(&error, &args.accepted, stdout))?;
    let shown = Shown {
        crds: args.include_crds,
        no_hooks: args.no_hooks,
        no_tests: args.skip_tests,
        only: &args.show_only,
    };
    match &args.output_dir {
        None => output.print(&shown, stdout).map_err(|error| error.to_string())?,
        Some(target) => {
            write_files(&output, &shown, target, folder, args.release_name.then_some(&release.name), stdout)?;
            let nothing = ReleaseOutput { helm, ..ReleaseOutput::default() };
            nothing.print(&shown, stdout).map_err(|error| error.to_string())?;
        }
    }
    match files.and_then(|files| files.failed()) {
        Some(error) => Err(error.to_string()),
        None => Ok((chart, output)),
    }
}

/// The text of an error; with `--debug`, what templates wrote that is no YAML goes to standard output.
fn failed(error: &HelmError, accepted: &Accepted, stdout: &mut dyn FnMut(&str)) -> String {
    if accepted.dependency_update && matches!(error, HelmError::MissingDependencies { .. }) {
        return format!("--dependency-update is not done: run `helm dependency build` first: {error}");
    }
    if !error.is_from_rendering() {
        return error.to_string();
    }
    if !accepted.debug {
        return format!("{error}\n\nUse --debug flag to render out invalid YAML");
    }
    if let HelmError::Manifest { written, .. } = error {
        stdout(written.trim());
    }
    stdout("\n");
    error.to_string()
}

/// What random values and keys of templates begin with.
pub(super) fn seed() -> Result<[u8; 32], String> {
    let mut seed = [0; 32];
    fs::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut seed))
        .map_err(|error| format!("failed to read randomness from /dev/urandom: {error}"))?;
    Ok(seed)
}

fn name_and_chart(
    args: &TemplateArgs,
    seed: [u8; 32],
    now: jiff::Timestamp,
) -> Result<(String, String), String> {
    match args.names.as_slice() {
        [] => Err(
            "\"helm template\" requires at least 1 argument\n\nUsage:  helm template [NAME] [CHART] [flags]"
                .to_owned(),
        ),
        [chart] => {
            let name = match args.name_template.as_deref() {
                None | Some("") => "release-name".to_owned(),
                Some(text) => {
                    let mut set = TemplateSet::new();
                    set.add("name-template", text).map_err(|error| error.raw().to_owned())?;
                    let env = ExecEnv { seed, now, ..ExecEnv::default() };
                    set.execute("name-template", Value::Nil, &env)
                        .map_err(|error| error.raw().to_owned())?
                        .text
                        .to_string()
                }
            };
            Ok((name, chart.clone()))
        }
        [_, _] if args.generate_name => Err("cannot set --generate-name and also specify a name".to_owned()),
        [_, _] if args.name_template.as_deref().is_some_and(|text| !text.is_empty()) => {
            Err("cannot set --name-template and also specify a name".to_owned())
        }
        [name, chart] => Ok((name.clone(), chart.clone())),
        [_, _, more @ ..] => {
            Err(format!("expected at most two arguments, unexpected arguments: {}", more.join(", ")))
        }
    }
}

/// The chart's absolute path.
fn locate(reference: &str, folder: &Path) -> Result<PathBuf, String> {
    let reference = reference.trim();
    let path = folder.join(reference);
    if path.exists() {
        return std::path::absolute(&path).map_err(|error| format!("{reference}: {error}"));
    }
    if reference.contains("://") {
        return Err(format!(
            "{reference}: a chart is fetched by its name with --repo URL, or as oci://HOST/PATH/NAME; or download it first, \
             and name the .tgz file"
        ));
    }
    if Path::new(reference).is_absolute() || reference.starts_with('.') {
        return Err(format!("path {} not found", quote(reference)));
    }
    // Helm would look among its repositories now; this is what it says where there is none.
    Err(match reference.split_once('/') {
        Some((repository, _)) => format!("repo {repository} not found"),
        None => format!("non-absolute URLs should be in form of repo_name/path_to_chart, got: {reference}"),
    })
}

/// A chart of this machine, and the files that it may still read.
fn load(path: &Path, warnings: &mut Warnings) -> Result<(Chart, LocalFiles), String> {
    let helm = warnings.helm();
    if path.is_dir() {
        let file = path.join("Chart.yaml");
        if let (Err(error), HelmVersion::Helm4) = (fs::read(&file), helm) {
            return Err(format!(
                "unable to detect chart at {0}: open {0}: {1}",
                file.display(),
                words(&error)
            ));
        }
        let files = LocalFiles::new(path);
        let chart = Chart::load_as(&files, "", helm);
        let rules = fs::read(path.join(".helmignore")).unwrap_or_default();
        let rules = String::from_utf8_lossy(&rules);
        // Helm does not look into folders that are left out.
        for link in files.links().into_iter().filter(|link| !is_in_ignored_folder(&rules, &link.path)) {
            let place = path.join(&link.path).display().to_string();
            let (link, target) = match link.target {
                Ok(target) => (place, target),
                Err(missing) => {
                    return Err(format!(
                        "error evaluating symlink {place}: lstat {missing}: no such file or directory"
                    ));
                }
            };
            let text = "found symbolic link in path. Contents of linked file included and used";
            let text3 = format!(
                "found symbolic link in path: {link} resolves to {target}. Contents of linked file included and used"
            );
            let fields = [("path", link.as_str()), ("resolved", target.as_str())];
            warnings.note(text, &fields, "walk.go:75", &text3);
        }
        return chart.map(|chart| (chart, files)).map_err(|error| error.to_string());
    }
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let parent = path.parent().unwrap_or(Path::new("/"));
    let files = LocalFiles::new(parent);
    Chart::load_as(&files, name, helm).map(|chart| (chart, files)).map_err(|error| {
        let reason = error.to_string();
        if reason == "gzip: invalid header" {
            let kind = if name.ends_with(".yaml") || name.ends_with(".yml") {
                format!("file '{}' seems to be a YAML file, but expected a gzipped archive", path.display())
            } else {
                let found = match helm {
                    HelmVersion::Helm4 => "",
                    HelmVersion::Helm3 => "; got 'text/plain; charset=utf-8'",
                };
                format!("file '{}' does not appear to be a gzipped archive{found}", path.display())
            };
            return kind;
        }
        reason
    })
}

/// An I/O error as Go words it.
fn words(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::IsADirectory => "is a directory".to_owned(),
        std::io::ErrorKind::NotADirectory => "not a directory".to_owned(),
        _ => error.to_string(),
    }
}

fn read_text(path: &str, folder: &Path) -> Result<String, String> {
    let bytes = if path.trim() == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else if path.contains("://") {
        return Err(format!("{path}: values are not fetched from elsewhere: download the file first"));
    } else {
        fs::read(folder.join(path))
    };
    match bytes {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::IsADirectory => {
            Err(format!("read {path}: {}", words(&error)))
        }
        Err(error) => Err(format!("open {path}: {}", words(&error))),
    }
}

/// The values in Helm's order: files, then JSON, plain, text, files' content, literal.
fn layers(args: &TemplateArgs, folder: &Path, helm: HelmVersion) -> Result<Vec<ValuesLayer>, String> {
    let mut layers = Vec::new();
    for path in &args.values {
        let text = read_text(path, folder)?;
        let layer = ValuesLayer::from_yaml_as(path.as_str(), &text, helm);
        layers.push(layer.map_err(|error| error.to_string())?);
    }
    let base = folder.to_path_buf();
    let reader: FileReader = Arc::new(move |path| read_text(path, &base));
    let file = |text: String| SetFlag::File(text, Arc::clone(&reader));
    #[expect(clippy::type_complexity, reason = "a table that is used in the next line")]
    let flags: [(&str, &[String], &dyn Fn(String) -> SetFlag); 5] = [
        ("--set-json", &args.set_json, &SetFlag::Json),
        ("--set", &args.set, &SetFlag::Typed),
        ("--set-string", &args.set_string, &SetFlag::Text),
        ("--set-file", &args.set_file, &file),
        ("--set-literal", &args.set_literal, &SetFlag::Literal),
    ];
    for (name, texts, flag) in flags {
        if !texts.is_empty() {
            let flags = texts.iter().cloned().map(flag).collect();
            layers.push(ValuesLayer { name: name.into(), content: LayerContent::Set(flags) });
        }
    }
    Ok(layers)
}

/// Writes each template's documents into a file of its name. CRDs do not go below the release's name, in Helm too.
fn write_files(
    output: &ReleaseOutput,
    shown: &Shown<'_>,
    target: &Path,
    folder: &Path,
    release: Option<&String>,
    stdout: &mut dyn FnMut(&str),
) -> Result<(), String> {
    let below = release.map_or_else(|| target.to_path_buf(), |name| target.join(name));
    let mut written = std::collections::BTreeSet::new();
    let crds = if shown.crds { output.crds.as_slice() } else { &[] };
    let crds = crds.iter().map(|file| (target, file));
    let others = output.manifests.iter().chain(output.shown_hooks(shown)).map(|file| (below.as_path(), file));
    for (place, file) in crds.chain(others) {
        let path = place.join(&*file.source);
        let again = !written.insert(path.clone());
        write_file(&folder.join(&path), file, again)
            .map_err(|error| format!("failed to write {}: {error}", path.display()))?;
        stdout(&format!("wrote {}\n", path.display()));
    }
    Ok(())
}

fn write_file(path: &Path, file: &RenderedFile, append: bool) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut target =
        fs::OpenOptions::new().create(true).write(true).append(append).truncate(!append).open(path)?;
    write!(target, "---\n# Source: {}\n{}\n", file.source, file.text())
}
