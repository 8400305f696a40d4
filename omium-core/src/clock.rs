//! Time and randomness come in through these traits; the lints forbid every other way.

use std::time::UNIX_EPOCH;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970, UTC.
    fn now_ms(&self) -> u64;

    /// Returns when so many milliseconds have passed.
    fn wait_ms(&self, ms: u64);
}

/// Makes numbers nobody else makes.
pub trait IdSource: Send + Sync {
    /// 128 random bits.
    fn nonce(&self) -> u128;
}

/// The machine's clock and its source of randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Clock for System {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine for the time")]
    fn now_ms(&self) -> u64 {
        // A clock before 1970 is a clock that was never set: 0 keeps every order right.
        std::time::SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that waits for time to pass")]
    fn wait_ms(&self, ms: u64) {
        std::thread::sleep(std::time::Duration::from_millis(ms));
    }
}

impl IdSource for System {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine for randomness")]
    fn nonce(&self) -> u128 {
        uuid::Uuid::new_v4().as_u128()
    }
}
