//! Helm's rendering, in process: charts, values, text/template and the functions that charts call.

pub(crate) mod functions;
pub(crate) mod go;
pub mod limits;
pub mod origin;
pub mod signature;
pub mod template;
pub mod value;
pub mod yaml;
