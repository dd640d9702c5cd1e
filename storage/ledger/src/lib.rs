//! RFC 9162 Merkle trees over commits and their effects.
