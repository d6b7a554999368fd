//! JUnit's XML, as continuous integration reads it: one suite, a case a file.

use quick_junit::{NonSuccessKind, Report as Xml, TestCase, TestCaseStatus, TestSuite};
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
            status.set_type("bad-file");
            status
        }
        Verdict::Skipped => TestCaseStatus::skipped(),
    };
    let body = told.body(report);
    if !body.is_empty() {
        status.set_description(format!("{}\n{}", text::headline(told.words, report), body.join("\n")));
    }
    let mut case = TestCase::new(report.file.as_str(), status);
    case.set_classname("skt").set_time(report.elapsed);
    case.set_assertions(usize::try_from(report.steps).unwrap_or(usize::MAX));
    case
}
