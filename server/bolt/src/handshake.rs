//! The handshake: which version the connection speaks.
//!
//! ```text
//! C: 60 60 B0 17                         who I am
//! C: 00 00 01 FF  00 08 08 05  …         four proposals, the most wanted first
//! S: 00 00 08 05                         the version, or zeros and the end
//! ```
//!
//! A proposal names a version and how many minor versions below it will do as well. One of them may be
//! `00 00 01 FF`: the client wants to choose from a manifest. The server then sends
//!
//! ```text
//! S: 00 00 01 FF  03                     manifest 1; three ranges follow
//! S: 00 02 08 05  00 04 04 05  00 00 04 04
//! S: 00                                  no capabilities
//! C: 00 00 08 05  00                     the choice, and the capabilities wanted of those offered
//! ```

use crate::version::{SUPPORTED, Version};

const MAGIC: [u8; 4] = [0x60, 0x60, 0xB0, 0x17];
const MANIFEST: [u8; 4] = [0, 0, 1, 0xFF];
const PROPOSALS: usize = 4;
const OPENING_BYTES: usize = 4 + 4 * PROPOSALS;
/// A 64-bit number in groups of seven bits.
const VARINT_BYTES_MAX: usize = 10;

/// Why there is no agreement. The connection ends.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The client speaks something else.
    #[error("the client does not speak Bolt: it began with {0:02x?}")]
    NotBolt([u8; 4]),
    /// The client wants versions that are not spoken here.
    #[error("the client proposes no version that is spoken here: {0:02x?}")]
    NoCommonVersion([[u8; 4]; PROPOSALS]),
    /// The client chose from the manifest what is not in it.
    #[error("the client chose {0:02x?}, which is not in the manifest")]
    NotInManifest([u8; 4]),
    /// The client wants capabilities that were not offered.
    #[error("the client chose capabilities that were not offered")]
    UnknownCapabilities,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// The version.
    pub version: Version,
    /// Whether the client chose it from a manifest.
    pub by_manifest: bool,
}

/// The server's side of the handshake.
#[derive(Debug, Default)]
pub struct Handshake {
    input: Vec<u8>,
    awaits_choice: bool,
}

