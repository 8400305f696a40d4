//! What the tests share: stores of every kind, and time that stands still until it is told to move.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use omium_core::{Clock, Durability, Journal, Options, Store};

pub struct ManualClock(pub AtomicU64, AtomicBool);

impl Clock for ManualClock {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    fn wait_ms(&self, ms: u64) {
        assert!(!self.1.swap(false, Ordering::SeqCst), "killed while waiting");
        self.advance(ms);
    }
}

impl ManualClock {
    pub fn at(ms: u64) -> Arc<ManualClock> {
        Arc::new(ManualClock(AtomicU64::new(ms), AtomicBool::new(false)))
    }

    /// The next wait is the end of whoever waits.
    pub fn panic_on_wait(&self) {
        self.1.store(true, Ordering::SeqCst);
    }

    pub fn advance(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

/// Every way to make commits durable; a promise holds in each.
pub fn kinds() -> Vec<Options> {
    let with = |durability, journal| Options { durability, journal: Some(journal), ..Options::default() };
    vec![
        with(Durability::Strict, Journal::Wal),
        with(Durability::Process, Journal::Wal),
        with(Durability::Batch(5), Journal::Wal),
        with(Durability::Strict, Journal::Delete),
    ]
}

/// Runs a promise on a new store of every kind.
pub fn everywhere(promise: impl Fn(&Store, &Path)) {
    for options in kinds() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store");
        promise(&Store::open_with(&path, options).unwrap(), &path);
    }
}

/// Text that compresses as chats do, and differs from message to message.
pub fn message(number: usize, len: usize) -> String {
    let words = ["agent", "tool", "search", "result", "because", "the", "answer", "is", "not", "yet", "known"];
    let mut text = format!("message {number}:");
    let mut seed = number as u64 + 1;
    while text.len() < len {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push(' ');
        text.push_str(words[(seed >> 33) as usize % words.len()]);
        text.push_str(&format!("{:x}", seed >> 52));
    }
    text.truncate(len);
    text
}
