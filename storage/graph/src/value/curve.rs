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
                0, 0, 28, 35, 2, 0xa0, 0x0a, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55,
                0x55, 0x55, 0x55, 0x55, 0x55
            ]
        );
        assert_eq!(point(0.0, -0.0), point(-0.0, 0.0));
    }
}
