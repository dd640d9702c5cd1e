//! Ledgers of any size against `ct-merkle`'s tree in memory, and what must be refused.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use retrograph_ledger::{
    Builder, Hash, Ledger, LedgerError, MemoryTiles, ProofError, TileId, TileStore, TreeReader,
    empty_root, leaf_hash, root_of, verify_consistency, verify_inclusion,
};
use sha2::Sha256;

fn leaf(index: u64) -> Vec<u8> {
    format!("entry {index}").into_bytes()
}

/// A model and a ledger over the same `size` leaves, the ledger reopened every `reopen` leaves.
fn both(size: u64, reopen: u64) -> (MemoryBackedTree<Sha256, Vec<u8>>, MemoryTiles, Ledger) {
    let mut model = MemoryBackedTree::new();
    let (mut ledger, mut tiles) = (Ledger::new(), MemoryTiles::new());
    for index in 0..size {
        if index % reopen == reopen - 1 {
            ledger = Ledger::open(&tiles, index).expect("all tiles");
        }
        model.push(leaf(index));
        tiles.put(&ledger.append(leaf_hash(&leaf(index))));
    }
    (model, tiles, ledger)
}

fn digests(proof: &[u8]) -> Vec<Hash> {
    proof
        .as_chunks()
        .0
        .iter()
        .map(|bytes| Hash(*bytes))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn roots_and_proofs_are_those_of_the_model(
        size in 1u64..1200,
        reopen in 1u64..700,
        index in any::<prop::sample::Index>(),
        old in any::<prop::sample::Index>(),
        flipped in any::<prop::sample::Index>(),
    ) {
        let (model, tiles, ledger) = both(size, reopen);
        let root = Hash((*model.root().as_bytes()).into());
        prop_assert_eq!(ledger.root(), root);
        prop_assert_eq!(ledger.size(), size);
        prop_assert_eq!(TreeReader::new(&tiles).root(size).expect("all tiles"), root);

        let index = index.index(size as usize) as u64;
        let mut proof = TreeReader::new(&tiles).inclusion_proof(index, size).expect("all tiles");
        prop_assert_eq!(&proof, &digests(model.prove_inclusion(index as usize).as_bytes()));
        let hash = leaf_hash(&leaf(index));
        prop_assert_eq!(verify_inclusion(&hash, index, size, &root, &proof), Ok(()));
        prop_assert_eq!(
            verify_inclusion(&leaf_hash(b"other"), index, size, &root, &proof),
            Err(ProofError::Root)
        );
        prop_assert!(verify_inclusion(&hash, index ^ 1, size, &root, &proof).is_err() || size == 1);
        if !proof.is_empty() {
            let place = flipped.index(proof.len());
            proof[place].0[0] ^= 1;
            prop_assert_eq!(
                verify_inclusion(&hash, index, size, &root, &proof),
                Err(ProofError::Root)
            );
            proof.pop();
            let refused = verify_inclusion(&hash, index, size, &root, &proof);
            let is_length = matches!(refused, Err(ProofError::Length { .. }));
            prop_assert!(is_length);
        }

        let old = 1 + old.index(size as usize) as u64;
        let old_root = TreeReader::new(&tiles).root(old).expect("all tiles");
        prop_assert_eq!(old_root, root_of((0..old).map(leaf)));
        let mut proof = TreeReader::new(&tiles).consistency_proof(old, size).expect("all tiles");
        let additions = (size - old) as usize;
        prop_assert_eq!(&proof, &digests(model.prove_consistency(additions).as_bytes()));
        prop_assert_eq!(verify_consistency((old, &old_root), (size, &root), &proof), Ok(()));
        let other = leaf_hash(b"other");
        prop_assert_eq!(
            verify_consistency((old, &other), (size, &root), &proof),
            Err(ProofError::Root)
        );
        if !proof.is_empty() {
            let place = flipped.index(proof.len());
            proof[place].0[31] ^= 128;
            prop_assert_eq!(
                verify_consistency((old, &old_root), (size, &root), &proof),
                Err(ProofError::Root)
            );
        }
    }
}

