//! Helm's rendering, in process: charts, values, text/template and the functions that charts call.

pub mod origin;
pub mod signature;
pub mod value;
pub mod yaml;
