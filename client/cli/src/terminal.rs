//! What is known about the terminal, and remarks for whoever sits at it.

use std::io::{BufWriter, IsTerminal, Write};
use std::time::Duration;

use console::{Style, Term};

/// How wide a table may be: as wide as the terminal; without one, as wide as it likes.
pub fn width() -> Option<usize> {
    let terminal = Term::stdout();
    let (_, columns) = terminal.size_checked()?;
    terminal.is_term().then_some(usize::from(columns))
}

/// Whether a person reads the results.
pub fn is_watched() -> bool {
    std::io::stdout().is_terminal() && std::io::stderr().is_terminal()
}

/// Standard output for results: line by line on a terminal, in large pieces elsewhere.
pub fn results() -> Box<dyn Write> {
    let out = std::io::stdout().lock();
    if out.is_terminal() {
        Box::new(out)
    } else {
        Box::new(BufWriter::with_capacity(1 << 16, out))
    }
}

/// Prints a remark on standard error.
#[allow(clippy::print_stderr)]
pub fn remark(text: &str) {
    eprintln!("{text}");
}

/// Prints an error or a warning on standard error, its first word in colour on a terminal.
pub fn complain(text: &str) {
    let (word, rest) = text.split_at(text.find([':', '[', ' ']).unwrap_or(text.len()));
    let style = match word {
        "error" => Style::new().for_stderr().red().bold(),
        "warning" => Style::new().for_stderr().yellow().bold(),
        _ => return remark(text),
    };
    remark(&format!("{}{rest}", style.apply_to(word)));
}

/// A time as people read it: `3.1 ms`, `12.4 s`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 0.000_999_5 {
        format!("{:.0} µs", seconds * 1e6)
    } else if seconds < 0.999_5 {
        format!("{:.1} ms", seconds * 1e3)
    } else {
        format!("{seconds:.1} s")
    }
}

/// A number with separators between its thousands.
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with a noun: `1 row`, `12,480 rows`.
pub fn count(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", number(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_are_readable() {
        assert_eq!(count(0, "row"), "0 rows");
        assert_eq!(count(1, "row"), "1 row");
        assert_eq!(count(12_480, "row"), "12,480 rows");
        assert_eq!(number(1_000_000), "1,000,000");
        assert_eq!(duration(Duration::from_nanos(999_600)), "1.0 ms");
        assert_eq!(duration(Duration::from_micros(3_140)), "3.1 ms");
        assert_eq!(duration(Duration::from_millis(12_400)), "12.4 s");
        assert_eq!(duration(Duration::from_micros(42)), "42 µs");
    }
}
