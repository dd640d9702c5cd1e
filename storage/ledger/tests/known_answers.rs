//! The test vectors the Certificate Transparency implementations share: eight leaves, the roots of
//! every prefix, and proofs (`testonly` of github.com/transparency-dev/merkle).

use retrograph_ledger::{
    Hash, Ledger, MemoryTiles, TreeReader, empty_root, leaf_hash, root_of, verify_consistency,
    verify_inclusion,
};

const LEAVES: [&[u8]; 8] = [
    &[],
    &[0x00],
    &[0x10],
    &[0x20, 0x21],
    &[0x30, 0x31],
    &[0x40, 0x41, 0x42, 0x43],
    &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];

const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn hashes(texts: &[&str]) -> Vec<Hash> {
    texts
        .iter()
        .map(|text| text.parse().expect("a hash"))
        .collect()
}

fn ledger_of_all() -> MemoryTiles {
    let (mut ledger, mut tiles) = (Ledger::new(), MemoryTiles::new());
    for leaf in LEAVES {
        tiles.put(&ledger.append(leaf_hash(leaf)));
    }
    tiles
}

#[test]
fn roots() {
    let tiles = ledger_of_all();
    for (size, root) in hashes(&ROOTS).into_iter().enumerate() {
        assert_eq!(root_of(LEAVES[..size].iter()), root, "{size} leaves");
        assert_eq!(
            TreeReader::new(&tiles)
                .root(size as u64)
                .expect("all tiles"),
            root
        );
    }
    assert_eq!(empty_root().to_string(), ROOTS[0]);
}

#[test]
fn inclusion_proofs() {
    let tiles = ledger_of_all();
    let vectors: [(u64, u64, &[&str]); 7] = [
        (1, 0, &[]),
        (
            2,
            0,
            &["96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"],
        ),
        (
            2,
            1,
            &["6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"],
        ),
        (
            3,
            2,
            &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
        ),
        (
            5,
            1,
            &[
                "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
        (
            8,
            0,
            &[
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            8,
            5,
            &[
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
    ];
    for (size, index, expected) in vectors {
        let proof = TreeReader::new(&tiles)
            .inclusion_proof(index, size)
            .expect("all tiles");
        assert_eq!(proof, hashes(expected), "leaf {index} of {size}");
        let root = ROOTS[size as usize].parse().expect("a hash");
        verify_inclusion(
            &leaf_hash(LEAVES[index as usize]),
            index,
            size,
            &root,
            &proof,
        )
        .expect("a valid proof");
    }
}

#[test]
fn consistency_proofs() {
    let tiles = ledger_of_all();
    let vectors: [(u64, u64, &[&str]); 4] = [
        (1, 1, &[]),
        (
            1,
            8,
            &[
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            2,
            5,
            &[
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
        (
            6,
            8,
            &[
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
    ];
    let roots = hashes(&ROOTS);
    for (old, new, expected) in vectors {
        let proof = TreeReader::new(&tiles)
            .consistency_proof(old, new)
            .expect("all tiles");
        assert_eq!(proof, hashes(expected), "{old} to {new}");
        verify_consistency(
            (old, &roots[old as usize]),
            (new, &roots[new as usize]),
            &proof,
        )
        .expect("a valid proof");
    }
}
