//! What a retention policy keeps, as a pure function.

use super::Status;

/// Which history may go. The default keeps everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// States kept per execution and scope; older ones go. Steps never go one by one: a resume needs them all.
    pub keep_last: Option<usize>,
    /// Age in milliseconds after which a finished execution goes as a whole.
    pub older_than_ms: Option<u64>,
    /// Whether entries that a rollback left behind go.
    pub abandoned: bool,
}

impl Retention {
    /// Whether an execution in `status`, last written at `updated_ms`, goes as a whole at `now_ms`.
    #[must_use]
    pub fn drops_execution(&self, status: Status, updated_ms: u64, now_ms: u64) -> bool {
        let finished = matches!(status, Status::Completed | Status::Failed | Status::Cancelled);
        // A clock that went back makes nothing old.
        let age = now_ms.saturating_sub(updated_ms);
        finished && self.older_than_ms.is_some_and(|limit| age > limit)
    }

    /// How many of `count` states of one scope go, oldest first.
    #[must_use]
    pub fn drops_states(&self, count: usize) -> usize {
        self.keep_last.map_or(0, |keep| count.saturating_sub(keep.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_finished_and_old_executions_go() {
        let policy = Retention { older_than_ms: Some(10), ..Retention::default() };
        assert!(policy.drops_execution(Status::Completed, 0, 11));
        assert!(!policy.drops_execution(Status::Completed, 0, 10));
        assert!(!policy.drops_execution(Status::Running, 0, 1_000));
        assert!(!policy.drops_execution(Status::Completed, 100, 5), "a clock that went back");
        assert!(!Retention::default().drops_execution(Status::Failed, 0, u64::MAX));
    }

    #[test]
    fn the_last_state_always_stays() {
        let keep = |n| Retention { keep_last: Some(n), ..Retention::default() }.drops_states(5);
        assert_eq!((keep(0), keep(1), keep(2), keep(9)), (4, 4, 3, 0));
    }
}
