//! The best few of many.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// An item with its score. The greatest is the worst: of equal scores the later item.
struct Ranked<T> {
    score: f64,
    item: T,
}

impl<T: Ord> Ord for Ranked<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_score = other.score.total_cmp(&self.score);
        by_score.then_with(|| self.item.cmp(&other.item))
    }
}

impl<T: Ord> PartialOrd for Ranked<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Ord> PartialEq for Ranked<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T: Ord> Eq for Ranked<T> {}

/// The items of the highest scores, at most so many. Of items with equal scores the smaller ones are kept, so
/// that what is kept does not depend on the order in which they came.
pub struct Nearest<T> {
    count: usize,
    heap: BinaryHeap<Ranked<T>>,
}

impl<T: Ord> Nearest<T> {
    /// Keeps `count` items.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self {
            count,
            heap: BinaryHeap::new(),
        }
    }

    /// Takes an item if it is among the best so far.
    #[inline]
    pub fn offer(&mut self, score: f64, item: T) {
        let ranked = Ranked { score, item };
        if self.heap.len() < self.count {
            self.heap.push(ranked);
        } else if let Some(mut worst) = self.heap.peek_mut()
            && ranked < *worst
        {
            *worst = ranked;
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// Bytes of memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.heap.capacity() * size_of::<Ranked<T>>()
    }

    /// The items with their scores, best first.
    #[must_use]
    pub fn into_sorted(self) -> Vec<(T, f64)> {
        let sorted = self.heap.into_sorted_vec();
        sorted
            .into_iter()
            .map(|ranked| (ranked.item, ranked.score))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn none_and_too_many_are_kept() {
        let mut none = Nearest::new(0);
        none.offer(1.0, 1);
        assert!(none.is_empty() && none.into_sorted().is_empty());
        let mut all = Nearest::new(usize::MAX);
        all.offer(0.5, 2);
        all.offer(0.7, 9);
        assert_eq!(all.len(), 2);
        assert_eq!(all.into_sorted(), [(9, 0.7), (2, 0.5)]);
    }

    proptest! {
        #[test]
        fn the_best_are_kept_whatever_the_order(
            scores in prop::collection::vec(0u8..6, 0..60),
            count in 0usize..12,
            turn in 0usize..60,
        ) {
            let mut items: Vec<(usize, f64)> =
                scores.iter().map(|score| f64::from(*score)).enumerate().collect();
            let mut nearest = Nearest::new(count);
            let turn = turn.min(items.len());
            for (item, score) in items[turn..].iter().chain(&items[..turn]) {
                nearest.offer(*score, *item);
            }
            items.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            items.truncate(count);
            prop_assert_eq!(nearest.into_sorted(), items);
        }
    }
}
