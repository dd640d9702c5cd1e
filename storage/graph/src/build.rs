//! Building indexes while the graph is read and written.
//!
//! The commit that creates an index only says so: the index is *populating* and has no rows. From
//! then on every commit keeps the rows of what it writes, and *build steps*, small entries of their
//! own between the commits, add the rows of the elements that were there before, in the order of
//! their ids:
//!
//! ```text
//! commit 7: create index     step      commit 8     step       step: nothing is left
//! ──────────────────────────────────────────────────────────────────────────────────▶ log
//! populating, 0 elements     4,096     4,096        8,192      covers_from = 8
//! ```
//!
//! * A step is an entry like any other: what it does follows from the rows and from the bounds it
//!   carries, so every member does the same. It begins where the one before it ended, which the
//!   catalog row of the index remembers; a step that begins elsewhere, or whose index is gone, does
//!   nothing. So steps need no certification, and a build goes on after a crash where it stood.
//! * While an index is populating, its rows are true rows of the present, though not all of them.
//!   Versions before the end of the build are not answered from it, so a row that ends meanwhile
//!   is removed and has no closed twin.
//! * The step that finds nothing left makes the index answer, from the latest version on.
//! * A value that is too long for an index ends the build: the index has *failed*, keeps no rows and
//!   waits to be dropped.
//!
//! Steps are proposed by whoever owns the graph ([`GraphOptions::index_builder`]); without an owner
//! that does it, the commit that creates an index goes on until it is built.
//!
//! [`GraphOptions::index_builder`]: crate::GraphOptions::index_builder

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::catalog::IndexDefinition;
use crate::encoding::DecodeError;
use crate::encoding::varint::{Reader, put_u64};
use crate::error::CommitError;
use crate::graph::Graph;
use crate::ids::{IndexId, KeyId, NodeId, RelationshipId, Version};
use crate::rows::VALUE_KEY_BYTES_MAX;
use crate::rows::meta::Statistic;
use crate::rule::{RuleDefinition, Target};
use crate::transaction::rules::named;

/// Told when there is an index to be built; see [`GraphOptions::index_builder`].
///
/// [`GraphOptions::index_builder`]: crate::GraphOptions::index_builder
pub type BuildWaker = Arc<dyn Fn() + Send + Sync>;

/// How far the building of an index has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    /// Elements are being looked at.
    Populating {
        /// The next one to be looked at.
        next: Position,
        /// How many have been looked at.
        visited: u64,
    },
    /// All rows are there.
    Complete,
    /// It cannot be built.
    Failed {
        /// The id of the element whose value does not fit.
        element: u64,
        /// How long the value is in the index.
        bytes: u64,
    },
}

/// Where a build goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Which of the things that the index is on, counted from 0.
    pub part: u32,
    /// The least id not yet looked at.
    pub id: u64,
}

const POPULATING: u8 = 0;
const COMPLETE: u8 = 1;
const FAILED: u8 = 2;

impl Build {
    /// The build of an index that has just been created.
    pub const START: Self = Self::Populating {
        next: Position { part: 0, id: 0 },
        visited: 0,
    };

    /// Appends the bytes, with the first version that the index answers.
    pub(crate) fn encode(self, covers_from: Version, out: &mut Vec<u8>) {
        match self {
            Self::Populating { next, visited } => {
                out.push(POPULATING);
                put_u64(u64::from(next.part), out);
                put_u64(next.id, out);
                put_u64(visited, out);
            }
            Self::Complete => {
                out.push(COMPLETE);
                put_u64(covers_from.0, out);
            }
            Self::Failed { element, bytes } => {
                out.push(FAILED);
                put_u64(element, out);
                put_u64(bytes, out);
            }
        }
    }

    /// Reads [`Build::encode`].
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<(Self, Version), DecodeError> {
        let offset = reader.offset();
        Ok(match reader.u8("build")? {
            POPULATING => {
                let next = Position {
                    part: reader.varint_u32("part of a build")?,
                    id: reader.varint("position of a build")?,
                };
                let visited = reader.varint("progress of a build")?;
                (Self::Populating { next, visited }, Version::MAX)
            }
            COMPLETE => (Self::Complete, Version(reader.varint("covers from")?)),
            FAILED => {
                let element = reader.varint("element of a build")?;
                let bytes = reader.varint("length of a value")?;
                (Self::Failed { element, bytes }, Version::MAX)
            }
            found => {
                return Err(DecodeError::Unknown {
                    what: "build",
                    found,
                    offset,
                });
            }
        })
    }
}

/// How much one step of a build does. Part of its entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepBounds {
    /// The most elements looked at.
    pub elements: u32,
    /// No more are looked at once their records and rows have this many bytes.
    pub bytes: u32,
}

