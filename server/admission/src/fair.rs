//! Deficit round robin with weights, for costs that are known afterwards.
//!
//! Those who wait stand in a ring. On its turn each gets credit by its weight, and starts what its credit pays
//! for; then it is the next one's turn. What starts is charged an estimate, and the difference when it ends,
//! so credit may become debt; a round heals as much of it as it gives credit. Who does not wait keeps no credit,
//! and its debt goes on healing with the rounds of the others: what somebody used while nobody else wanted it
//! is not held against them for long.
//!
//! Over any time in which two wait all along, what they get by weight differs by no more than a quantum and
//! twice the largest cost (Shreedhar and Varghese 1995), and by what runs meanwhile.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// The credit that a turn gives to a weight of one, in thousandths of a unit.
pub const QUANTUM: i64 = 10_000;

#[derive(Clone, Debug)]
struct Flow {
    weight: i64,
    credit: i64,
    /// Whether it stands in the ring.
    waits: bool,
    /// Whether it has got the credit of the turn it has now.
    is_served: bool,
    /// The round up to which its debt has healed.
    round: u64,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Ring<K> {
    flows: HashMap<K, Flow>,
    ring: VecDeque<K>,
    round: u64,
    /// How many had their turn in this round.
    turned: usize,
}

impl<K> Default for Ring<K> {
    fn default() -> Self {
        Self {
            flows: HashMap::new(),
            ring: VecDeque::new(),
            round: 0,
            turned: 0,
        }
    }
}

impl<K: Clone + Eq + Hash> Ring<K> {
    /// Somebody waits, if they did not yet.
    pub fn join(&mut self, key: &K, weight: u32) {
        let weight = i64::from(weight.max(1));
        let round = self.round;
        let flow = self.flows.entry(key.clone()).or_insert(Flow {
            weight,
            credit: 0,
            waits: false,
            is_served: false,
            round,
        });
        flow.weight = weight;
        if flow.waits {
            return;
        }
        flow.heal(round);
        flow.waits = true;
        flow.is_served = false;
        self.ring.push_back(key.clone());
    }

    /// Somebody waits no more.
    pub fn leave(&mut self, key: &K) {
        let Some(flow) = self.flows.get_mut(key).filter(|flow| flow.waits) else {
            return;
        };
        flow.waits = false;
        flow.round = self.round;
        flow.credit = flow.credit.min(0);
        if flow.credit == 0 {
            self.flows.remove(key);
        }
        self.ring.retain(|other| other != key);
        self.turned = self.turned.min(self.ring.len());
    }

    /// Whose turn it is, among those for whom `cost` tells what they would start next; charges that.
    pub fn pick(&mut self, cost: impl Fn(&K) -> Option<i64>) -> Option<K> {
        loop {
            let mut rounds = None;
            for _ in 0..self.ring.len() {
                let key = self.ring.front()?.clone();
                let next = cost(&key);
                let flow = self.flows.get_mut(&key)?;
                let share = flow.weight * QUANTUM;
                match next {
                    // Held up by a limit of its own, it saves nothing.
                    None => {
                        if !flow.is_served {
                            flow.credit = flow.credit.saturating_add(share).min(flow.credit.max(0));
                        }
                    }
                    Some(cost) => {
                        if !flow.is_served {
                            flow.credit = flow.credit.saturating_add(share);
                            flow.is_served = true;
                        }
                        if flow.credit >= cost {
                            flow.credit -= cost;
                            return Some(key);
                        }
                        let missing = cost.saturating_sub(flow.credit);
                        let needed = missing / share + i64::from(missing % share != 0);
                        rounds = Some(rounds.map_or(needed, |least: i64| least.min(needed)));
                    }
                }
                flow.is_served = false;
                self.ring.rotate_left(1);
                self.turned += 1;
                if self.turned >= self.ring.len() {
                    self.turned = 0;
                    self.round += 1;
                }
            }
            // Rounds in which nobody could start are passed over at once: all but the one that pays.
            let skipped = rounds? - 1;
            if skipped > 0 {
                self.round += skipped.unsigned_abs();
                for key in &self.ring {
                    if let Some(flow) = self.flows.get_mut(key) {
                        let given = skipped.saturating_mul(flow.weight * QUANTUM);
                        let raised = flow.credit.saturating_add(given);
                        flow.credit = match cost(key) {
                            Some(_) => raised,
                            None => raised.min(flow.credit.max(0)),
                        };
                    }
                }
            }
        }
    }

