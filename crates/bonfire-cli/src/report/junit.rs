//! The report in JUnit's XML, as continuous integration reads it.
//!
//! JUnit knows passed, failed, in error and skipped. What does not conform
//! failed; what cannot be told is in error, since it did not pass; what is not
//! observable here is skipped.

use std::time::Duration;

use anyhow::Result;
use bonfire_conformance::{Case, Group, Outcome, Verdict};
use quick_junit::{NonSuccessKind, Property, TestCase, TestCaseStatus, TestSuite};

use super::Report;

/// The report as one XML document: a suite for each group.
pub(crate) fn report(report: &Report) -> Result<String> {
    let mut document = quick_junit::Report::new("bonfire check");
    document.set_time(report.duration);
    let suites = Group::ALL.into_iter().map(|group| suite(report, group));
    document.add_test_suites(suites.filter(|suite| !suite.test_cases.is_empty()));
    Ok(document.to_string()?)
}

fn suite(report: &Report, group: Group) -> TestSuite {
    let mut suite = TestSuite::new(group.name());
    suite.add_property(Property::new("subject", report.subject.as_str()));
    suite.add_property(Property::new("kernel", report.environment.kernel.as_str()));
    suite.add_property(Property::new("seed", format!("{:#x}", report.seed)));
    let members = report.outcomes.iter().filter(|(case, _)| case.group() == group);
    suite.add_test_cases(members.map(|(case, outcome)| test_case(case, outcome)));
    suite
}

fn test_case(case: &Case, outcome: &Outcome) -> TestCase {
    let mut status = match outcome.verdict {
        Verdict::Conforms => TestCaseStatus::success(),
        Verdict::DoesNotConform => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Verdict::CannotTell => TestCaseStatus::non_success(NonSuccessKind::Error),
        Verdict::NotObservable => TestCaseStatus::skipped(),
    };
    if let Some(reason) = outcome.reason {
        status.set_message(reason.to_string());
        status.set_type(outcome.verdict.name());
    }
    let mut test_case = TestCase::new(case.to_string(), status);
    test_case.set_classname(case.group().name());
    test_case.set_time(Duration::from_nanos(outcome.duration_ns));
    test_case
}
