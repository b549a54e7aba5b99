//! Places in Helm's words: paths from the root of the repository, and the lines that set the values a schema refuses.

use crate::helm::ValuesLayer;

/// Helm's error `text` on the chart `name` in `folder`, with places that a person can open. Helm begins the paths of
/// templates with the chart's name, wherever the chart lies, and does not say where a value comes from.
pub(super) fn in_words(text: &str, name: &str, folder: &str, layers: &[ValuesLayer]) -> String {
    let mut heading = "";
    let mut told = String::with_capacity(text.len());
    for (number, line) in text.lines().enumerate() {
        if number > 0 {
            told.push('\n');
        }
        if let Some(chart) = line.strip_suffix(':').filter(|chart| !chart.contains(char::is_whitespace)) {
            heading = chart;
        }
        told.push_str(&with_folder(line, name, folder));
        if let Some(place) = pointer_in(line).and_then(|pointer| {
            // A subchart's values lie under its name.
            let below = Some(heading).filter(|chart| *chart != name);
            let pointer: Vec<&str> = below.into_iter().chain(pointer).collect();
            layers.iter().rev().find_map(|layer| Some((&layer.name, layer.line_of(&pointer)?)))
        }) {
            told.push_str(&format!(" ({}:{})", place.0, place.1));
        }
    }
    told
}

/// Puts the chart's folder in the place of its name where a path of it begins.
fn with_folder(line: &str, name: &str, folder: &str) -> String {
    let mut told = line.to_owned();
    for below in ["templates", "charts"] {
        let path = format!("{name}/{below}/");
        let mut at = 0;
        while let Some(found) = told[at..].find(&path).map(|found| found + at) {
            let begins = !told[..found]
                .ends_with(|before: char| before == '/' || before.is_alphanumeric() || before == '-');
            if begins {
                told.replace_range(found..found + name.len(), folder);
            }
            at = found + if begins { folder.len() } else { 1 };
        }
    }
    told
}

/// The pointer of a line like `- at '/a/b': got string, want integer`.
fn pointer_in(line: &str) -> Option<impl Iterator<Item = &str>> {
    let (pointer, _) = line.trim_start().strip_prefix("- at '/")?.split_once('\'')?;
    Some(pointer.split('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_begin_at_the_root_of_the_repository() {
        let text =
            "app/templates/a.yaml:2:16\n  executing \"app/charts/sub/templates/b.yaml\" at <.Values.app/x>";
        assert_eq!(
            in_words(text, "app", "components/web", &[]),
            "components/web/templates/a.yaml:2:16\n  executing \"components/web/charts/sub/templates/b.yaml\" at <.Values.app/x>"
        );
        let already = "components/app/templates/a.yaml: my-app/templates/";
        assert_eq!(in_words(already, "app", "components/app", &[]), already);
    }

    #[test]
    fn a_value_that_a_schema_refuses_has_the_place_that_set_it_last() {
        let layer = |name: &str, text: &str| ValuesLayer::from_yaml(name, text).unwrap();
        let layers = [
            layer("one.yaml", "replicas: 1\nsub: {port: x}\n"),
            layer("two.yaml", "# of these\nreplicas: none\n"),
        ];
        let text = "in the following chart(s):\napp:\n- at '/replicas': got string\n- at '/else': missing\nsub:\n- at '/port': got string";
        assert_eq!(
            in_words(text, "app", "app", &layers),
            "in the following chart(s):\napp:\n- at '/replicas': got string (two.yaml:2)\n- at '/else': missing\nsub:\n\
             - at '/port': got string (one.yaml:2)"
        );
    }
}
