//! From a text to what it says: the same for every file of the repository whose form a type describes.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::names::excerpt;
use super::problems::Problems;
use super::{EnvironmentError, shape};
use crate::helm::yaml::{self, Content, Mark, Node, YamlLimits};

/// Reads a file's one document, compares it with the schema of its type, then with rules that a schema cannot say. All
/// that is wrong is said at once, in the order of the file.
pub(crate) fn read<T: DeserializeOwned>(
    file: &Arc<str>,
    text: &str,
    limits: &YamlLimits,
    schema: &Value,
    rules: impl FnOnce(&Node, &mut Problems),
) -> Result<(T, Node), Vec<EnvironmentError>> {
    let mut problems = Problems::new(file);
    let Some(document) = parse(text, limits, &mut problems) else {
        return Err(problems.into_errors());
    };
    shape::check(&document, schema, &mut problems);
    rules(&document, &mut problems);
    let errors = problems.into_errors();
    if !errors.is_empty() {
        return Err(errors);
    }
    match serde_json::from_value(document.to_json()) {
        Ok(read) => Ok((read, document)),
        Err(error) => {
            let mut problems = Problems::new(file);
            problems.add(document.mark, error.to_string(), "compare the file with its schema".to_owned());
            Err(problems.into_errors())
        }
    }
}

/// The one document of the file.
fn parse(text: &str, limits: &YamlLimits, problems: &mut Problems) -> Option<Node> {
    let (documents, doubles) = match yaml::parse_strictly(text, limits) {
        Ok(read) => read,
        Err(error) => {
            problems.add(error.mark, error.message, "correct the YAML there or just above".to_owned());
            return None;
        }
    };
    for double in doubles {
        let what = format!(
            "the key `{}` stands here a second time, first on line {}",
            excerpt(&double.key.text),
            double.first.line
        );
        problems.add(double.key.mark, what, "keep one of them".to_owned());
    }
    // An empty document after a `---` at the end is no second one.
    let mut documents = documents.into_iter().filter(|document| document.content != Content::Null);
    let Some(document) = documents.next() else {
        let mark = Mark { line: 1, column: 1, offset: 0 };
        problems.add(
            mark,
            "the file is empty".to_owned(),
            "begin with `apiVersion: mooring.dev/v1alpha1`".to_owned(),
        );
        return None;
    };
    if let Some(second) = documents.next() {
        problems.add(
            second.mark,
            "a second document begins here".to_owned(),
            "give it a file of its own".to_owned(),
        );
    }
    Some(document)
}