impl Default for StepBounds {
    /// Some milliseconds of work, which is what a commit may wait behind a step.
    fn default() -> Self {
        Self {
            elements: 4_096,
            bytes: 1 << 20,
        }
    }
}

/// A step as its entry says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuildStep {
    /// The index.
    pub index: IndexId,
    /// Where it begins.
    pub from: Position,
    /// How far it goes.
    pub bounds: StepBounds,
}

impl BuildStep {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_u64(u64::from(self.index.0), out);
        put_u64(u64::from(self.from.part), out);
        put_u64(self.from.id, out);
        put_u64(u64::from(self.bounds.elements), out);
        put_u64(u64::from(self.bounds.bytes), out);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            index: IndexId(reader.varint_u32("index")?),
            from: Position {
                part: reader.varint_u32("part of a build")?,
                id: reader.varint("position of a build")?,
            },
            bounds: StepBounds {
                elements: reader.varint_u32("elements of a step")?,
                bytes: reader.varint_u32("bytes of a step")?,
            },
        })
    }
}

/// What users are told of an index that was built, or is being built, step by step.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexBuild {
    /// The index.
    pub id: IndexId,
    /// Its name.
    pub name: Arc<str>,
    /// How far it has come.
    pub build: Build,
    /// How much of it is done, from 0 to 1.
    pub done: f64,
    /// Why it failed and what to do, if it did.
    pub failure: Option<String>,
}

/// An index was waited for in vain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AwaitError {
    /// There is no index of that name.
    #[error("there is no index named {0}; SHOW INDEXES lists those there are")]
    NoSuchIndex(Box<str>),
    /// It will never answer.
    #[error("index {name} cannot be built: {failure}")]
    Failed {
        /// Its name.
        name: Arc<str>,
        /// Why.
        failure: String,
    },
}

impl Graph {
    /// The indexes that do not answer yet, or never will: populating or failed, by number.
    #[must_use]
    pub fn index_builds(&self) -> Vec<IndexBuild> {
        let catalog = self.catalog.load();
        let indexes = catalog
            .all_indexes()
            .filter(|index| index.dropped.is_none())
            .filter_map(|index| self.index_build(index));
        let rules = catalog
            .all_rules()
            .filter(|rule| rule.dropped.is_none())
            .filter_map(|rule| self.rule_build(rule));
        let mut builds: Vec<_> = indexes
            .chain(rules)
            .filter(|build| build.build != Build::Complete)
            .collect();
        builds.sort_unstable_by_key(|build| build.id);
        builds
    }

    /// How far an index has come that is built step by step.
    #[must_use]
    pub fn index_build(&self, index: &IndexDefinition) -> Option<IndexBuild> {
        let targets = [Target::Label(index.label)];
        let keys = [index.key];
        self.describe(index.build?, (index.id, &index.name), &targets, &keys)
    }

    /// How far the rows of a rule have come that are built step by step.
    #[must_use]
    pub fn rule_build(&self, rule: &RuleDefinition) -> Option<IndexBuild> {
        self.describe(
            rule.build?,
            (rule.id, &rule.name),
            &rule.targets,
            &rule.keys,
        )
    }

    fn describe(
        &self,
        build: Build,
        (id, name): (IndexId, &Arc<str>),
        targets: &[Target],
        keys: &[KeyId],
    ) -> Option<IndexBuild> {
        let done = match build {
            Build::Populating { visited, .. } => {
                let counts = self.counts.read();
                let of_target = |target: &Target| {
                    let statistic = match target {
                        Target::Label(label) => Statistic::Label(*label),
                        Target::Type(type_id) => Statistic::Type(*type_id),
                    };
                    counts.get(&statistic).copied().unwrap_or(0)
                };
                share(visited, targets.iter().map(of_target).sum())
            }
            Build::Complete => 1.0,
            Build::Failed { .. } => 0.0,
        };
        let failure = match build {
            Build::Failed { element, bytes } => {
                let names = self.catalog_at(Version::MAX);
                let keys = keys.iter().filter_map(|key| names.key_name(*key));
                let keys: Vec<_> = keys.collect();
                let element = match targets.first() {
                    Some(Target::Type(_)) => named(RelationshipId(element).into()),
                    _ => named(NodeId(element).into()),
                };
                Some(format!(
                    "the value of {} of {element} takes {bytes} bytes in the index, the most is \
                     {VALUE_KEY_BYTES_MAX}: shorten it, then drop the index and create it again",
                    keys.join(", "),
                ))
            }
            _ => None,
        };
        Some(IndexBuild {
            id,
            name: Arc::clone(name),
            build,
            done,
            failure,
        })
    }