impl Handshake {
    /// Takes bytes from the front of `input`, and appends the answer to `out`. Bytes behind the end of
    /// the handshake are left.
    ///
    /// # Errors
    /// If there is no agreement; what is in `out` is still to be sent.
    pub fn advance(
        &mut self,
        input: &mut &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Agreement>, HandshakeError> {
        while let Some((&byte, rest)) = input.split_first() {
            *input = rest;
            self.input.push(byte);
            let agreement = if self.awaits_choice {
                self.choice()?
            } else {
                self.opening(out)?
            };
            if agreement.is_some() {
                return Ok(agreement);
            }
        }
        Ok(None)
    }

    fn opening(&mut self, out: &mut Vec<u8>) -> Result<Option<Agreement>, HandshakeError> {
        let known = self.input.len().min(MAGIC.len());
        if self.input[..known] != MAGIC[..known] {
            let mut began = [0; 4];
            began[..known].copy_from_slice(&self.input[..known]);
            return Err(HandshakeError::NotBolt(began));
        }
        let Some(opening) = self.input.first_chunk::<OPENING_BYTES>() else {
            return Ok(None);
        };
        let mut proposals = [[0; 4]; PROPOSALS];
        for (proposal, bytes) in proposals.iter_mut().zip(opening[4..].chunks(4)) {
            proposal.copy_from_slice(bytes);
        }
        self.input.clear();
        for proposal in proposals {
            if proposal == MANIFEST {
                self.awaits_choice = true;
                out.extend_from_slice(&manifest());
                return Ok(None);
            }
            if let Some(version) = best_of(proposal) {
                out.extend_from_slice(&[0, 0, version.minor, version.major]);
                return Ok(Some(Agreement {
                    version,
                    by_manifest: false,
                }));
            }
        }
        out.extend_from_slice(&[0; 4]);
        Err(HandshakeError::NoCommonVersion(proposals))
    }

    fn choice(&self) -> Result<Option<Agreement>, HandshakeError> {
        let Some((&choice, capabilities)) = self.input.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let version = Version::new(choice[3], choice[2]);
        if choice[..2] != [0, 0] || !version.is_supported() {
            return Err(HandshakeError::NotInManifest(choice));
        }
        match capabilities {
            [] => Ok(None),
            // Zero may be written at any length.
            [before @ .., 0] if before.iter().all(|&byte| byte == 0x80) => Ok(Some(Agreement {
                version,
                by_manifest: true,
            })),
            bytes if bytes.iter().all(|&byte| byte == 0x80) && bytes.len() < VARINT_BYTES_MAX => {
                Ok(None)
            }
            _ => Err(HandshakeError::UnknownCapabilities),
        }
    }
}

/// The newest version that a proposal covers.
fn best_of([_, range, minor, major]: [u8; 4]) -> Option<Version> {
    let covered = minor.saturating_sub(range)..=minor;
    SUPPORTED
        .into_iter()
        .find(|version| version.major == major && covered.contains(&version.minor))
}

/// The manifest: the versions spoken as ranges, newest first, and no capabilities.
fn manifest() -> Vec<u8> {
    let mut ranges: Vec<[u8; 4]> = Vec::new();
    for version in SUPPORTED {
        match ranges.last_mut() {
            Some([_, range, minor, major])
                if *major == version.major && *minor - *range == version.minor + 1 =>
            {
                *range += 1;
            }
            _ => ranges.push([0, 0, version.minor, version.major]),
        }
    }
    let mut out = MANIFEST.to_vec();
    // Fewer than 128 ranges: one byte each for their number and for the capabilities.
    out.push(ranges.len() as u8);
    out.extend(ranges.iter().flatten());
    out.push(0);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    type Answer = (Vec<u8>, Result<Option<Agreement>, HandshakeError>, Vec<u8>);

    /// What the server says, what comes of it, and what is left of the input.
    fn shake(bytes: &[u8]) -> Answer {
        let mut handshake = Handshake::default();
        let (mut out, mut input) = (Vec::new(), bytes);
        let result = handshake.advance(&mut input, &mut out);
        (out, result, input.to_vec())
    }

    fn opening(proposals: [[u8; 4]; 4]) -> Vec<u8> {
        [MAGIC].into_iter().chain(proposals).flatten().collect()
    }

    fn agreed(major: u8, minor: u8) -> Result<Option<Agreement>, HandshakeError> {
        Ok(Some(Agreement {
            version: Version::new(major, minor),
            by_manifest: false,
        }))
    }

    const NONE: [u8; 4] = [0; 4];

    #[test]
    fn the_first_proposal_that_is_spoken_wins_and_of_its_range_the_newest() {
        for (proposals, answer) in [
            ([[0, 8, 8, 5], [0, 2, 4, 4], NONE, [0, 0, 0, 3]], (5, 8)),
            ([[0, 0, 9, 5], [0, 2, 7, 5], [0, 0, 8, 5], NONE], (5, 7)),
            ([[0, 0, 4, 4], [0, 8, 8, 5], NONE, NONE], (4, 4)),
            ([[0, 3, 4, 4], NONE, NONE, NONE], (4, 4)),
            // 5.5 does not exist: what covers it gets the version below.
            ([[0, 5, 5, 5], NONE, NONE, NONE], (5, 4)),
            ([[0, 255, 255, 5], NONE, NONE, NONE], (5, 8)),
        ] {
            let (out, result, _) = shake(&opening(proposals));
            assert_eq!(out, [0, 0, answer.1, answer.0], "{proposals:x?}");
            assert_eq!(result, agreed(answer.0, answer.1));
        }
    }

    #[test]
    fn versions_that_are_not_spoken_are_answered_with_zeros() {
        for proposals in [
            [[0, 0, 5, 5], [0, 0, 3, 4], [0, 0, 0, 3], [0, 0, 0, 6]],
            [NONE; 4],
        ] {
            let (out, result, _) = shake(&opening(proposals));
            assert_eq!(out, NONE);
            assert_eq!(result, Err(HandshakeError::NoCommonVersion(proposals)));
        }
    }

    #[test]
    fn what_is_not_bolt_is_known_by_its_first_byte_that_differs() {
        let (out, result, _) = shake(b"GET / HTTP/1.1\r\n");
        assert!(out.is_empty());
        assert_eq!(result, Err(HandshakeError::NotBolt([b'G', 0, 0, 0])));
        assert!(shake(&[0x60, 0x60, 0xB0, 0x18]).1.is_err());
    }

    #[test]
    fn a_client_chooses_from_the_manifest() {
        let mut bytes = opening([MANIFEST, [0, 8, 8, 5], [0, 2, 4, 4], NONE]);
        bytes.extend([0, 0, 7, 5, 0, 0xAA]);
        let (out, result, rest) = shake(&bytes);
        let expected = [0, 0, 1, 0xFF, 3, 0, 2, 8, 5, 0, 4, 4, 5, 0, 0, 4, 4, 0];
        assert_eq!(out, expected);
        let agreement = result.expect("agreed").expect("complete");
        assert_eq!(agreement.version, Version::new(5, 7));
        assert!(agreement.by_manifest);
        assert_eq!(rest, [0xAA], "the first message is left");
    }

    #[test]
    fn choices_that_are_not_in_the_manifest_are_refused() {
        for (choice, is_refused) in [
            (vec![0, 0, 5, 5, 0], true),
            (vec![0, 0, 0, 6, 0], true),
            (vec![0, 1, 8, 5, 0], true),
            (vec![0, 0, 8, 5, 1], true),
            (vec![0, 0, 8, 5, 0x80, 0], false),
            (vec![0, 0, 8, 5, 0x80, 0x80], false),
            (vec![0, 0, 8, 5, 0x80, 1], true),
            ([vec![0, 0, 8, 5], vec![0x80; 12]].concat(), true),
        ] {
            let mut bytes = opening([MANIFEST, NONE, NONE, NONE]);
            bytes.extend(&choice);
            assert_eq!(shake(&bytes).1.is_err(), is_refused, "{choice:x?}");
        }
    }

    #[test]
    fn the_pieces_in_which_bytes_arrive_do_not_matter() {
        let mut bytes = opening([NONE, MANIFEST, NONE, NONE]);
        bytes.extend([0, 0, 4, 4, 0]);
        let mut handshake = Handshake::default();
        let mut out = Vec::new();
        let mut agreement = None;
        for byte in &bytes {
            assert_eq!(agreement, None);
            agreement = handshake
                .advance(&mut std::slice::from_ref(byte), &mut out)
                .expect("agreed");
        }
        assert_eq!(agreement.map(|it| it.version), Some(Version::new(4, 4)));
    }
}
