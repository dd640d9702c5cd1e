//! Points as places on a curve through space, so that points close to each other have keys close to
//! each other.
//!
//! ```text
//! point := SRID(4) dimensions(1) place
//! place := bit 63 of x, of y, [of z], bit 62 of x, …      the coordinates as sortable bytes
//! ```
//!
//! The curve is the Z-order over the whole range of 64-bit floats, so no box of coordinates has to
//! be agreed on and no place is rounded: equal places are equivalent points.

use super::Point;
use super::key::sortable;
use crate::rows::{Key, prefix_end};

/// Appends the place of a point on the curve of its coordinate system.
pub(crate) fn encode_point(point: &Point, out: &mut Vec<u8>) {
    out.extend_from_slice(&point.srid.to_be_bytes());
    out.push(point.dimensions);
    let mut axes = [0; 3];
    for (axis, coordinate) in axes.iter_mut().zip(point.axes()) {
        *axis = sortable(*coordinate);
    }
    put_place(&axes[..point.axes().len()], out);
}

/// A box in one coordinate system, its faces included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PointBox {
    /// The coordinate system.
    pub srid: u32,
    /// 2 or 3.
    pub dimensions: u8,
    /// The least coordinates.
    pub lower: [f64; 3],
    /// The greatest.
    pub upper: [f64; 3],
}

/// A box of places is covered with at most so many ranges of the curve.
const RANGES_MAX: usize = 32;

/// A part of space that is one range of the curve: some first bits of its places are known.
#[derive(Clone, Copy)]
struct Cell {
    low: [u64; 3],
    known: u32,
    is_inside: bool,
}

impl PointBox {
    fn axes(&self) -> usize {
        usize::from(self.dimensions.clamp(1, 3))
    }

    /// The least and the greatest coordinates as sortable bits.
    fn bits(&self) -> ([u64; 3], [u64; 3]) {
        (self.lower.map(sortable), self.upper.map(sortable))
    }

    /// Ranges of keys that hold the keys of all points in the box, ascending and disjoint.
    pub(crate) fn ranges(&self) -> Vec<(Key, Key)> {
        let axes = self.axes();
        let (lower, upper) = self.bits();
        if (0..axes).any(|axis| lower[axis] > upper[axis]) {
            return Vec::new();
        }
        let whole = Cell {
            low: [0; 3],
            known: 0,
            is_inside: false,
        };
        let mut cells = vec![whole];
        // The largest cell that is partly in the box is halved, as long as there is room.
        while cells.len() < RANGES_MAX {
            let open = cells.iter().enumerate().filter(|(_, cell)| !cell.is_inside);
            let Some((place, cell)) = open.min_by_key(|(_, cell)| cell.known) else {
                break;
            };
            let halves = cell
                .halves(axes)
                .map(|half| half.within(axes, &lower, &upper));
            cells.splice(place..=place, halves.into_iter().flatten());
        }
        let mut ranges: Vec<(Key, Key)> = Vec::with_capacity(cells.len());
        for cell in cells {
            let (low, high) = (self.key(&cell.low), self.key(&cell.high(axes)));
            let end = prefix_end(&high);
            match ranges.last_mut() {
                Some((_, before)) if *before == low => *before = end,
                _ => ranges.push((low, end)),
            }
        }
        ranges
    }

    fn key(&self, axes: &[u64; 3]) -> Key {
        let mut key = Vec::with_capacity(29);
        key.extend_from_slice(&self.srid.to_be_bytes());
        key.push(self.dimensions);
        put_place(&axes[..self.axes()], &mut key);
        Key::from_slice(&key)
    }

    /// Whether the point with this key lies in the box.
    pub(crate) fn contains(&self, key: &[u8]) -> bool {
        let Some((head, place)) = key.split_at_checked(5) else {
            return false;
        };
        if head[..4] != self.srid.to_be_bytes() || head[4] != self.dimensions {
            return false;
        }
        let axes = self.axes();
        let mut found = [0_u64; 3];
        let bits = place
            .iter()
            .flat_map(|byte| (0..u8::BITS).rev().map(move |bit| byte >> bit & 1));
        for (at, bit) in bits.enumerate() {
            let axis = &mut found[at % axes];
            *axis = *axis << 1 | u64::from(bit);
        }
        let (lower, upper) = self.bits();
        (0..axes).all(|axis| (lower[axis]..=upper[axis]).contains(&found[axis]))
    }
}

impl Cell {
    /// The greatest coordinates.
    fn high(&self, axes: usize) -> [u64; 3] {
        let mut high = self.low;
        for (axis, value) in high.iter_mut().enumerate().take(axes) {
            let known = (self.known + (axes - 1 - axis) as u32) / axes as u32;
            *value |= u64::MAX.checked_shr(known).unwrap_or(0);
        }
        high
    }

