//! Keys and values of rows: what decodes is encoded to the same bytes, and keys sort as their
//! parts do. The first byte of the input says which kind of row the rest is.

#![no_main]

use libfuzzer_sys::fuzz_target;
use retrograph_graph::encoding::varint::Reader;
use retrograph_graph::ids::{KeyId, LabelId};
use retrograph_graph::rows::closed::{trailing_version, version_in};
use retrograph_graph::rows::entry::{CommitRow, Touched, read_time_key, time_key};
use retrograph_graph::rows::meta::{
    AppliedRow, Identity, IndexRow, Statistic, block_key, index_key, integer_value, put_owner,
    read_block_key, read_index_key, read_integer, read_owner, read_token, read_token_key,
    token_key, token_value,
};
use retrograph_graph::rows::{
    AdjacencyKey, element_key, from_value, property_key, read_element_key, read_from,
    read_trailing_node,
};
use retrograph_graph::value::key::{decode_key, skip_key};

fuzz_target!(|input: &[u8]| {
    let Some((&kind, bytes)) = input.split_first() else {
        return;
    };
    match kind % 16 {
        0 => ordered(bytes, 9, |key| {
            let element = read_element_key(key).ok()?;
            Some((element, element_key(element).to_vec()))
        }),
        1 => ordered(bytes, 29, |key| {
            let adjacency = AdjacencyKey::read(key).ok()?;
            Some((adjacency, adjacency.bytes().to_vec()))
        }),
        2 => ordered(bytes, 9, |key| {
            let time = read_time_key(key).ok().filter(|_| key[0] == time_tag())?;
            Some((time, time_key(time).to_vec()))
        }),
        3 => ordered(bytes, 12, |key| {
            let (statistic, version) = Statistic::read_key(key).ok()?;
            let again = statistic.key(version).to_vec();
            // The totals ignore the number that stands where others have a token.
            (key[0] == again[0] && key[2..6] == again[2..6])
                .then_some(((statistic, version), again))
        }),
        4 => ordered(bytes, 6, |key| {
            let (kind, id) = read_token_key(key).ok()?;
            let again = token_key(kind, id).to_vec();
            (key[0] == again[0]).then_some(((kind, id), again))
        }),
        5 => ordered(bytes, 5, |key| {
            let id = read_index_key(key).ok()?;
            let again = index_key(id).to_vec();
            (key[0] == again[0]).then_some((id, again))
        }),
        6 => ordered(bytes, 10, |key| {
            let (space, block) = read_block_key(key).ok()?;
            let again = block_key(space, block).to_vec();
            (key[0] == again[0]).then_some(((space, block), again))
        }),
        7 => property(bytes),
        8 => {
            if let Ok(from) = read_from(bytes) {
                assert_eq!(from_value(from).as_slice(), bytes);
            }
        }
        9 => {
            if let Ok(row) = AppliedRow::decode(bytes) {
                starts(bytes, &row.encode());
            }
        }
        10 => {
            if let Ok(identity) = Identity::decode(&mut Reader::new(bytes)) {
                let mut again = Vec::new();
                identity.encode(&mut again);
                starts(bytes, &again);
            }
        }
        11 => {
            if let Ok((created, name)) = read_token(bytes) {
                starts(bytes, &token_value(created, name));
            }
        }
        12 => {
            if let Ok(row) = IndexRow::decode(bytes) {
                starts(bytes, &row.encode());
            }
        }
        13 => {
            if let Ok(owner) = read_owner(&mut Reader::new(bytes)) {
                let mut again = Vec::new();
                put_owner(&owner, &mut again);
                starts(bytes, &again);
            }
            if let Ok(n) = read_integer(bytes) {
                starts(bytes, &integer_value(n));
            }
        }
        14 => {
            if let Ok(row) = CommitRow::decode(bytes) {
                assert_eq!(row.encode(), bytes);
            }
        }
        _ => {
            let mut reader = Reader::new(bytes);
            if let Ok(touched) = Touched::decode(&mut reader) {
                let mut again = Vec::new();
                touched.encode(&mut again);
                assert_eq!(again, bytes[..reader.offset()]);
            }
            let last = trailing_version(bytes);
            assert_eq!(last.is_some(), bytes.len() >= 6);
            assert_eq!(
                last,
                bytes
                    .len()
                    .checked_sub(6)
                    .and_then(|at| version_in(bytes, at))
            );
        }
    }
});

fn time_tag() -> u8 {
    time_key(retrograph_graph::ids::SystemTime(0))[0]
}

/// Reads two keys of `length` bytes. Each must be encoded to itself, and both sort as their content.
fn ordered<T: Ord + std::fmt::Debug>(
    bytes: &[u8],
    length: usize,
    read: impl Fn(&[u8]) -> Option<(T, Vec<u8>)>,
) {
    // A key that ends early is refused, or has nothing to do with this kind.
    let _ = read_short(bytes, length, &read);
    let (Some(first), Some(second)) = (bytes.get(..length), bytes.get(length..2 * length)) else {
        return;
    };
    let first_read = read(first);
    if let Some((_, again)) = &first_read {
        assert_eq!(again, first);
    }
    if let (Some((a, _)), Some((b, _))) = (first_read, read(second)) {
        assert_eq!(a.cmp(&b), first.cmp(second), "{a:?} and {b:?}");
    }
}

fn read_short<T>(
    bytes: &[u8],
    length: usize,
    read: impl Fn(&[u8]) -> Option<(T, Vec<u8>)>,
) -> Option<T> {
    let short = bytes
        .get(..bytes.len().min(length - 1))
        .filter(|short| !short.is_empty())?;
    let found = read(short).map(|(content, _)| content);
    assert!(found.is_none(), "a key without its end was read");
    found
}

/// A property row is found again from its parts.
fn property(bytes: &[u8]) {
    let Some((head, rest)) = bytes.split_first_chunk::<8>() else {
        return;
    };
    let Ok((value, node)) = decode_key(rest) else {
        return;
    };
    if node.len() != 8 {
        return;
    }
    let [a, b, c, d, e, f, g, h] = *head;
    let (label, key) = (
        u32::from_be_bytes([a, b, c, d]),
        u32::from_be_bytes([e, f, g, h]),
    );
    let node = read_trailing_node(bytes).expect("eight bytes");
    let row = property_key(LabelId(label), KeyId(key), &value, node);
    assert_eq!(row[1..], *bytes);
    assert_eq!(skip_key(&row[9..]).map(<[u8]>::len), Ok(8));
    assert_eq!(read_trailing_node(&row).ok(), Some(node));
}

fn starts(bytes: &[u8], again: &[u8]) {
    assert!(bytes.starts_with(again), "{bytes:x?} became {again:x?}");
}