#[test]
fn a_ledger_crosses_every_tile_boundary() {
    // Past 65,536 entries there are three tile levels.
    let size = 66_000;
    let (mut ledger, mut tiles) = (Ledger::new(), MemoryTiles::new());
    let mut builder = Builder::new();
    for index in 0..size {
        let hash = leaf_hash(&leaf(index));
        builder.push_hash(hash);
        let appended = ledger.append(hash);
        let full_tiles = (index + 1).trailing_zeros() / 8;
        assert_eq!(appended.len() as u32, 1 + full_tiles, "entry {index}");
        assert_eq!(
            appended.iter().filter(|a| a.filled.is_some()).count() as u32,
            full_tiles
        );
        tiles.put(&appended);
        for filled in appended
            .iter()
            .filter_map(|a| a.filled.as_ref().map(|f| (a.tile, f)))
        {
            assert_eq!(
                tiles.get(filled.0).expect("infallible").as_ref(),
                Some(filled.1)
            );
        }
    }
    assert_eq!(ledger.root(), builder.root());
    for size in [255, 256, 257, 65_535, 65_536, 65_537, 65_792, size] {
        let root = TreeReader::new(&tiles).root(size).expect("all tiles");
        assert_eq!(Ledger::open(&tiles, size).expect("all tiles").root(), root);
        for index in [0, 1, 254, 255, 256, size / 2, size - 1]
            .into_iter()
            .filter(|&i| i < size)
        {
            let proof = TreeReader::new(&tiles)
                .inclusion_proof(index, size)
                .expect("all tiles");
            verify_inclusion(&leaf_hash(&leaf(index)), index, size, &root, &proof).expect("valid");
        }
        let now = builder.root();
        let proof = TreeReader::new(&tiles)
            .consistency_proof(size, 66_000)
            .expect("all tiles");
        verify_consistency((size, &root), (66_000, &now), &proof).expect("valid");
    }
}

#[test]
fn appending_again_after_a_crash_changes_nothing() {
    let (_, mut tiles, ledger) = both(700, 700);
    let mut again = Ledger::open(&tiles, 300).expect("all tiles");
    for index in 300..700 {
        tiles.put(&again.append(leaf_hash(&leaf(index))));
    }
    assert_eq!(again.root(), ledger.root());
    assert_eq!(
        TreeReader::new(&tiles).root(700).expect("all tiles"),
        ledger.root()
    );
}

#[test]
fn the_empty_tree_is_the_past_of_all() {
    let root = root_of((0..5).map(leaf));
    assert_eq!(
        verify_consistency((0, &empty_root()), (5, &root), &[]),
        Ok(())
    );
    assert_eq!(
        verify_consistency((0, &empty_root()), (0, &empty_root()), &[]),
        Ok(())
    );
    assert_eq!(
        verify_consistency((0, &root), (5, &root), &[]),
        Err(ProofError::Root)
    );
    assert_eq!(
        verify_consistency((0, &empty_root()), (0, &root), &[]),
        Err(ProofError::Root)
    );
    let tiles = MemoryTiles::new();
    assert_eq!(
        TreeReader::new(&tiles)
            .consistency_proof(0, 5)
            .expect("nothing is read"),
        []
    );
}

#[test]
fn what_is_not_there_is_refused() {
    let (_, tiles, _) = both(10, 20);
    let mut reader = TreeReader::new(&tiles);
    assert!(matches!(
        reader.inclusion_proof(10, 10),
        Err(LedgerError::NoSuchLeaf {
            index: 10,
            size: 10
        })
    ));
    assert!(matches!(
        reader.consistency_proof(5, 4),
        Err(LedgerError::NotThePast { old: 5, new: 4 })
    ));
    assert!(matches!(
        reader.root(u64::MAX),
        Err(LedgerError::TooLarge { size: u64::MAX })
    ));
    let tile = TileId { level: 0, index: 0 };
    let missing = Ledger::open(&tiles, 11)
        .err()
        .expect("the eleventh hash is missing");
    assert!(
        matches!(missing, LedgerError::MissingHashes { tile: t, needed: 352, found: 320 } if t == tile),
        "{missing}"
    );
    let hash = leaf_hash(b"");
    assert_eq!(
        verify_inclusion(&hash, u64::MAX, u64::MAX, &hash, &[]),
        Err(ProofError::NoSuchLeaf {
            index: u64::MAX,
            size: u64::MAX
        })
    );
    assert_eq!(
        verify_inclusion(&hash, 0, u64::MAX, &hash, &[]),
        Err(ProofError::Length {
            expected: 64,
            found: 0
        })
    );
    assert!(verify_consistency((3, &hash), (u64::MAX, &hash), &[]).is_err());
    assert!(verify_consistency((3, &hash), (2, &hash), &[]).is_err());
}
