//! How often a phrase occurs in a text.

use crate::analysis::Analyzer;

/// The words of a phrase, by distinct term.
pub struct Phrase<'p> {
    /// The distinct terms.
    terms: Vec<&'p str>,
    /// For each word the place of its term and its place in the phrase.
    words: Vec<(usize, u32)>,
    slop: u32,
}

impl<'p> Phrase<'p> {
    pub fn new(words: &'p [(String, u32)], slop: u32) -> Self {
        let mut terms: Vec<&str> = words.iter().map(|(term, _)| term.as_str()).collect();
        terms.sort_unstable();
        terms.dedup();
        let first = words.first().map_or(0, |(_, place)| *place);
        let words = words.iter().map(|(term, place)| {
            let at = terms.partition_point(|known| *known < term.as_str());
            (at, place - first)
        });
        Self {
            words: words.collect(),
            terms,
            slop,
        }
    }

    /// Once for each occurrence, less for those that are out of place. Long texts and phrases take time: `tick`
    /// is called on the way and may end it.
    pub fn frequency<'t, E>(
        &self,
        analyzer: &Analyzer,
        texts: impl IntoIterator<Item = &'t str>,
        tick: &mut impl FnMut() -> Result<(), E>,
    ) -> Result<f64, E> {
        let mut positions: Vec<Vec<u32>> = vec![Vec::new(); self.terms.len()];
        analyzer.analyze_all(texts, &mut |term, position| {
            if let Ok(at) = self.terms.binary_search(&term) {
                positions[at].push(position);
            }
        });
        match self.slop {
            0 => Ok(self.exact(&positions, tick)? as f64),
            _ => self.sloppy(&positions, tick),
        }
    }

    fn exact<E>(
        &self,
        positions: &[Vec<u32>],
        tick: &mut impl FnMut() -> Result<(), E>,
    ) -> Result<usize, E> {
        let Some(((first, _), rest)) = self.words.split_first() else {
            return Ok(0);
        };
        let is_start = |start: &u32| {
            rest.iter().all(|(term, place)| {
                positions[*term]
                    .binary_search(&start.saturating_add(*place))
                    .is_ok()
            })
        };
        let mut count = 0;
        let mut ticker = Ticker::default();
        for start in &positions[*first] {
            ticker.pass(self.words.len(), tick)?;
            count += usize::from(is_start(start));
        }
        Ok(count)
    }

    /// Where each word would have to start the phrase is compared: the widest difference is how far
    /// they are out of place. Of occurrences that share a start only the narrowest counts.
    fn sloppy<E>(
        &self,
        positions: &[Vec<u32>],
        tick: &mut impl FnMut() -> Result<(), E>,
    ) -> Result<f64, E> {
        let starts = |word: usize, at: usize| {
            let (term, place) = self.words[word];
            positions[term]
                .get(at)
                .map(|position| i64::from(*position) - i64::from(place))
        };
        let mut at = vec![0_usize; self.words.len()];
        let mut frequency = 0.0;
        let mut ticker = Ticker::default();
        loop {
            ticker.pass(self.words.len(), tick)?;
            let mut least: Option<(i64, usize)> = None;
            let mut most = i64::MIN;
            for (word, at) in at.iter().enumerate() {
                let Some(start) = starts(word, *at) else {
                    return Ok(frequency);
                };
                if least.is_none_or(|(found, _)| start < found) {
                    least = Some((start, word));
                }
                most = most.max(start);
            }
            let Some((start, word)) = least else {
                return Ok(frequency);
            };
            let is_narrowest = starts(word, at[word] + 1).is_none_or(|next| next > most);
            let width = most - start;
            if is_narrowest && width <= i64::from(self.slop) {
                // Every word is compared with every other.
                ticker.pass(self.words.len() * self.words.len(), tick)?;
            }
            if is_narrowest && width <= i64::from(self.slop) && self.is_apart(&at) {
                frequency += 1.0 / (1 + width) as f64;
            }
            at[word] += 1;
        }
    }

    /// Whether no two words of the phrase are the same word of the text.
    fn is_apart(&self, at: &[usize]) -> bool {
        let words = || self.words.iter().zip(at);
        words().enumerate().all(|(i, ((term, _), at))| {
            words()
                .skip(i + 1)
                .all(|((other, _), other_at)| (term, at) != (other, other_at))
        })
    }
}

/// Calls a tick once in so many steps.
#[derive(Default)]
struct Ticker(usize);

impl Ticker {
    const STEPS: usize = 1 << 16;

    fn pass<E>(&mut self, steps: usize, tick: &mut impl FnMut() -> Result<(), E>) -> Result<(), E> {
        self.0 += steps;
        if self.0 < Self::STEPS {
            return Ok(());
        }
        self.0 = 0;
        tick()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frequency(phrase: &[&str], slop: u32, text: &str) -> f64 {
        let words: Vec<(String, u32)> = phrase
            .iter()
            .enumerate()
            .map(|(place, word)| ((*word).to_owned(), place as u32))
            .collect();
        let analyzer = Analyzer::named("whitespace").expect("a known name");
        let mut never = || Ok::<_, std::convert::Infallible>(());
        match Phrase::new(&words, slop).frequency(analyzer, [text], &mut never) {
            Ok(frequency) => frequency,
            Err(never) => match never {},
        }
    }

    #[test]
    fn long_phrases_over_long_texts_can_be_ended() {
        let words: Vec<(String, u32)> = (0..5_000).map(|place| ("a".to_owned(), place)).collect();
        let text = "a ".repeat(10_000);
        let analyzer = Analyzer::named("whitespace").expect("a known name");
        for slop in [0, 1] {
            let mut ticks = 0;
            let mut tick = || {
                ticks += 1;
                if ticks == 3 { Err("ended") } else { Ok(()) }
            };
            let phrase = Phrase::new(&words, slop);
            assert_eq!(
                phrase.frequency(analyzer, [text.as_str()], &mut tick),
                Err("ended")
            );
        }
    }

    #[test]
    fn exact_phrases_are_counted() {
        assert_eq!(frequency(&["a", "b"], 0, "a b c a b"), 2.0);
        assert_eq!(frequency(&["a", "a"], 0, "a a a"), 2.0);
        assert_eq!(frequency(&["a", "b"], 0, "b a c b"), 0.0);
    }

    #[test]
    fn words_out_of_place_count_less() {
        assert_eq!(frequency(&["a", "b"], 1, "a x b"), 0.5);
        assert_eq!(frequency(&["a", "b"], 1, "a x x b"), 0.0);
        // Swapped words are two steps out of place.
        assert_eq!(frequency(&["a", "b"], 1, "b a"), 0.0);
        assert_eq!(frequency(&["a", "b"], 2, "b a"), 1.0 / 3.0);
        assert_eq!(frequency(&["a", "b"], 3, "a b x x a x b"), 1.5);
        assert_eq!(frequency(&["a", "a"], 5, "a x"), 0.0);
    }
}
