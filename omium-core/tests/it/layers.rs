//! Who may use whom: the arrows of ARCHITECTURE.md, section "Layers", read from the sources. And how long a file may be.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A module, and the modules it may use: ground first, top floor last. What stands in no row is forbidden.
const LAYERS: [(&str, &[&str]); 18] = [
    ("id", &[]),
    ("clock", &[]),
    // Divergence is a passive record that an error carries whole.
    ("error", &["id", "clock", "machine"]),
    ("model", &["id"]),
    ("protocol", &["id", "error", "model"]),
    ("chunk", &["id", "error"]),
    // Pure: no error of the disk, no clock, no SQL.
    ("machine", &["id", "model"]),
    ("pack", &["id", "error", "model", "chunk"]),
    // The machine's state of an execution is a row of the index.
    ("index", &["id", "error", "model", "chunk", "machine"]),
    ("remote", &["id", "error", "pack"]),
    ("store", &["id", "clock", "error", "model", "chunk", "machine", "pack", "index"]),
    ("sync", &["id", "clock", "error", "model", "protocol", "store", "remote"]),
    // The two handles of the top floor lead to each other: a finished run to its execution, and back by a resume.
    ("run", &["id", "clock", "error", "model", "machine", "store", "execution"]),
    ("execution", &["id", "clock", "error", "model", "machine", "store", "run"]),
    ("effect", &["id", "error", "model", "machine", "store", "run", "execution"]),
    ("wait", &["id", "error", "model", "run", "execution", "effect"]),
    ("recovery", &["id", "error", "model", "store", "run", "execution", "effect"]),
    // The front door: re-exports and nothing else.
    (
        "lib",
        &[
            "id",
            "clock",
            "error",
            "model",
            "machine",
            "store",
            "run",
            "execution",
            "effect",
            "recovery",
            "wait",
            "protocol",
            "sync",
            "remote",
        ],
    ),
];

/// What a pure module must not mention: it neither waits, nor reads, nor asks for the time.
const IMPURE: [&str; 10] = [
    "std::fs",
    "std::io",
    "std::net",
    "std::process",
    "std::thread",
    "SystemTime",
    "Instant",
    "rusqlite",
    "rustix",
    "getrandom",
];

const LINES_MAX: usize = 600;

#[test]
fn every_arrow_between_modules_is_allowed() {
    let mut forbidden = Vec::new();
    for file in sources("src") {
        let path = module_path(&file);
        let own = path.first().map_or("lib", String::as_str);
        let Some((_, allowed)) = LAYERS.iter().find(|(module, _)| *module == own) else {
            forbidden.push(format!(
                "{}: module {own} has no layer: give it one in ARCHITECTURE.md and here",
                file.display()
            ));
            continue;
        };
        for used in used_modules(&code(&file), &path) {
            if used != own && !allowed.contains(&used.as_str()) {
                forbidden.push(format!("{}: {own} must not use {used}", file.display()));
            }
        }
    }
    assert!(forbidden.is_empty(), "\n{}", forbidden.join("\n"));
}

#[test]
fn the_machine_and_the_model_are_pure() {
    for file in sources("src/machine").into_iter().chain(sources("src/model")) {
        let code = code(&file);
        let found: Vec<_> = IMPURE.iter().filter(|word| code.contains(**word)).collect();
        assert!(found.is_empty(), "{} mentions {found:?}", file.display());
    }
}

#[test]
fn no_file_is_too_long() {
    for folder in ["src", "../omium-py/src", "../omium-cloud/src", "../examples", "../benches"] {
        for file in sources(folder) {
            let lines = fs::read_to_string(&file).unwrap().lines().count();
            assert!(lines <= LINES_MAX, "{} has {lines} lines: split it before {LINES_MAX}", file.display());
        }
    }
}

#[test]
fn the_reader_of_paths_sees_every_form() {
    let code = "use crate::error::{Error, Result};\n use crate::{id::Seq, model::{Entry, Kind},\n  chunk};\n\
                fn f(x: &crate::machine::Lineage) {} use super::super::pack::Segment; use super::local;";
    let path = ["store".to_owned(), "read".to_owned()];
    let expected = ["chunk", "error", "id", "machine", "model", "pack"];
    assert_eq!(used_modules(code, &path).into_iter().collect::<Vec<_>>(), expected);
}

/// The top-level modules that code in the module at `path` names through `crate::` or `super::`.
fn used_modules(code: &str, path: &[String]) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        used.extend(first_names(&code[at + "crate::".len()..]));
    }
    // `super` leaves the crate's top-level module only when the chain is as long as the path.
    let chain = "super::".repeat(path.len());
    if !path.is_empty() {
        for (at, _) in code.match_indices(&chain) {
            used.extend(first_names(&code[at + chain.len()..]));
        }
    }
    used.retain(|name| LAYERS.iter().any(|(module, _)| module == name));
    used
}

/// The first name of a path, or of each path in a group in braces.
fn first_names(path: &str) -> Vec<String> {
    let name =
        |text: &str| -> String { text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect() };
    let Some(group) = path.strip_prefix('{') else { return vec![name(path)] };
    let mut names = Vec::new();
    let (mut depth, mut start) = (1, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && c == ',') {
            names.push(name(&group[start..at]));
            start = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    names
}

/// `src/store/read.rs` is ["store", "read"], `src/lib.rs` is [].
fn module_path(file: &Path) -> Vec<String> {
    let relative = file.strip_prefix(root().join("src")).unwrap().with_extension("");
    let mut path: Vec<String> = relative.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if path.last().is_some_and(|last| last == "mod" || last == "lib") {
        path.pop();
    }
    path
}

/// The text of a file without its comments, which may name anything.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

fn sources(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty(), "no sources in {folder}");
    found
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
