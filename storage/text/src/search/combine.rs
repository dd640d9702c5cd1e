//! Merging lists of hits, each in order of documents.

use std::cmp::Ordering;

use super::{Hit, Posting};
use crate::query::Occur;

/// The documents of one list or the other; scores of both are added.
pub fn either(left: Vec<Hit>, right: &[Hit]) -> Vec<Hit> {
    if left.is_empty() {
        return right.to_vec();
    }
    let mut out = Vec::with_capacity(left.len() + right.len());
    let (mut i, mut j) = (0, 0);
    while let (Some(a), Some(b)) = (left.get(i), right.get(j)) {
        match a.document.cmp(&b.document) {
            Ordering::Less => {
                out.push(*a);
                i += 1;
            }
            Ordering::Greater => {
                out.push(*b);
                j += 1;
            }
            Ordering::Equal => {
                out.push(Hit {
                    document: a.document,
                    score: a.score + b.score,
                });
                i += 1;
                j += 1;
            }
        }
    }
    out.extend_from_slice(&left[i..]);
    out.extend_from_slice(&right[j..]);
    out
}

/// The place of a document in a list, searched from a place on in growing steps.
fn seek<T>(list: &[T], from: usize, document: u64, of: impl Fn(&T) -> u64) -> usize {
    let (mut low, mut step) = (from, 1);
    while list.get(low + step).is_some_and(|item| of(item) < document) {
        low += step;
        step *= 2;
    }
    let high = (low + step + 1).min(list.len());
    let low = low.min(high);
    low + list[low..high].partition_point(|item| of(item) < document)
}

/// Keeps what is in the other list too.
pub fn retain_common(list: &mut Vec<Posting>, other: &[Posting]) {
    let mut at = 0;
    list.retain(|posting| {
        at = seek(other, at, posting.document, |item| item.document);
        other
            .get(at)
            .is_some_and(|found| found.document == posting.document)
    });
}

/// What the parts of a boolean query match together.
pub fn boolean(parts: Vec<(Occur, Vec<Hit>)>) -> Vec<Hit> {
    let mut required: Option<Vec<Hit>> = None;
    let mut optional: Vec<Hit> = Vec::new();
    let mut forbidden: Vec<Hit> = Vec::new();
    for (occur, hits) in parts {
        match occur {
            Occur::Should => optional = either(optional, &hits),
            Occur::MustNot => forbidden = either(forbidden, &hits),
            Occur::Must => {
                required = Some(match required {
                    None => hits,
                    Some(before) => both(before, &hits),
                });
            }
        }
    }
    let mut hits = match required {
        None => optional,
        Some(mut required) => {
            add(&mut required, &optional);
            required
        }
    };
    let mut at = 0;
    hits.retain(|hit| {
        at = seek(&forbidden, at, hit.document, |item| item.document);
        forbidden
            .get(at)
            .is_none_or(|found| found.document != hit.document)
    });
    hits
}

/// The documents of both lists; scores are added.
fn both(mut left: Vec<Hit>, right: &[Hit]) -> Vec<Hit> {
    let mut at = 0;
    left.retain_mut(|hit| {
        at = seek(right, at, hit.document, |item| item.document);
        let found = right.get(at).filter(|item| item.document == hit.document);
        hit.score += found.map_or(0.0, |item| item.score);
        found.is_some()
    });
    left
}

/// Adds the scores of the other list to the documents of this one.
fn add(hits: &mut [Hit], other: &[Hit]) {
    let mut at = 0;
    for hit in hits {
        at = seek(other, at, hit.document, |item| item.document);
        if let Some(found) = other.get(at).filter(|item| item.document == hit.document) {
            hit.score += found.score;
        }
    }
}
