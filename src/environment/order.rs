//! The order in which components are applied.

use std::collections::HashMap;

use super::{DependencyCycle, EnvironmentSpec};

/// The indices of the components, each after those that it depends on, else in the file's order. What a component
/// depends on and is not there is left aside.
pub fn order(spec: &EnvironmentSpec) -> Result<Vec<usize>, DependencyCycle> {
    let names: Vec<&str> = spec.components.iter().map(|component| component.name.as_str()).collect();
    let dependencies: Vec<Vec<&str>> = spec
        .components
        .iter()
        .map(|component| component.depends_on.iter().map(String::as_str).collect())
        .collect();
    sort(&names, &dependencies)
        .map_err(|ring| DependencyCycle(ring.into_iter().map(|index| names[index].to_owned()).collect()))
}

/// The order of the named nodes; or a ring of them, the first again at its end.
pub(super) fn sort(names: &[&str], dependencies: &[Vec<&str>]) -> Result<Vec<usize>, Vec<usize>> {
    let mut index_of = HashMap::new();
    for (index, name) in names.iter().enumerate() {
        index_of.entry(*name).or_insert(index);
    }
    let edges: Vec<Vec<usize>> = dependencies
        .iter()
        .map(|wanted| wanted.iter().filter_map(|name| index_of.get(name).copied()).collect())
        .collect();

    let mut sorted = Vec::with_capacity(names.len());
    let mut state = vec![State::New; names.len()];
    for start in 0..names.len() {
        // A walk in depth with a stack of its own: a file may have a thousand components in one line.
        let mut path: Vec<(usize, usize)> = Vec::new();
        if state[start] == State::New {
            state[start] = State::OnPath;
            path.push((start, 0));
        }
        while let Some((node, edge)) = path.last_mut() {
            let node = *node;
            let Some(next) = edges[node].get(*edge).copied() else {
                state[node] = State::Done;
                sorted.push(node);
                path.pop();
                continue;
            };
            *edge += 1;
            match state[next] {
                State::Done => {}
                State::New => {
                    state[next] = State::OnPath;
                    path.push((next, 0));
                }
                State::OnPath => {
                    let ring = path.iter().map(|(node, _)| *node).skip_while(|node| *node != next);
                    return Err(ring.chain([next]).collect());
                }
            }
        }
    }
    Ok(sorted)
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    New,
    OnPath,
    Done,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_follow_those_that_they_depend_on_and_keep_the_files_order() {
        let names = ["trino", "dashboards", "catalog", "minio"];
        let dependencies = [vec!["catalog"], vec![], vec!["minio", "nowhere"], vec![]];
        assert_eq!(sort(&names, &dependencies), Ok(vec![3, 2, 0, 1]));
    }

    #[test]
    fn a_ring_is_named_without_what_leads_to_it() {
        let names = ["a", "b", "c"];
        let dependencies = [vec!["b"], vec!["c"], vec!["b"]];
        assert_eq!(sort(&names, &dependencies), Err(vec![1, 2, 1]));
        assert_eq!(sort(&["a"], &[vec!["a"]]), Err(vec![0, 0]));
    }

    #[test]
    fn a_line_of_many_thousands_is_no_problem() {
        let names: Vec<String> = (0..50_000).map(|index| index.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let dependencies: Vec<Vec<&str>> =
            (0..names.len()).map(|index| names.get(index + 1).copied().into_iter().collect()).collect();
        assert_eq!(sort(&names, &dependencies).unwrap()[0], names.len() - 1);
    }
}
