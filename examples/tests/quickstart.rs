//! The Rust example survives its own crash and does not search again.

use std::process::{Command, Output};

fn quickstart(place: &std::path::Path, arguments: &[&str]) -> Output {
    // Cargo builds examples before the tests of their package, next to the tests' own folder.
    let program = std::env::current_exe().unwrap().parent().unwrap().with_file_name("examples").join("quickstart");
    Command::new(program).args(arguments).env("TMPDIR", place).output().unwrap()
}

#[test]
fn the_quickstart_goes_on_where_it_died() {
    let place = tempfile::tempdir().unwrap();
    let died = quickstart(place.path(), &["crash"]);
    assert!(!died.status.success());
    assert!(String::from_utf8_lossy(&died.stdout).contains("searching for durable agents"));
    let resumed = quickstart(place.path(), &[]);
    let said = String::from_utf8_lossy(&resumed.stdout);
    assert!(resumed.status.success(), "{resumed:?}");
    assert!(said.starts_with("1 steps are on record") && !said.contains("searching"), "{said}");
    assert!(said.contains("A plain report on") && said.contains("A formal report on"), "{said}");
}
