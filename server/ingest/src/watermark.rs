//! Watermarks: what a commit of an import remembers about how far it has come.
//!
//! Besides the number of events consumed, a watermark says which node each event that made one got,
//! as runs of consecutive ids. An import that resumes reads its source again from the start and takes
//! the nodes from there, so that it needs neither a file of its own nor ids stored as properties.

use retrograph_graph::encoding::varint::{Reader, put_u64};
use retrograph_graph::ids::NodeId;

const FORMAT: u8 = 1;

/// Consecutive nodes made one after the other, or attempts that made none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// The first node; none for attempts that were rejected.
    pub(crate) first: Option<NodeId>,
    /// How many.
    pub(crate) count: u64,
}

/// The nodes of attempts to make one, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Runs(pub(crate) Vec<Run>);

impl Runs {
    pub(crate) fn push(&mut self, node: Option<NodeId>) {
        if let Some(last) = self.0.last_mut() {
            let continues = match (last.first, node) {
                (Some(first), Some(node)) => first.0 + last.count == node.0,
                (None, None) => true,
                _ => false,
            };
            if continues {
                last.count += 1;
                return;
            }
        }
        self.0.push(Run {
            first: node,
            count: 1,
        });
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Option<NodeId>> + '_ {
        self.0.iter().flat_map(|run| {
            (0..run.count).map(|offset| run.first.map(|first| NodeId(first.0 + offset)))
        })
    }
}

/// What the commit of a batch remembers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Watermark {
    /// Which input the import began with, see [`crate::source::Source::fingerprint`].
    pub(crate) fingerprint: String,
    /// The number of events consumed up to and including this batch.
    pub(crate) events: u64,
    /// The number of them that were rejected.
    pub(crate) rejects: u64,
    /// Whether the source is consumed.
    pub(crate) is_end: bool,
    /// The nodes of this batch.
    pub(crate) nodes: Runs,
}

impl Watermark {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![FORMAT, u8::from(self.is_end)];
        put_u64(self.events, &mut bytes);
        put_u64(self.rejects, &mut bytes);
        put_u64(self.fingerprint.len() as u64, &mut bytes);
        bytes.extend_from_slice(self.fingerprint.as_bytes());
        for run in &self.nodes.0 {
            // 0 stands for "no node", so ids are shifted by one.
            put_u64(run.first.map_or(0, |first| first.0 + 1), &mut bytes);
            put_u64(run.count, &mut bytes);
        }
        bytes
    }

    /// None if the bytes are no watermark of an import.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (&[FORMAT, is_end], rest) = bytes.split_first_chunk::<2>()? else {
            return None;
        };
        let mut reader = Reader::new(rest);
        let (events, rejects) = (
            reader.varint("events").ok()?,
            reader.varint("rejects").ok()?,
        );
        let length = reader.count(1, "fingerprint").ok()?;
        let fingerprint = reader.take(length, "fingerprint").ok()?;
        let fingerprint = std::str::from_utf8(fingerprint).ok()?.to_owned();
        let mut nodes = Runs::default();
        while !reader.rest().is_empty() {
            let first = reader.varint("run").ok()?.checked_sub(1).map(NodeId);
            nodes.0.push(Run {
                first,
                count: reader.varint("run").ok()?,
            });
        }
        Some(Self {
            fingerprint,
            events,
            rejects,
            is_end: is_end == 1,
            nodes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_as_it_was() {
        let mut nodes = Runs::default();
        let made = [
            Some(4096),
            Some(4097),
            None,
            None,
            Some(4098),
            Some(8192),
            None,
        ];
        made.iter().for_each(|node| nodes.push(node.map(NodeId)));
        assert_eq!(nodes.0.len(), 5);
        let fingerprint = "csv people.csv:120".to_owned();
        let watermark = Watermark {
            fingerprint,
            events: 77,
            rejects: 3,
            is_end: true,
            nodes,
        };
        let bytes = watermark.encode();
        let read = Watermark::decode(&bytes).unwrap();
        assert_eq!(read, watermark);
        let nodes: Vec<_> = read
            .nodes
            .iter()
            .map(|node| node.map(|node| node.0))
            .collect();
        assert_eq!(nodes, made);
        assert_eq!(Watermark::decode(&bytes[..5]), None);
        assert_eq!(Watermark::decode(b""), None);
    }
}
