//! Time and randomness come in through these traits; the lints forbid every other way.

use std::time::UNIX_EPOCH;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970, UTC.
    fn now_ms(&self) -> u64;

    /// Returns when so many milliseconds have passed.
    fn wait_ms(&self, ms: u64);
}

/// Milliseconds since 1970 as people and programs read them: `2026-12-01T01:26:48Z`.
pub(crate) fn utc(ms: u64) -> String {
    let (days, second) = (ms / 86_400_000, ms / 1000 % 86_400);
    // Years that begin in March have their leap day at the end; eras of 400 of them are all alike.
    let since_march_0000 = days + 719_468;
    let (era, day) = (since_march_0000 / 146_097, since_march_0000 % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let (year, hour, minute) = (era * 400 + year + later, second / 3600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day_of_month:02}T{hour:02}:{minute:02}:{:02}Z", second % 60)
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

#[cfg(test)]
mod tests {
    use super::utc;

    #[test]
    fn moments_read_as_the_calendar_has_them() {
        for (ms, told) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399_999, "2000-02-28T23:59:59Z"),
            (951_868_799_000, "2000-02-29T23:59:59Z"),
            (951_868_800_000, "2000-03-01T00:00:00Z"),
            (1_798_761_599_000, "2026-12-31T23:59:59Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(utc(ms), told);
        }
    }
}
