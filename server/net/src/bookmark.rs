//! Bookmarks: what a later transaction has to see, as a string that clients carry around.
//!
//! `rg:<graph id>:<incarnation>:<version>`, the graph id in hexadecimal. Clients hand over the bookmarks
//! of all graphs they know; only those of the graph at hand concern a transaction. What was acknowledged
//! is applied, so on one member there is nothing to wait for; a bookmark beyond the latest version tells
//! of a state that this data directory never had or has lost.

use retrograph_bolt::Failure;
use retrograph_bolt::failure::code;
use retrograph_graph::Graph;
use retrograph_graph::ids::Version;

const PREFIX: &str = "rg";

/// The bookmark of a version.
pub fn of(graph: &Graph, version: Version) -> Option<String> {
    let identity = graph.identity()?;
    let id = u128::from_be_bytes(identity.graph);
    Some(format!(
        "{PREFIX}:{id:032x}:{}:{version}",
        identity.incarnation
    ))
}

/// Whether the graph has got as far as the bookmarks say.
pub fn check(graph: &Graph, bookmarks: &[String]) -> Result<(), Failure> {
    let latest = graph.latest();
    for bookmark in bookmarks {
        let Some((id, incarnation, version)) = parse(bookmark) else {
            return Err(Failure::new(
                code::INVALID_BOOKMARK,
                format!("`{bookmark}` is no bookmark of this server"),
            ));
        };
        let Some(identity) = graph.identity() else {
            continue;
        };
        if id != u128::from_be_bytes(identity.graph) {
            continue;
        }
        if incarnation != identity.incarnation {
            return Err(Failure::new(
                code::INVALID_BOOKMARK,
                format!(
                    "`{bookmark}` is of incarnation {incarnation} of the graph, which is now {}",
                    identity.incarnation
                ),
            ));
        }
        if version > latest {
            return Err(Failure::new(
                code::BOOKMARK_TIMEOUT,
                format!("`{bookmark}` is ahead of the graph, whose latest version is {latest}"),
            ));
        }
    }
    Ok(())
}

/// The version of the graph that a bookmark stands for. One of another graph is refused.
pub fn version_in(graph: &Graph, bookmark: &str) -> Result<Version, Failure> {
    check(graph, std::slice::from_ref(&bookmark.to_owned()))?;
    let identity = graph.identity();
    match (parse(bookmark), identity) {
        (Some((id, _, version)), Some(identity)) if id == u128::from_be_bytes(identity.graph) => {
            Ok(version)
        }
        _ => Err(Failure::new(
            code::INVALID_BOOKMARK,
            format!("`{bookmark}` is of another graph"),
        )),
    }
}

fn parse(bookmark: &str) -> Option<(u128, u64, Version)> {
    let mut parts = bookmark.split(':');
    if parts.next() != Some(PREFIX) {
        return None;
    }
    let id = parts.next().filter(|id| id.len() == 32)?;
    let id = u128::from_str_radix(id, 16).ok()?;
    let incarnation = parts.next()?.parse().ok()?;
    let version = parts.next()?.parse().ok()?;
    parts
        .next()
        .is_none()
        .then_some((id, incarnation, Version(version)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bookmarks_are_read_as_they_are_written() {
        let graph = Graph::in_memory().expect("in memory");
        let bookmark = of(&graph, Version(0)).expect("an identity");
        assert_eq!(check(&graph, std::slice::from_ref(&bookmark)), Ok(()));
        let ahead = of(&graph, Version(7)).expect("an identity");
        let failure = check(&graph, &[bookmark.clone(), ahead]).expect_err("ahead");
        assert_eq!(failure.code, code::BOOKMARK_TIMEOUT);
        // One of another graph says nothing about this one.
        let other = format!("rg:{:032x}:1:99", 7);
        assert_eq!(check(&graph, std::slice::from_ref(&other)), Ok(()));
        assert!(version_in(&graph, &other).is_err());
        assert_eq!(version_in(&graph, &bookmark), Ok(Version(0)));
        for bad in ["", "rg", "neo4j:1", "rg:00:1:1", &format!("{bookmark}:1")] {
            let failure = check(&graph, &[bad.to_owned()]).expect_err("bad");
            assert_eq!(failure.code, code::INVALID_BOOKMARK, "{bad}");
        }
    }
}
