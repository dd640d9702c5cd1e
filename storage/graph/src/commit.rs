//! What is said about a commit: what the committer gives, what the header records.

use std::sync::Arc;

use retrograph_ledger::Hash;

use crate::encoding::DecodeError;
use crate::encoding::varint::{Reader, put_i64, put_u64};
use crate::ids::{SystemTime, Version};
use crate::rows::meta::read_shared;
use crate::rows::{put_bytes, read_text};

/// What the committer says about a commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitInfo {
    /// Who commits: the opaque id of a principal.
    pub actor: Arc<str>,
    /// For whom, if for another principal.
    pub on_behalf_of: Option<Arc<str>>,
    /// Where the data comes from, as claimed.
    pub source: Option<Arc<str>>,
    /// What was done, as claimed.
    pub activity: Option<Arc<str>>,
    /// What for, as claimed.
    pub purpose: Option<Arc<str>>,
    /// The step of a job that the commit is.
    pub job: Option<JobStep>,
    /// The idempotency token: a second commit with it is not made, the first one's outcome returned.
    pub token: Option<[u8; 16]>,
    /// The time at which another system recorded the data, for loads of history.
    pub asserted_time: Option<SystemTime>,
}

/// One step of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobStep {
    /// The job.
    pub id: Arc<str>,
    /// The number of the step within it.
    pub sequence: u64,
    /// How far the job's input is consumed after the step; opaque.
    pub watermark: Arc<[u8]>,
}

/// A commit that took place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The version it made, or for a transaction without writes the version it saw.
    pub version: Version,
    /// The time of that version.
    pub time: SystemTime,
}

/// What is recorded about a commit for good. The ledger's leaf is the hash of its canonical bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitHeader {
    /// The version the commit made.
    pub version: Version,
    /// When.
    pub time: SystemTime,
    /// Whether the time is another system's claim (`true`) or this database's own clock.
    pub asserted: bool,
    /// Who committed.
    pub actor: Arc<str>,
    /// For whom, if for another.
    pub on_behalf_of: Option<Arc<str>>,
    /// Where the data comes from, as claimed.
    pub source: Option<Arc<str>>,
    /// What was done, as claimed.
    pub activity: Option<Arc<str>>,
    /// What for, as claimed.
    pub purpose: Option<Arc<str>>,
    /// The step of a job that the commit is.
    pub job: Option<JobStep>,
    /// The idempotency token.
    pub token: Option<[u8; 16]>,
    /// How many effects it has.
    pub effect_count: u64,
    /// The RFC 9162 root over them.
    pub effects_root: Hash,
}

const HEADER_FORMAT: u8 = 1;
const ASSERTED: u8 = 1;
const ON_BEHALF_OF: u8 = 1 << 1;
const SOURCE: u8 = 1 << 2;
const ACTIVITY: u8 = 1 << 3;
const PURPOSE: u8 = 1 << 4;
const JOB: u8 = 1 << 5;
const TOKEN: u8 = 1 << 6;
const KNOWN: u8 = 0x7f;

impl CommitHeader {
    /// The header of a commit made with `info`.
    pub(crate) fn new(
        version: Version,
        time: SystemTime,
        asserted: bool,
        info: CommitInfo,
        effect_count: u64,
        effects_root: Hash,
    ) -> Self {
        Self {
            version,
            time,
            asserted,
            actor: info.actor,
            on_behalf_of: info.on_behalf_of,
            source: info.source,
            activity: info.activity,
            purpose: info.purpose,
            job: info.job,
            token: info.token,
            effect_count,
            effects_root,
        }
    }

