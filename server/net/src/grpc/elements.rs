//! Elements as they were, and commits, as they are told.

use retrograph_engine::output::{NodeOutput, RelationshipOutput, element_id};
use retrograph_graph::ids::{ElementId, NodeId, RelationshipId};
use retrograph_graph::{CommitHeader, Graph, GraphError, GraphRead};
use retrograph_proto::v1;
use retrograph_proto::v1::element::Kind;
use tonic::Status;

use super::{status, terms, values};
use crate::{bookmark, failures};

/// What a client is told that the store has refused.
pub fn refused(error: GraphError) -> Status {
    status::of(&failures::of_graph(&error))
}

/// The element of an element id.
pub fn named(text: &str) -> Result<ElementId, Status> {
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u64>().ok().filter(|_| is_number)
    };
    let element = match text.split_once(':') {
        Some(("n", id)) => number(id).map(|id| ElementId::Node(NodeId(id))),
        Some(("r", id)) => number(id).map(|id| ElementId::Relationship(RelationshipId(id))),
        _ => None,
    };
    element.ok_or_else(|| status::invalid("element_id", "no element id of this server"))
}

/// An element as a view shows it, if it does.
pub fn seen(read: &GraphRead, element: ElementId) -> Result<Option<v1::Element>, Status> {
    let kind = match element {
        ElementId::Node(id) => NodeOutput::read(id, read)
            .map_err(refused)?
            .map(|node| Kind::Node(values::of_node(node))),
        ElementId::Relationship(id) => RelationshipOutput::read(id, read)
            .map_err(refused)?
            .map(|of| Kind::Relationship(values::of_relationship(of))),
    };
    Ok(kind.map(|kind| v1::Element { kind: Some(kind) }))
}

/// What became of an element between two views.
pub fn change(
    element: ElementId,
    before: &GraphRead,
    after: &GraphRead,
) -> Result<v1::ElementChange, Status> {
    Ok(v1::ElementChange {
        element_id: element_id(element),
        before: seen(before, element)?,
        after: seen(after, element)?,
    })
}

/// A commit.
pub fn commit(graph: &Graph, header: &CommitHeader) -> v1::Commit {
    let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().map(str::to_owned);
    v1::Commit {
        version: header.version.0,
        time: Some(terms::timestamp(header.time)),
        time_is_asserted: header.asserted,
        actor: header.actor.to_string(),
        on_behalf_of: text(&header.on_behalf_of),
        source: text(&header.source),
        activity: text(&header.activity),
        purpose: text(&header.purpose),
        job: header.job.as_ref().map(|step| v1::JobStep {
            job: step.id.to_string(),
            sequence: step.sequence,
        }),
        effects: header.effect_count,
        bookmark: bookmark::of(graph, header.version).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn element_ids_are_read_as_they_are_told() {
        for element in [
            ElementId::Node(NodeId(0)),
            ElementId::Relationship(RelationshipId(u64::MAX)),
        ] {
            assert_eq!(named(&element_id(element)).ok(), Some(element));
        }
        for bad in [
            "",
            "n",
            "n:",
            "n:-1",
            "n:+1",
            "x:1",
            "n:18446744073709551616",
        ] {
            assert!(named(bad).is_err(), "{bad}");
        }
    }
}
