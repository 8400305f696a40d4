//! A bounded cache in two generations: what was not asked for during a whole generation goes with it.

use std::collections::HashMap;
use std::hash::Hash;

use parking_lot::Mutex;

pub(super) struct Cache<K, V> {
    generations: Mutex<Generations<K, V>>,
    weight_max: usize,
}

struct Generations<K, V> {
    young: HashMap<K, (V, usize)>,
    old: HashMap<K, (V, usize)>,
    weight: usize,
}

impl<K: Hash + Eq + Clone, V: Clone> Cache<K, V> {
    /// Holds at most twice `weight_max`.
    pub(super) fn new(weight_max: usize) -> Cache<K, V> {
        let generations = Generations { young: HashMap::new(), old: HashMap::new(), weight: 0 };
        Cache { generations: Mutex::new(generations), weight_max }
    }

    pub(super) fn get(&self, key: &K) -> Option<V> {
        let mut generations = self.generations.lock();
        if let Some((value, _)) = generations.young.get(key) {
            return Some(value.clone());
        }
        let (value, weight) = generations.old.remove(key)?;
        generations.insert(key.clone(), value.clone(), weight, self.weight_max);
        Some(value)
    }

    pub(super) fn insert(&self, key: K, value: V, weight: usize) {
        self.generations.lock().insert(key, value, weight, self.weight_max);
    }

    pub(super) fn clear(&self) {
        let mut generations = self.generations.lock();
        generations.young.clear();
        generations.old.clear();
        generations.weight = 0;
    }
}

impl<K: Hash + Eq, V> Generations<K, V> {
    fn insert(&mut self, key: K, value: V, weight: usize, weight_max: usize) {
        if self.weight + weight > weight_max {
            self.old = std::mem::take(&mut self.young);
            self.weight = 0;
        }
        self.weight += weight;
        if let Some((_, replaced)) = self.young.insert(key, (value, weight)) {
            self.weight -= replaced;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_bounded_and_keeps_what_is_used() {
        let cache = Cache::new(10);
        for i in 0..1000 {
            cache.insert(i, i, 1);
            assert_eq!(cache.get(&0), Some(0), "asked for all the time");
        }
        let held = {
            let g = cache.generations.lock();
            g.young.len() + g.old.len()
        };
        assert!(held <= 20, "{held}");
        assert_eq!(cache.get(&1), None);
    }
}
