//! The hash of a tree, and the two hash functions of RFC 9162.
//!
//! Bulk import sends every effect through [`leaf_hash`] and one [`node_hash`], so both avoid the
//! buffering of a streaming digest: the padded message is laid out on the stack and handed to the
//! compression function. Tests hold them to the streaming digest for every length around a block.

use std::fmt;
use std::str::FromStr;

use sha2::block_api::compress256;
use sha2::{Digest, Sha256};

/// The prefix that makes a hash a leaf's.
const LEAF_PREFIX: u8 = 0x00;
/// The prefix that makes a hash an inner node's.
const NODE_PREFIX: u8 = 0x01;

/// The initial state of SHA-256 (FIPS 180-4, section 5.3.3).
const INITIAL_STATE: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// The longest leaf that fits two blocks: prefix, data, the padding bit and the length.
const SHORT_LEAF_BYTES_MAX: usize = 128 - 1 - 1 - 8;

/// A SHA-256 hash: of a leaf, of an inner node, or of a whole tree.
///
/// Shown and parsed as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The length of a hash in bytes.
    pub const BYTES: usize = 32;

    /// The bytes of the hash.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl AsRef<[u8]> for Hash {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<[u8; 32]> for Hash {
    fn from(bytes: [u8; 32]) -> Self {
        Hash(bytes)
    }
}

impl TryFrom<&[u8]> for Hash {
    type Error = std::array::TryFromSliceError;

    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        bytes.try_into().map(Hash)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text is not a hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a hash is 64 hexadecimal digits, this is {0:?}")]
pub struct ParseHashError(pub String);

impl FromStr for Hash {
    type Err = ParseHashError;

    /// Reads 64 hexadecimal digits of either case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || ParseHashError(text.to_owned());
        let digits = text.as_bytes();
        if digits.len() != 2 * Hash::BYTES {
            return Err(refused());
        }
        let mut hash = Hash::default();
        for (byte, pair) in hash.0.iter_mut().zip(digits.chunks_exact(2)) {
            let high = char::from(pair[0]).to_digit(16).ok_or_else(refused)?;
            let low = char::from(pair[1]).to_digit(16).ok_or_else(refused)?;
            *byte = (high * 16 + low) as u8;
        }
        Ok(hash)
    }
}

/// The hash of a leaf: `SHA-256(0x00 ‖ data)`.
pub fn leaf_hash(data: &[u8]) -> Hash {
    if data.len() > SHORT_LEAF_BYTES_MAX {
        let mut hasher = LeafHasher::new();
        hasher.update(data);
        return hasher.finish();
    }
    let mut message = [0; 128];
    message[0] = LEAF_PREFIX;
    message[1..=data.len()].copy_from_slice(data);
    padded_hash(&mut message, 1 + data.len())
}

/// The hash of an inner node: `SHA-256(0x01 ‖ left ‖ right)`.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut message = [0; 128];
    message[0] = NODE_PREFIX;
    message[1..33].copy_from_slice(&left.0);
    message[33..65].copy_from_slice(&right.0);
    padded_hash(&mut message, 65)
}

/// The root of the tree without leaves: `SHA-256()`.
pub fn empty_root() -> Hash {
    Hash(Sha256::digest(b"").into())
}

/// The hash of a leaf whose data comes in pieces.
#[derive(Clone)]
pub struct LeafHasher(Sha256);

impl LeafHasher {
    /// A hasher of a leaf without data yet.
    pub fn new() -> Self {
        LeafHasher(Sha256::new_with_prefix([LEAF_PREFIX]))
    }

    /// Appends `data` to the leaf.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// The hash of everything appended.
    pub fn finish(self) -> Hash {
        Hash(self.0.finalize().into())
    }
}

impl Default for LeafHasher {
    fn default() -> Self {
        Self::new()
    }
}

/// Hashes the first `length` bytes of `message`, whose remaining bytes are zero.
///
/// `length` leaves room for the padding: at most 119 bytes.
fn padded_hash(message: &mut [u8; 128], length: usize) -> Hash {
    let padded_length = if length + 9 <= 64 { 64 } else { 128 };
    message[length] = 0x80;
    message[padded_length - 8..padded_length].copy_from_slice(&(length as u64 * 8).to_be_bytes());
    let (blocks, _) = message[..padded_length].as_chunks::<64>();
    let mut state = INITIAL_STATE;
    compress256(&mut state, blocks);
    let mut hash = Hash::default();
    for (bytes, word) in hash.0.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_leaves_agree_with_the_streaming_digest() {
        let data: Vec<u8> = (0..300).map(|i| (i * 7 % 251) as u8).collect();
        for length in 0..data.len() {
            let expected = Sha256::digest([&[0][..], &data[..length]].concat());
            assert_eq!(
                leaf_hash(&data[..length]).0,
                <[u8; 32]>::from(expected),
                "{length} bytes"
            );
            let mut in_pieces = LeafHasher::new();
            let (first, second) = data[..length].split_at(length / 3);
            in_pieces.update(first);
            in_pieces.update(second);
            assert_eq!(in_pieces.finish(), leaf_hash(&data[..length]));
        }
    }

    #[test]
    fn a_node_agrees_with_the_streaming_digest() {
        let (left, right) = (leaf_hash(b"left"), leaf_hash(b"right"));
        let expected = Sha256::digest([&[1][..], &left.0, &right.0].concat());
        assert_eq!(node_hash(&left, &right).0, <[u8; 32]>::from(expected));
    }

    #[test]
    fn text_and_back() {
        let hash = leaf_hash(b"");
        let text = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
        assert_eq!(hash.to_string(), text);
        assert_eq!(text.parse(), Ok(hash));
        assert_eq!(text.to_uppercase().parse(), Ok(hash));
        for wrong in [
            "",
            "6e",
            &text[1..],
            &format!("{}g", &text[1..]),
            &"é".repeat(32),
        ] {
            assert_eq!(wrong.parse::<Hash>(), Err(ParseHashError(wrong.to_owned())));
        }
    }
}
