//! What a component asked the cluster for, and what it was told: both belong to its rendering.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::helm::{Lookup, LookupQuery};
use crate::manifest::Digest;

/// A component may ask so many questions.
const QUERIES: usize = 200;

/// What was asked, with the digest of the answer.
pub type LookedUp = Vec<(LookupQuery, Digest)>;

/// Asks each question once, so that all renderings of a component see the same, and remembers it.
#[derive(Debug)]
pub(super) struct Recorder {
    cluster: Arc<dyn Lookup>,
    answers: Mutex<BTreeMap<LookupQuery, Result<Value, String>>>,
}

impl Recorder {
    pub fn new(cluster: Arc<dyn Lookup>) -> Self {
        Self { cluster, answers: Mutex::default() }
    }

    /// What was asked so far.
    pub fn looked_up(&self) -> LookedUp {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.iter().map(|(query, answer)| (query.clone(), digest(answer))).collect()
    }

    /// Whether a question could not be answered.
    pub fn has_failed(&self) -> bool {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).values().any(Result::is_err)
    }
}

impl Lookup for Recorder {
    fn look(&self, query: &LookupQuery) -> Result<Value, String> {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = answers.get(query) {
            return known.clone();
        }
        if answers.len() >= QUERIES {
            return Err(format!("the chart looks up more than {QUERIES} things"));
        }
        let answer = self.cluster.look(query);
        answers.insert(query.clone(), answer.clone());
        answer
    }
}

/// Whether the cluster answers as it did.
pub fn still_holds(cluster: &dyn Lookup, looked_up: &[(LookupQuery, Digest)]) -> bool {
    looked_up.iter().all(|(query, known)| digest(&cluster.look(query)) == *known)
}

/// The digest of an answer, without what each write changes and no chart is about.
fn digest(answer: &Result<Value, String>) -> Digest {
    match answer {
        Ok(found) => {
            let mut found = found.clone();
            settle(&mut found);
            if let Some(items) = found.get_mut("items").and_then(Value::as_array_mut) {
                items.iter_mut().for_each(settle);
            }
            Digest::of_json(&found)
        }
        Err(why) => Digest::of(why.as_bytes()),
    }
}

fn settle(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for field in ["managedFields", "resourceVersion", "generation"] {
            metadata.remove(field);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Debug)]
    struct Counting(Mutex<i64>);

    impl Lookup for Counting {
        fn look(&self, query: &LookupQuery) -> Result<Value, String> {
            if query.kind == "Secret" {
                return Err("secrets is forbidden".to_owned());
            }
            let mut count = self.0.lock().unwrap();
            *count += 1;
            Ok(json!({"metadata": {"resourceVersion": count.to_string()}, "data": {"a": "1"}}))
        }
    }

    fn query(kind: &str, name: &str) -> LookupQuery {
        LookupQuery { api_version: "v1".into(), kind: kind.into(), namespace: "n".into(), name: name.into() }
    }

    #[test]
    fn each_question_is_asked_once_and_its_answer_known_again() {
        let cluster: Arc<dyn Lookup> = Arc::new(Counting(Mutex::new(0)));
        let recorder = Recorder::new(cluster.clone());
        let first = recorder.look(&query("ConfigMap", "one")).unwrap();
        assert_eq!(recorder.look(&query("ConfigMap", "one")).unwrap(), first);
        assert!(!recorder.has_failed());
        let asked = recorder.looked_up();
        assert_eq!(asked.len(), 1);
        assert!(still_holds(&*cluster, &asked), "another resourceVersion is no other answer");
        assert!(!still_holds(&*cluster, &[(query("ConfigMap", "one"), Digest::of(b"other"))]));
        assert!(recorder.look(&query("Secret", "one")).is_err() && recorder.has_failed());
    }

    #[test]
    fn a_component_asks_so_much_and_no_more() {
        let recorder = Recorder::new(Arc::new(Counting(Mutex::new(0))));
        for number in 0..QUERIES {
            assert!(recorder.look(&query("ConfigMap", &number.to_string())).is_ok());
        }
        assert!(recorder.look(&query("ConfigMap", "one more")).is_err());
    }
}