    /// The canonical bytes, which the ledger's leaf hashes.
    ///
    /// ```text
    /// header := format(1) flags(1) version time(zigzag) actor
    ///           [on_behalf_of] [source] [activity] [purpose] [job sequence watermark] [token(16)]
    ///           effect count, effects root(32)
    /// ```
    ///
    /// Texts and the watermark have their length before them; what a flag does not announce is
    /// left out.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(96);
        let texts = [
            (ON_BEHALF_OF, &self.on_behalf_of),
            (SOURCE, &self.source),
            (ACTIVITY, &self.activity),
            (PURPOSE, &self.purpose),
        ];
        let mut flags = if self.asserted { ASSERTED } else { 0 };
        for (flag, text) in &texts {
            flags |= if text.is_some() { *flag } else { 0 };
        }
        flags |= if self.job.is_some() { JOB } else { 0 };
        flags |= if self.token.is_some() { TOKEN } else { 0 };
        out.push(HEADER_FORMAT);
        out.push(flags);
        put_u64(self.version.0, &mut out);
        put_i64(self.time.0, &mut out);
        put_bytes(self.actor.as_bytes(), &mut out);
        for text in texts.iter().filter_map(|(_, text)| text.as_ref()) {
            put_bytes(text.as_bytes(), &mut out);
        }
        if let Some(job) = &self.job {
            put_bytes(job.id.as_bytes(), &mut out);
            put_u64(job.sequence, &mut out);
            put_bytes(&job.watermark, &mut out);
        }
        if let Some(token) = &self.token {
            out.extend_from_slice(token);
        }
        put_u64(self.effect_count, &mut out);
        out.extend_from_slice(self.effects_root.as_bytes());
        out
    }

    /// Reads the canonical bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let found = reader.u8("commit header")?;
        if found != HEADER_FORMAT {
            return Err(DecodeError::Unknown {
                what: "format of a commit header",
                found,
                offset: 0,
            });
        }
        let flags = reader.u8("header flags")?;
        if flags & !KNOWN != 0 {
            return Err(DecodeError::Unknown {
                what: "header flags",
                found: flags,
                offset: 1,
            });
        }
        let version = Version(reader.varint("version")?);
        let time = SystemTime(reader.signed("time")?);
        let actor = read_text(&mut reader, "actor")?.into();
        let mut text = |flag: u8, what| -> Result<Option<Arc<str>>, DecodeError> {
            (flags & flag != 0)
                .then(|| Ok(read_text(&mut reader, what)?.into()))
                .transpose()
        };
        let on_behalf_of = text(ON_BEHALF_OF, "on behalf of")?;
        let source = text(SOURCE, "source")?;
        let activity = text(ACTIVITY, "activity")?;
        let purpose = text(PURPOSE, "purpose")?;
        let job = if flags & JOB != 0 {
            Some(JobStep {
                id: read_text(&mut reader, "job")?.into(),
                sequence: reader.varint("job sequence")?,
                watermark: read_shared(&mut reader, "watermark")?,
            })
        } else {
            None
        };
        let token = if flags & TOKEN != 0 {
            Some(reader.array("idempotency token")?)
        } else {
            None
        };
        let header = Self {
            version,
            time,
            asserted: flags & ASSERTED != 0,
            actor,
            on_behalf_of,
            source,
            activity,
            purpose,
            job,
            token,
            effect_count: reader.varint("effect count")?,
            effects_root: Hash(reader.array("effects root")?),
        };
        if reader.remaining() > 0 {
            return Err(DecodeError::Invalid {
                what: "length of a commit header",
                offset: reader.offset(),
            });
        }
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_survive_their_bytes() {
        let full = CommitInfo {
            actor: "ana".into(),
            on_behalf_of: Some("bo".into()),
            source: Some("court".into()),
            activity: Some("import".into()),
            purpose: Some("case-12".into()),
            job: Some(JobStep {
                id: "j".into(),
                sequence: 7,
                watermark: (&b"line 9"[..]).into(),
            }),
            token: Some([3; 16]),
            asserted_time: None,
        };
        for (info, asserted) in [(full, true), (CommitInfo::default(), false)] {
            let header =
                CommitHeader::new(Version(9), SystemTime(-5), asserted, info, 4, Hash([7; 32]));
            let bytes = header.encode();
            assert_eq!(CommitHeader::decode(&bytes).unwrap(), header);
            for length in 0..bytes.len() {
                assert!(CommitHeader::decode(&bytes[..length]).is_err());
            }
        }
    }

    #[test]
    fn a_header_keeps_its_bytes() {
        let info = CommitInfo {
            actor: "a".into(),
            ..CommitInfo::default()
        };
        let header = CommitHeader::new(Version(2), SystemTime(3), false, info, 1, Hash([9; 32]));
        let mut expected = vec![1, 0, 2, 6, 1, b'a', 1];
        expected.extend([9; 32]);
        assert_eq!(header.encode(), expected);
    }
}
