//! Helm's rendering, in process: charts, values, text/template and the functions that charts call.
//!
//! ```text
//! files ──▶ Chart ──┐                   ┌─▶ template, functions, yaml
//! values ─▶ layers ─┼─▶ render ─▶ ReleaseOutput ─▶ to_text: what `helm template` prints
//! release, cluster ─┘
//! ```

mod capabilities;
mod chart;
mod context;
mod decode;
mod dependencies;
mod files;
pub mod functions;
pub mod go;
pub mod items;
pub mod limits;
mod lookup;
pub mod origin;
mod print;
mod render;
mod schema;
pub mod signature;
mod sort;
mod structs;
pub mod template;
pub mod value;
mod values;
mod warnings;
pub mod yaml;

pub use capabilities::{
    Capabilities, DEFAULT_API_VERSIONS, DEFAULT_KUBE_VERSION, KubeVersion, KubeVersionError,
};
pub use chart::{Chart, ChartError, Dependency, ImportValue, Maintainer, Metadata, is_in_ignored_folder};
pub use lookup::{Lookup, LookupQuery};
pub use print::Shown;
pub use render::{
    HelmError, Release, ReleaseOutput, RenderRequest, RenderedFile, render, render_and_warn, settle,
};
pub use sort::{Hook, HookEvent};
pub use template::HelmVersion;
pub use values::{
    FileReader, LayerContent, SetError, SetFlag, SettledContent, SettledValue, ValuesDocument, ValuesError,
    ValuesLayer, check_layers,
};
pub use warnings::Warnings;

/// A table by texts of templates. The standard library's hashing is stronger than these short-lived tables need, and takes
/// a tenth of the time of parsing; this one is seeded at random, too.
pub(crate) type Table<K, V> = std::collections::HashMap<K, V, foldhash::fast::RandomState>;
