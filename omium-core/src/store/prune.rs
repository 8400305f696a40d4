//! Pruning by a retention policy: plan, show, then remove what the plan names and nothing else.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::lease::refuse_if_held;
use super::{Progress, Store};
use crate::error::Result;
use crate::id::Seq;
use crate::index::{EntryRow, ExecutionRecord, Index};
use crate::model::{Kind, Retention};

/// What a prune would remove. Nothing has happened yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "a plan does nothing; Store::prune acts"]
pub struct PrunePlan {
    /// Executions that go as a whole.
    pub executions: Vec<String>,
    /// Entries that go from executions that stay.
    pub entries: Vec<(String, Vec<Seq>)>,
    /// How many entries go in all.
    pub entry_count: u64,
}

impl Store {
    /// What `policy` lets go, of one execution or of all. What somebody runs right now stays whole.
    pub fn plan_prune(&self, policy: &Retention, execution: Option<&str>) -> Result<PrunePlan> {
        let (shared, now_ms) = (self.shared()?, self.now_ms());
        shared.read(|index| {
            let mut plan = PrunePlan::default();
            let wanted = |record: &ExecutionRecord| Ok(execution.is_none_or(|id| id == record.uid));
            for record in index.executions(usize::MAX, wanted)? {
                let held =
                    shared.running.contains(&record.uid) || refuse_if_held(&shared, index, &record, now_ms).is_err();
                if held {
                    continue;
                }
                if policy.drops_execution(record.state.status, record.updated_ms, now_ms) {
                    plan.entry_count += index.entry_count(Some(record.row))?;
                    plan.executions.push(record.uid);
                    continue;
                }
                let seqs = entries_to_drop(index, &record, policy)?;
                if !seqs.is_empty() {
                    plan.entry_count += seqs.len() as u64;
                    plan.entries.push((record.uid, seqs));
                }
            }
            plan.executions.reverse();
            plan.entries.reverse();
            Ok(plan)
        })
    }

    /// Removes what `plan` names; answers how many entries went. The bytes go with the next gc. Progress counts
    /// executions.
    pub fn prune(&self, plan: &PrunePlan, progress: Progress<'_>) -> Result<u64> {
        let mut gone = 0;
        let total = (plan.executions.len() + plan.entries.len()) as u64;
        let mut done = 0;
        let mut advance = || {
            done += 1;
            progress(done, total);
        };
        for id in &plan.executions {
            let entries = self.shared()?.read(|index| match index.execution(id)? {
                Some(record) => index.entry_count(Some(record.row)),
                None => Ok(0),
            })?;
            if self.delete(id)? {
                gone += entries;
            }
            advance();
        }
        for (id, seqs) in &plan.entries {
            let (id, seqs) = (id.clone(), seqs.clone());
            gone += self.shared()?.commit(self.options.durability, move |index| drop_entries(index, &id, &seqs))?;
            advance();
        }
        Ok(gone)
    }
}

fn drop_entries(index: &Index, id: &str, seqs: &[Seq]) -> Result<u64> {
    let Some(record) = index.execution(id)? else { return Ok(0) };
    let mut gone = 0;
    for &seq in seqs {
        let Some(entry) = index.entry(record.row, seq)? else { continue };
        gone += u64::from(index.delete_entry(record.row, seq)?);
        let last_of_its_key =
            entry.kind == Kind::State && index.state_seqs(record.row, &entry.scope, &entry.key)?.is_empty();
        if last_of_its_key {
            index.delete_writes(record.row, &entry.scope, &entry.key)?;
        }
    }
    Ok(gone)
}

fn entries_to_drop(index: &Index, record: &ExecutionRecord, policy: &Retention) -> Result<Vec<Seq>> {
    let lineage = index.lineage(record)?;
    let mut drops = Vec::new();
    let mut states: BTreeMap<String, Vec<EntryRow>> = BTreeMap::new();
    index.entries(record.row, Seq(1), record.state.last, |entry| {
        if !lineage.contains(entry.seq) {
            if policy.abandoned {
                drops.push(entry.seq);
            }
        } else if entry.kind == Kind::State && policy.keep_last.is_some() {
            states.entry(entry.scope.clone()).or_default().push(entry);
        }
        Ok(())
    })?;
    for (_, mut of_scope) in states {
        // A host's keys order its states; one recorded again late is not newer for that.
        of_scope.sort_by(|a, b| (&a.key, a.seq).cmp(&(&b.key, b.seq)));
        let old = policy.drops_states(of_scope.len());
        let needed = needed_ancestors(&of_scope, old);
        drops.extend(of_scope[..old].iter().map(|entry| entry.seq).filter(|seq| !needed.contains(seq)));
    }
    drops.sort_unstable();
    Ok(drops)
}

/// Of the states before `kept_from`, those that later ones are completed from.
fn needed_ancestors(states: &[EntryRow], kept_from: usize) -> HashSet<Seq> {
    let by_key: HashMap<&str, &EntryRow> = states.iter().map(|entry| (entry.key.as_str(), entry)).collect();
    let mut needed = HashSet::new();
    for kept in &states[kept_from..] {
        let mut at = kept;
        while !at.record.whole
            && let Some(parent) = at.record.parent_key.as_deref().and_then(|key| by_key.get(key))
            && needed.insert(parent.seq)
        {
            at = parent;
        }
    }
    needed
}
