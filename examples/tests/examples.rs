//! The Rust examples do what they say.

use std::process::{Command, Output};

fn example(name: &str, place: &std::path::Path, arguments: &[&str]) -> Output {
    // Cargo builds examples before the tests of their package, next to the tests' own folder.
    let program = std::env::current_exe().unwrap().parent().unwrap().with_file_name("examples").join(name);
    Command::new(program).args(arguments).env("TMPDIR", place).output().unwrap()
}

#[test]
fn the_quickstart_goes_on_where_it_died() {
    let place = tempfile::tempdir().unwrap();
    let died = example("quickstart", place.path(), &["crash"]);
    assert!(!died.status.success());
    assert!(String::from_utf8_lossy(&died.stdout).contains("searching for durable agents"));
    let resumed = example("quickstart", place.path(), &[]);
    let said = String::from_utf8_lossy(&resumed.stdout);
    assert!(resumed.status.success(), "{resumed:?}");
    assert!(said.starts_with("2 steps are on record") && !said.contains("searching"), "{said}");
    assert!(said.contains("A plain report on") && said.contains("A formal report on"), "{said}");
}

#[test]
fn a_report_that_fails_its_check_goes_back_to_its_plan() {
    let place = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let ran = example("repair", place.path(), &[]);
        let said = String::from_utf8_lossy(&ran.stdout);
        let told: Vec<_> = said.lines().map(|line| line.trim().split([' ', ':']).next().unwrap()).collect();
        assert_eq!(told, ["mailing", "taking", "planning", "mailing", "A", "on"], "{said}");
        assert!(said.contains("mailing: 0 sources") && said.contains("mailing: 2 sources"), "{said}");
        assert!(said.contains("A report on a survey and a handbook."), "{said}");
    }
}