    /// Corrects what somebody was charged.
    pub fn charge(&mut self, key: &K, more: i64) {
        let round = self.round;
        match self.flows.get_mut(key) {
            Some(flow) if flow.waits => flow.credit = flow.credit.saturating_sub(more),
            Some(flow) => {
                flow.heal(round);
                flow.credit = flow.credit.saturating_sub(more).min(0);
                if flow.credit == 0 {
                    self.flows.remove(key);
                }
            }
            // Debt matters to those who wait.
            None if more > 0 && !self.ring.is_empty() => {
                let flow = Flow {
                    weight: 1,
                    credit: -more,
                    waits: false,
                    is_served: false,
                    round,
                };
                self.flows.insert(key.clone(), flow);
            }
            None => {}
        }
        if self.ring.is_empty() {
            // Nobody was held up by what was used.
            self.flows.clear();
        }
    }
}

impl Flow {
    /// Takes off what rounds since have healed.
    fn heal(&mut self, round: u64) {
        let rounds = i64::try_from(round - self.round).unwrap_or(i64::MAX);
        let healed = rounds.saturating_mul(self.weight * QUANTUM);
        self.credit = self.credit.saturating_add(healed).min(self.credit.max(0));
        self.round = round;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ring(weights: &[u32]) -> Ring<usize> {
        let mut ring = Ring::default();
        for (key, weight) in weights.iter().enumerate() {
            ring.join(&key, *weight);
        }
        ring
    }

    proptest! {
        /// What two get by weight while both wait differs by at most a quantum and twice the largest cost.
        #[test]
        fn shares_follow_weights(
            weights in prop::collection::vec(1_u32..9, 2..6),
            costs in prop::collection::vec(1_i64..60_000, 50..400),
        ) {
            let mut ring = ring(&weights);
            let mut served = vec![0_i64; weights.len()];
            let largest = costs.iter().copied().max().unwrap_or(0);
            for cost in costs {
                let key = ring.pick(|_| Some(cost)).expect("somebody");
                served[key] += cost;
                for (one, first) in served.iter().zip(&weights) {
                    for (other, second) in served.iter().zip(&weights) {
                        let apart = one / i64::from(*first) - other / i64::from(*second);
                        prop_assert!(apart <= QUANTUM + 2 * largest, "{apart}");
                    }
                }
            }
        }

        /// The same holds when costs are known afterwards only, with what is not yet settled on top.
        #[test]
        fn shares_follow_weights_when_costs_come_late(
            weights in prop::collection::vec(1_u32..9, 2..5),
            costs in prop::collection::vec(1_i64..60_000, 50..400),
        ) {
            let mut ring = ring(&weights);
            let mut served = vec![0_i64; weights.len()];
            let largest = costs.iter().copied().max().unwrap_or(0);
            for cost in costs {
                let key = ring.pick(|_| Some(1_000)).expect("somebody");
                ring.charge(&key, cost - 1_000);
                served[key] += cost;
                for (one, first) in served.iter().zip(&weights) {
                    for (other, second) in served.iter().zip(&weights) {
                        let apart = one / i64::from(*first) - other / i64::from(*second);
                        prop_assert!(apart <= QUANTUM + 2 * largest + 2_000, "{apart}");
                    }
                }
            }
        }
    }

    #[test]
    fn nobody_starves_beside_one_who_owes_and_one_who_is_held_up() {
        let mut ring = ring(&[1, 1, 1]);
        ring.charge(&0, 1_000_000_000);
        let mut turns = [0; 3];
        for _ in 0..100 {
            let key = ring
                .pick(|key| (*key != 2).then_some(1_000))
                .expect("somebody");
            turns[key] += 1;
        }
        assert_eq!(turns[2], 0, "it is held up");
        assert_eq!(turns[0] + turns[1], 100);
        assert!(turns[1] > 90, "the other one owes: {turns:?}");
        // It saved nothing meanwhile, and is not behind either.
        let key = ring.pick(|key| (*key == 2).then_some(1_000));
        assert_eq!(key, Some(2));
        assert_eq!(ring.pick(|_| None), None);
        ring.leave(&1);
        assert_eq!(
            ring.pick(|key| (*key == 0).then_some(1_000)),
            Some(0),
            "debt ends alone"
        );
    }

    #[test]
    fn debt_heals_while_others_have_their_rounds_and_is_forgotten_alone() {
        let mut ring = ring(&[1, 1]);
        ring.leave(&0);
        ring.charge(&0, 5 * QUANTUM);
        for _ in 0..60 {
            ring.pick(|_| Some(1_000));
        }
        ring.join(&0, 1);
        let first: Vec<usize> = (0..20).filter_map(|_| ring.pick(|_| Some(1_000))).collect();
        assert!(first.contains(&0), "{first:?}");
        let mut alone = ring.clone();
        alone.leave(&0);
        alone.leave(&1);
        alone.charge(&0, 1_000_000);
        assert!(alone.flows.is_empty());
    }
}
