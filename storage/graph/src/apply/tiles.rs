//! The ledger's tiles as rows: single hashes while a tile grows, one row once it is full.

use retrograph_ledger::{Appended, TileId, TileStore};

use crate::kv::{Family, OrderedStore, StoreError, WriteBatch};
use crate::rows::meta::{tile_key, tile_slot_key, tile_slot_prefix};
use crate::rows::prefix_end;

/// The tiles in a store.
pub(crate) struct Tiles<'a>(pub &'a dyn OrderedStore);

impl TileStore for Tiles<'_> {
    type Error = StoreError;

    fn get(&self, tile: TileId) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some(hashes) = self.0.get(Family::Meta, &tile_key(tile))? {
            return Ok(Some(hashes));
        }
        let prefix = tile_slot_prefix(tile);
        let mut cursor = self
            .0
            .scan(Family::Meta, &prefix, &prefix_end(&prefix), false)?;
        let mut hashes = Vec::new();
        while cursor.valid() {
            hashes.extend_from_slice(cursor.value());
            cursor.next();
        }
        cursor.status()?;
        Ok((!hashes.is_empty()).then_some(hashes))
    }
}

/// Appends to the batch what the ledger gained.
pub(super) fn put(appended: &[Appended], batch: &mut WriteBatch) {
    for new in appended {
        match &new.filled {
            Some(hashes) => {
                let prefix = tile_slot_prefix(new.tile);
                batch.delete_range(Family::Meta, &prefix, &prefix_end(&prefix));
                batch.put(Family::Meta, &tile_key(new.tile), hashes);
            }
            None => batch.put(
                Family::Meta,
                &tile_slot_key(new.tile, new.slot as u8),
                new.hash.as_bytes(),
            ),
        }
    }
}
