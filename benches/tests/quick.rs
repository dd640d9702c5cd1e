//! The quick run: every family in every mode runs and answers like its loop.

use retrograph_bench::family::Family;
use retrograph_bench::{Settings, run};

#[test]
fn a_quick_run_answers_every_question_right() {
    let settings = Settings::quick();
    let report = run(&settings, &mut std::io::sink()).expect("a run without an error");
    assert!(report.differences.is_empty(), "{report}");
    for family in Family::ALL {
        let rows = report.rows.iter().filter(|row| row.family == family.name());
        assert_eq!(
            rows.filter(|row| row.checked > 0).count(),
            5,
            "{}",
            family.name()
        );
    }
    let writes = report.rows.iter().filter(|row| row.mode == "write");
    assert_eq!(writes.count(), 4);
    assert_eq!(
        report.json()["families"].as_array().map(Vec::len),
        Some(report.rows.len())
    );
}
