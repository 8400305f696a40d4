//! Tasks of a host framework, as their scopes tell of them: `node/WHERE@MARK`, with an element per graph around the
//! task from the outside inwards. WHERE is the node's name, the superstep, and what else tells tasks of one step apart.

//!
//! The strands of a program are such tasks, too: `strand/WHERE`, with their name, the number of the scope that began them, and
//! their own number among those of that name.

const NODE: &str = "node/";
const STRAND: &str = "strand/";

/// The task that a scope lies in, if it lies in one.
pub(super) fn task_of(scope: &str) -> Option<&str> {
    let root = [NODE, STRAND].into_iter().find(|root| scope.starts_with(root))?;
    let levels = &scope[root.len()..];
    let own: usize = levels.split('/').take_while(|level| !level.contains('#')).map(|level| level.len() + 1).sum();
    (own > 0).then(|| &scope[..root.len() + own - 1])
}

/// Whether `task` may have been told how `other` ended: it is of a later superstep, or one is a part of the other.
/// Tasks of one superstep run beside each other and know nothing of each other.
pub(super) fn follows(task: &str, other: &str) -> bool {
    let mut levels = task.split('/').zip(other.split('/'));
    levels.find(|(ours, theirs)| ours != theirs).is_none_or(|(ours, theirs)| superstep(ours) > superstep(theirs))
}

/// Whether what stands outside of all tasks follows on it: a program that began strands goes on when they have ended.
pub(super) fn is_joined(task: &str) -> bool {
    task.starts_with(STRAND)
}

/// The scope of a strand that was begun in the scope `around`, the `again`-th of its name in the `number`-th scope there.
pub(crate) fn strand_scope(around: &str, name: &str, number: u32, again: u32) -> String {
    let plain = |c: char| c.is_alphanumeric() || c == '-' || c == '_' || c == ' ';
    let name: String =
        name.chars().map(|c| if plain(c) { c.to_string() } else { format!("%{:X}", u32::from(c)) }).collect();
    let around = if around.is_empty() { STRAND.trim_end_matches('/') } else { around };
    format!("{around}/{name}.{number}@{again}")
}

fn superstep(level: &str) -> Option<u64> {
    level.split('.').nth(1)?.split('@').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_lies_in_a_task() {
        assert_eq!(task_of("node/a.1@00"), Some("node/a.1@00"));
        assert_eq!(task_of("node/a.1@00/x.2.0@11/think#0"), Some("node/a.1@00/x.2.0@11"));
        assert_eq!(task_of("node/think#0"), None);
        assert_eq!(task_of(""), None);
        assert_eq!(task_of("plan#0"), None);
        assert_eq!(task_of("strand/a.1@0/write#0"), Some("strand/a.1@0"));
    }

    #[test]
    fn strands_are_tasks() {
        let outer = strand_scope("", "the/web", 2, 1);
        assert_eq!(outer, "strand/the%2Fweb.2@1");
        let inner = strand_scope(&outer, "a", 1, 0);
        assert_eq!(task_of(&inner), Some(inner.as_str()));
        assert!(follows(&outer, &inner) && follows(&inner, &outer));
        assert!(follows(&strand_scope("", "b", 3, 0), &outer), "a later scope");
        assert!(!follows(&strand_scope("", "b", 2, 0), &outer), "beside it");
        assert!(is_joined(&inner) && !is_joined("node/a.1@00"));
    }

    #[test]
    fn a_task_follows_what_it_may_have_been_told_of() {
        let follow = |task, other| follows(&format!("node/{task}"), &format!("node/{other}"));
        assert!(follow("a.1@00", "a.1@00"), "the task itself");
        assert!(follow("b.2@11", "a.1@00"), "a later superstep");
        assert!(follow("b.10@11", "a.9@00"));
        assert!(follow("a.1@00", "a.1@00/x.3@11"), "the task around a subgraph");
        assert!(follow("a.1@00/x.3@11", "a.1@00"));
        assert!(follow("a.1@00/y.4@22", "a.1@00/x.3@11"));
        assert!(!follow("b.1@00", "a.1@00"), "the same superstep");
        assert!(!follow("b.1.0@00", "b.1.1@00"));
        assert!(!follow("a.1@00", "b.2@11"), "an earlier one");
        assert!(!follow("a.1@00/y.3@11", "a.1@00/x.3@11"));
        assert!(!follow("sub@00/x.1@11", "other@00/y.1@11"), "nothing is known of their order");
    }
}