    /// The two parts by the next bit.
    fn halves(&self, axes: usize) -> [Self; 2] {
        let (axis, bit) = (
            self.known as usize % axes,
            u64::BITS - 1 - self.known / axes as u32,
        );
        let mut upper = *self;
        upper.low[axis] |= 1 << bit;
        [*self, upper].map(|half| Self {
            known: self.known + 1,
            ..half
        })
    }

    /// The cell, if some of it lies between the bounds, and whether all of it does.
    fn within(self, axes: usize, lower: &[u64; 3], upper: &[u64; 3]) -> Option<Self> {
        let high = self.high(axes);
        let meets =
            (0..axes).all(|axis| self.low[axis] <= upper[axis] && high[axis] >= lower[axis]);
        let is_inside =
            (0..axes).all(|axis| self.low[axis] >= lower[axis] && high[axis] <= upper[axis]);
        meets.then_some(Self { is_inside, ..self })
    }
}

/// Appends the bits of coordinates in turn, the highest first.
fn put_place(axes: &[u64], out: &mut Vec<u8>) {
    let (mut byte, mut bits) = (0_u8, 0);
    for bit in (0..u64::BITS).rev() {
        for axis in axes {
            byte = byte << 1 | (axis >> bit & 1) as u8;
            bits += 1;
            if bits == u8::BITS {
                out.push(byte);
                (byte, bits) = (0, 0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_keep_their_bytes() {
        let mut out = Vec::new();
        put_place(&[u64::MAX, 0], &mut out);
        assert_eq!(out, [0b1010_1010; 16]);
        out.clear();
        put_place(&[0, 1 << 63, 1], &mut out);
        let mut expected = [0; 24];
        expected[0] = 0b0100_0000;
        expected[23] = 1;
        assert_eq!(out, expected);
        let point = |x, y| {
            let mut out = Vec::new();
            let point = Point {
                srid: 7203,
                coordinates: [x, y, 0.0],
                dimensions: 2,
            };
            encode_point(&point, &mut out);
            out
        };
        assert_eq!(
            point(1.0, -1.0),
            [
                0, 0, 28, 35, 2, 0x9a, 0xaa, 0xaa, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55,
                0x55, 0x55, 0x55, 0x55, 0x55
            ]
        );
        assert_eq!(point(0.0, -0.0), point(-0.0, 0.0));
    }

    #[test]
    fn boxes_hold_their_points_and_no_others() {
        let coordinates = [
            -1e300, -180.0, -3.5, -1.0, -0.0, 1e-300, 0.25, 1.0, 1.0000001, 2.0, 64.0, 1e9,
        ];
        for dimensions in [2, 3_u8] {
            let boxes = [
                ([-4.0, -1.0, -1.0], [1.0, 3.0, 2.0]),
                ([0.0, 0.0, 0.0], [0.0, 0.0, 0.0]),
                ([1.0, 1.0, 1.0], [1.5, 1.5, 1.5]),
                ([-180.0, -1e9, -1e9], [1e9, 1e9, 1e9]),
                ([2.0, 0.0, 0.0], [1.0, 1.0, 1.0]),
            ];
            for (lower, upper) in boxes {
                let one = PointBox {
                    srid: 1,
                    dimensions,
                    lower,
                    upper,
                };
                let ranges = one.ranges();
                assert!(ranges.len() <= RANGES_MAX);
                assert!(ranges.is_sorted_by(|left, right| left.1 < right.0));
                for x in coordinates {
                    for y in coordinates {
                        for z in if dimensions == 3 {
                            &coordinates[..]
                        } else {
                            &[0.0]
                        } {
                            let mut key = Vec::new();
                            let at = [x, y, *z];
                            let point = Point {
                                srid: 1,
                                coordinates: at,
                                dimensions,
                            };
                            encode_point(&point, &mut key);
                            let holds = (0..usize::from(dimensions))
                                .all(|axis| (lower[axis]..=upper[axis]).contains(&at[axis]));
                            assert_eq!(one.contains(&key), holds, "{at:?} {one:?}");
                            let covers = ranges.iter().any(|(first, end)| {
                                first.as_slice() <= key.as_slice()
                                    && key.as_slice() < end.as_slice()
                            });
                            assert!(covers || !holds, "{at:?} {one:?}");
                        }
                    }
                }
                let elsewhere = PointBox { srid: 2, ..one };
                assert!(!elsewhere.contains(&one.key(&[1 << 63; 3])));
            }
        }
    }
}
