//! The cron dialect against what robfig/cron itself answered (`tests/golden/cron-oracle` says how that was recorded).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use jiff::Timestamp;
use mooring::schedule::{Schedule, zone};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    expression: String,
    error: Option<String>,
    zone: Option<String>,
    start: Option<Timestamp>,
    #[serde(default)]
    runs: Vec<Timestamp>,
}

fn cases() -> Vec<Case> {
    include_str!("golden/cron/cases.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn an_expression_is_refused_in_the_words_of_robfig_cron() {
    let refused: Vec<Case> = cases().into_iter().filter(|case| case.error.is_some()).collect();
    assert!(refused.len() > 60, "only {} refused expressions are recorded", refused.len());
    for case in refused {
        let answer = Schedule::parse(&case.expression).map(|schedule| schedule.in_words());
        assert_eq!(
            answer.map_err(|error| error.to_string()),
            Err(case.error.unwrap()),
            "{:?}",
            case.expression
        );
    }
}

#[test]
fn runs_come_when_robfig_cron_has_them_come() {
    let mut wrong = Vec::new();
    let accepted: Vec<Case> = cases().into_iter().filter(|case| case.error.is_none()).collect();
    assert!(accepted.len() > 700, "only {} accepted expressions are recorded", accepted.len());
    for case in &accepted {
        let (name, start) = (case.zone.as_deref().unwrap(), case.start.unwrap());
        let zone = zone(name).unwrap();
        let runs: Vec<Timestamp> = match Schedule::parse(&case.expression) {
            Ok(schedule) => schedule.runs_after(start, &zone).take(5).collect(),
            Err(error) => {
                wrong.push(format!("{:?} is refused: {error}", case.expression));
                continue;
            }
        };
        if runs != case.runs {
            wrong.push(format!(
                "{:?} in {name} after {start}\n  is     {runs:?}\n  wanted {:?}",
                case.expression, case.runs
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), accepted.len(), wrong.join("\n"));
}
