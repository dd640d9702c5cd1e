//! The versions of one element, one after the other.

use std::ops::ControlFlow;

use super::{GraphRead, Result};
use crate::ids::{ElementId, Version};

impl GraphRead {
    /// Visits the versions an element had up to the view: for each the first version of the graph that has
    /// it, and the first that has it no more, which is absent for the one that the view sees. Own writes of a
    /// transaction are left out.
    pub fn visit_versions(
        &self,
        element: ElementId,
        visit: &mut dyn FnMut(Version, Option<Version>) -> ControlFlow<()>,
    ) -> Result<()> {
        self.stored().visit_versions(element, visit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commit::CommitInfo;
    use crate::graph::Graph;
    use crate::ids::NodeId;
    use crate::transaction::{Isolation, Sequence};
    use crate::value::Value;

    fn versions(read: &GraphRead, element: ElementId) -> Vec<(u64, Option<u64>)> {
        let mut seen = Vec::new();
        read.visit_versions(element, &mut |from, to| {
            seen.push((from.0, to.map(|to| to.0)));
            ControlFlow::Continue(())
        })
        .expect("the store");
        seen
    }

    #[test]
    fn versions_follow_each_other_and_none_is_told_twice() {
        let graph = Graph::in_memory().expect("in memory");
        let commit = |change: &dyn Fn(&crate::Transaction)| {
            let transaction = graph.begin(Isolation::Serializable);
            change(&transaction);
            transaction
                .commit(CommitInfo::default())
                .expect("a commit")
                .version
                .0
        };
        let node = std::cell::Cell::new(NodeId(0));
        let at = Sequence(0);
        let created = commit(&|transaction| {
            let key = transaction.key_id("n").expect("a key");
            let properties = vec![(key, Value::Int(1))];
            node.set(
                transaction
                    .create_node(at, &[], properties)
                    .expect("a node"),
            );
        });
        let id = node.get();
        let changed = commit(&|transaction| {
            let key = transaction.key_id("n").expect("a key");
            transaction
                .set_property(at, id.into(), key, Value::Int(2))
                .expect("a node");
        });
        let deleted = commit(&|transaction| transaction.delete_node(at, id).expect("a node"));
        let view = |version| graph.read_at(Version(version)).expect("a version");
        assert_eq!(versions(&view(0), id.into()), []);
        assert_eq!(versions(&view(created), id.into()), [(created, None)]);
        assert_eq!(
            versions(&view(changed), id.into()),
            [(created, Some(changed)), (changed, None)]
        );
        assert_eq!(
            versions(&view(deleted), id.into()),
            [(created, Some(changed)), (changed, Some(deleted))]
        );
    }
}
