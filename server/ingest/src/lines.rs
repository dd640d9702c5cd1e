//! Lines of a file, of which one that is too long is not taken in.
//!
//! What a reader takes in before it can judge it has to have a bound: a quote that is never closed, or a
//! file that has no line ends, would else be held in memory as a whole.

use std::io::{self, BufRead, ErrorKind};

/// The most bytes of one record or line: as many as one transaction can write.
pub(crate) const RECORD_BYTES_MAX: usize = 64 << 20;

/// A line that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Its bytes with its end; none at the end of the input.
    pub(crate) count: u64,
    /// Whether it was longer than allowed, so that its rest was passed over.
    pub(crate) is_cut: bool,
}

/// Appends a line with its end to `buffer`, but no more than `bytes_max` bytes of it.
pub(crate) fn read_line(
    input: &mut impl BufRead,
    buffer: &mut Vec<u8>,
    bytes_max: usize,
) -> io::Result<Line> {
    let mut line = Line {
        count: 0,
        is_cut: false,
    };
    let mut room = bytes_max;
    loop {
        let available = match input.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let end = available.iter().position(|&byte| byte == b'\n');
        let part = match end {
            Some(end) => &available[..=end],
            None => available,
        };
        let taken = part.len().min(room);
        buffer.extend_from_slice(&part[..taken]);
        room -= taken;
        line.is_cut |= taken < part.len();
        let count = part.len();
        line.count += count as u64;
        input.consume(count);
        if end.is_some() || count == 0 {
            return Ok(line);
        }
    }
}

/// What is wrong with a record that is too long.
pub(crate) fn too_long(what: &str, bytes_max: usize) -> String {
    format!("the {what} is longer than {bytes_max} bytes, which is the most that is read")
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    #[test]
    fn a_line_that_is_too_long_is_cut_and_the_next_is_whole() {
        let text = b"ab\nabcdef\n\nabcd";
        // Small pieces, so that lines span them.
        let mut input = BufReader::with_capacity(2, &text[..]);
        let mut read = || {
            let mut buffer = Vec::new();
            let line = read_line(&mut input, &mut buffer, 4).unwrap();
            (String::from_utf8(buffer).unwrap(), line.count, line.is_cut)
        };
        assert_eq!(read(), ("ab\n".to_owned(), 3, false));
        assert_eq!(read(), ("abcd".to_owned(), 7, true));
        assert_eq!(read(), ("\n".to_owned(), 1, false));
        assert_eq!(read(), ("abcd".to_owned(), 4, false));
        assert_eq!(read(), (String::new(), 0, false));
    }
}
