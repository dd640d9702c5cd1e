//! How many rows of full-text indexes one commit may change.
//!
//! A text has a row for each of its distinct terms, and whoever applies the commit holds them all at once,
//! some 200 bytes each. The entry itself may be of 64 MiB, which can be ten million terms; so they are
//! counted before the commit is proposed. Texts shorter than the limit cannot have more terms than it, so
//! only a transaction that writes megabytes of text is counted term by term.

use foldhash::fast::FixedState;
use std::collections::HashSet;
use std::hash::BuildHasher;

use super::{Result, Transaction};
use crate::catalog::Catalog;
use crate::encoding::record::ElementState;
use crate::error::GraphError;
use crate::overlay::Overlay;
use crate::rule::fulltext::{Fulltext, texts};
use crate::rule::{IndexSort, RuleDefinition, RuleKind};
use crate::value::Value;

/// A commit may end and begin so many rows of full-text indexes.
pub const TERM_ROWS_MAX: usize = 4 << 20;

impl Transaction {
    /// Refuses a transaction whose texts have too many terms.
    pub(super) fn check_texts(&self) -> Result<()> {
        self.check_texts_within(TERM_ROWS_MAX)
    }

    fn check_texts_within(&self, limit: usize) -> Result<()> {
        let catalog = self.state.graph.catalog.load_full();
        let mut rules = catalog.all_rules();
        if !rules.any(|rule| rule.is_kept() && rule.kind.is_fulltext()) {
            return Ok(());
        }
        let overlay = self.state.overlay.read();
        let mut bytes = 0_usize;
        each_text(&catalog, &overlay, &mut |_, value| {
            bytes += texts(value).map(|text| text.len() + 1).sum::<usize>();
            Ok(())
        })?;
        if bytes <= limit {
            return Ok(());
        }
        let mut rows = 0;
        each_text(&catalog, &overlay, &mut |settings, value| {
            rows += term_count(settings, value, limit + 1);
            match rows > limit {
                true => Err(GraphError::TooManyTerms { limit }),
                false => Ok(()),
            }
        })
    }
}

/// Visits the values that full-text indexes had and get of what a transaction changed.
fn each_text(
    catalog: &Catalog,
    overlay: &Overlay,
    visit: &mut dyn FnMut(Fulltext, &Value) -> Result<()>,
) -> Result<()> {
    for (_, written) in overlay.elements().filter(|(_, of)| of.is_changed()) {
        let before = written.before().map(|(_, state)| &**state);
        let after = written.latest().map(|state| &**state);
        for state in [before, after].into_iter().flatten() {
            for rule in catalog.rules_of(state) {
                if let RuleKind::Index(IndexSort::Fulltext(settings)) = rule.kind
                    && rule.texts_differ(before, after)
                {
                    each_value(rule, state, &mut |value| visit(settings, value))?;
                }
            }
        }
    }
    Ok(())
}

fn each_value(
    rule: &RuleDefinition,
    state: &ElementState,
    visit: &mut dyn FnMut(&Value) -> Result<()>,
) -> Result<()> {
    let mut values = rule.keys.iter().filter_map(|key| state.property(*key));
    values.try_for_each(visit)
}

/// How many distinct terms a value has, counted up to a number of them.
fn term_count(settings: Fulltext, value: &Value, most: usize) -> usize {
    let hasher = FixedState::default();
    let mut seen: HashSet<u64> = HashSet::new();
    settings
        .analyzer()
        .analyze_all(texts(value), &mut |term, _| {
            if seen.len() < most {
                seen.insert(hasher.hash_one(term));
            }
        });
    seen.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commit::CommitInfo;
    use crate::graph::Graph;
    use crate::ids::{LabelId, NodeId};
    use crate::rule::Target;
    use crate::transaction::{Isolation, Sequence};
    use retrograph_text::Analyzer;
    use std::sync::Arc;

    fn graph_with_index() -> (Arc<Graph>, LabelId, crate::ids::KeyId) {
        let graph = Graph::in_memory().unwrap();
        let transaction = graph.begin(Isolation::Serializable);
        let label = transaction.label_id("Doc").unwrap();
        let key = transaction.key_id("text").unwrap();
        let sort = IndexSort::Fulltext(Fulltext::new(Analyzer::named("whitespace"), false));
        transaction
            .create_rule(
                "texts",
                vec![Target::Label(label)],
                vec![key],
                RuleKind::Index(sort),
            )
            .unwrap();
        transaction.commit(CommitInfo::default()).unwrap();
        (graph, label, key)
    }

    #[test]
    fn terms_are_counted_once_for_each_text() {
        let (graph, label, key) = graph_with_index();
        let transaction = graph.begin(Isolation::Serializable);
        let write = |text: &str| -> NodeId {
            let properties = vec![(key, Value::string(text))];
            transaction
                .create_node(Sequence(0), &[label], properties)
                .unwrap()
        };
        write(&"same ".repeat(100));
        write("a b c");
        transaction
            .create_node(
                Sequence(0),
                &[],
                vec![(key, Value::string("no label here"))],
            )
            .unwrap();
        assert!(transaction.check_texts_within(4).is_ok());
        let refused = transaction.check_texts_within(3);
        assert!(matches!(
            refused,
            Err(GraphError::TooManyTerms { limit: 3 })
        ));
    }

    #[test]
    fn what_ends_counts_like_what_begins_and_what_stays_does_not() {
        let (graph, label, key) = graph_with_index();
        let transaction = graph.begin(Isolation::Serializable);
        let other = transaction.key_id("other").unwrap();
        let properties = vec![(key, Value::string("a b c"))];
        let node = transaction
            .create_node(Sequence(0), &[label], properties)
            .unwrap();
        transaction.commit(CommitInfo::default()).unwrap();

        let transaction = graph.begin(Isolation::Serializable);
        transaction
            .set_property(Sequence(0), node.into(), other, Value::Int(1))
            .unwrap();
        assert!(transaction.check_texts_within(0).is_ok());
        transaction
            .set_property(Sequence(1), node.into(), key, Value::string("d e"))
            .unwrap();
        assert!(transaction.check_texts_within(5).is_ok());
        assert!(transaction.check_texts_within(4).is_err());
    }
}
