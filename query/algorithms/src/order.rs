//! Orders drawn from a seed: the same on every machine and in every release.

/// SplitMix64 (Steele, Lea, Flood 2014): enough for orders, and fixed by its definition.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below a bound, by multiplication (Lemire); the bias is below 2⁻³².
    fn below(&mut self, bound: u32) -> u32 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u32
    }

    /// The numbers below `count` in some order.
    pub(crate) fn order(&mut self, count: u32) -> Vec<u32> {
        let mut order: Vec<u32> = (0..count).collect();
        for at in (1..count).rev() {
            let other = self.below(at + 1);
            order.swap(at as usize, other as usize);
        }
        order
    }
}

/// Renumbers groups from 0 in the order of their least member.
pub(crate) fn renumber(groups: &mut [u32]) -> u32 {
    let most = groups
        .iter()
        .copied()
        .max()
        .map_or(0, |most| most as usize + 1);
    let mut numbers = vec![u32::MAX; most];
    let mut next = 0;
    for group in groups {
        let number = &mut numbers[*group as usize];
        if *number == u32::MAX {
            *number = next;
            next += 1;
        }
        *group = *number;
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_permutations_fixed_by_the_seed() {
        let order = Random::new(7).order(100);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).collect::<Vec<_>>());
        assert_eq!(Random::new(7).order(100), order);
        assert_ne!(Random::new(8).order(100), order);
        assert_eq!(Random::new(7).order(5), [3, 4, 2, 0, 1]);
    }
}
