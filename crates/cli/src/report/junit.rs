//! JUnit's XML, as continuous integration reads it: one suite, a case a file.

use quick_junit::{NonSuccessKind, Report as Xml, TestCase, TestCaseStatus, TestRerun, TestSuite};
use sockeye::core::{Code, Fault};
use sockeye::test::{Report, Summary, Verdict};

use super::{Told, failure, text};

/// The whole document.
pub(super) fn text(told: &Told<'_>, summary: &Summary) -> Result<String, Fault> {
    let mut suite = TestSuite::new("sockeye");
    suite.set_time(summary.elapsed).add_property(("seed", summary.seed.to_string().as_str()));
    suite.add_test_cases(summary.reports.iter().map(|report| case(told, report)));
    let mut xml = Xml::new("sockeye test");
    xml.set_time(summary.elapsed).add_test_suite(suite);
    xml.to_string().map_err(|error| Fault::new(Code::Internal, "--report junit").detail(error))
}

fn case(told: &Told<'_>, report: &Report) -> TestCase {
    let mut status = match &report.verdict {
        Verdict::Passed => TestCaseStatus::success(),
        Verdict::Failed(failure) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_type(failure.kind.word()).set_message(failure::sentence(told.words, failure));
            status
        }
        Verdict::Bad(_) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_type("bad-file").set_message(told.words.plain("test-bad-file"));
            status
        }
        Verdict::Skipped => TestCaseStatus::skipped(),
    };
    // After a pass these are `flakyFailure`, after a failure `rerunFailure`.
    for failure in &report.earlier {
        let mut rerun = TestRerun::new(NonSuccessKind::Failure);
        rerun.set_type(failure.kind.word()).set_message(failure::sentence(told.words, failure));
        let lines = failure::lines(told.words, failure, Some(report)).join("\n");
        rerun.set_description(format!("{}\n{lines}", failure::head(told.words, failure)));
        status.add_rerun(rerun);
    }
    let body = told.body(report);
    if !body.is_empty() && !matches!(report.verdict, Verdict::Passed) {
        status.set_description(format!("{}\n{}", text::headline(told.words, report), body.join("\n")));
    }
    let mut case = TestCase::new(report.file.as_str(), status);
    case.set_classname("skt").set_time(report.elapsed);
    case.set_assertions(usize::try_from(report.steps).unwrap_or(usize::MAX));
    case
}