    /// Takes one step of the oldest index that is populating, and waits until it is applied. Returns
    /// whether there was one.
    ///
    /// # Errors
    /// If this member does not lead, or the log takes no entries.
    pub fn build_step(&self, bounds: StepBounds) -> Result<bool, CommitError> {
        let step = self.index_builds().into_iter().find_map(|index| {
            let Build::Populating { next, .. } = index.build else {
                return None;
            };
            Some(BuildStep {
                index: index.id,
                from: next,
                bounds,
            })
        });
        match step {
            Some(step) => self.sequencer.build(&step).map(|()| true),
            None => Ok(false),
        }
    }

    /// Builds all indexes that are populating, in the calling thread. `go_on` is asked before each
    /// step; once it says no, the rest is left.
    ///
    /// # Errors
    /// As [`Graph::build_step`].
    pub fn build_indexes(&self, mut go_on: impl FnMut() -> bool) -> Result<(), CommitError> {
        while go_on() && self.build_step(StepBounds::default())? {}
        Ok(())
    }

    /// Tells the builder if there is something to be built. Without one, builds it here.
    pub(crate) fn build_what_is_new(&self) {
        if self.options.index_builder.is_some() {
            self.wake_builder();
        } else {
            // The index was created all the same, and says of itself that it is populating; the log
            // that failed here fails whoever writes next.
            let _ = self.build_indexes(|| true);
        }
    }

    pub(crate) fn wake_builder(&self) {
        if let Some(waker) = &self.options.index_builder
            && self.has_populating_index()
        {
            waker();
        }
    }

    /// Whether some index is populating.
    #[must_use]
    pub fn has_populating_index(&self) -> bool {
        let builds = self.index_builds();
        let mut builds = builds.iter();
        builds.any(|index| matches!(index.build, Build::Populating { .. }))
    }

    /// Waits until an index answers, or all do if no name is given; no longer than `patience`.
    /// Returns whether they do. Failed indexes count only if asked for by name.
    ///
    /// # Errors
    /// If there is no index of that name, or it has failed.
    pub fn await_index(&self, name: Option<&str>, patience: Duration) -> Result<bool, AwaitError> {
        let end = Instant::now() + patience;
        if self.options.index_builder.is_none() && self.is_leading() {
            // There is nobody else; an error is met by whoever writes next.
            let _ = self.build_indexes(|| Instant::now() < end);
        }
        loop {
            // Held while looking, so that no step is missed between looking and waiting.
            let mut published = self.published.lock();
            if self.answers(name)? {
                return Ok(true);
            }
            if self.advanced.wait_until(&mut published, end).timed_out() {
                return Ok(false);
            }
        }
    }

    fn answers(&self, name: Option<&str>) -> Result<bool, AwaitError> {
        let Some(name) = name else {
            return Ok(!self.has_populating_index());
        };
        let builds = self.index_builds();
        match builds.into_iter().find(|index| *index.name == *name) {
            Some(IndexBuild {
                name,
                failure: Some(failure),
                ..
            }) => Err(AwaitError::Failed { name, failure }),
            Some(_) => Ok(false),
            None if self.catalog.load().has_index_named(name) => Ok(true),
            None => Err(AwaitError::NoSuchIndex(name.into())),
        }
    }
}

/// The share of a whole that may be smaller than what was counted of it, or empty.
fn share(part: u64, whole: u64) -> f64 {
    if part >= whole {
        return 1.0;
    }
    part as f64 / whole as f64
}

/// Bytes on disk do not change with the program.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_keep_their_bytes() {
        let populating = Build::Populating {
            next: Position { part: 1, id: 300 },
            visited: 7,
        };
        let failed = Build::Failed {
            element: 9,
            bytes: 300,
        };
        for (build, covers_from, expected) in [
            (populating, Version::MAX, vec![0, 1, 0xac, 0x02, 7]),
            (Build::Complete, Version(5), vec![1, 5]),
            (failed, Version::MAX, vec![2, 9, 0xac, 0x02]),
        ] {
            let mut bytes = Vec::new();
            build.encode(covers_from, &mut bytes);
            assert_eq!(bytes, expected);
            let decoded = Build::decode(&mut Reader::new(&bytes)).unwrap();
            assert_eq!(decoded, (build, covers_from));
        }
        assert!(Build::decode(&mut Reader::new(&[3])).is_err());
    }

    #[test]
    fn a_share_is_never_more_than_the_whole() {
        assert!((share(1, 4) - 0.25).abs() < 1e-9);
        assert!((share(5, 4) - 1.0).abs() < 1e-9);
        assert!((share(0, 0) - 1.0).abs() < 1e-9);
    }
}
