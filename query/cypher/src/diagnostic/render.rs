//! Diagnostics as text.
//!
//! Each line of the query that a label starts on is shown once, and under it one line of carets per
//! label: `^` for the primary span, `-` for the others. Columns are counted in terminal cells, so
//! that carets stand right under tabs, combining marks and wide characters.

use std::fmt::Write;

use super::{Diagnostic, Label, Severity};
use crate::conceal::Concealed;

/// Tabs are shown as this many blanks.
const TAB_CELLS: usize = 4;
/// Lines wider than this are cut around the label.
const LINE_CELLS_MAX: usize = 120;
/// How much of a cut line is shown before the label.
const CONTEXT_CELLS: usize = 40;

/// A place in a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position {
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// In characters from the start of the text, counted from 0.
    pub offset: usize,
}

impl Position {
    /// The place of a byte offset; the end of the text for an offset beyond it.
    pub fn of(source: &str, byte: u32) -> Self {
        let before = prefix(source, byte as usize);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            offset: before.chars().count(),
        }
    }
}

/// The text up to a byte offset, moved back to a character boundary.
fn prefix(source: &str, byte: usize) -> &str {
    let mut end = byte.min(source.len());
    while !source.is_char_boundary(end) {
        end -= 1;
    }
    &source[..end]
}

/// See [`Diagnostic::render_named`].
pub(super) fn render(diagnostic: &Diagnostic, source: &str, name: &str) -> String {
    let mut out = String::new();
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let _ = writeln!(
        out,
        "{severity}[{}]: {}",
        diagnostic.code(),
        diagnostic.message
    );

    let concealed = Concealed::of(source);
    let shown = concealed.text();
    let mut labels: Vec<Placed<'_>> = vec![Placed::new(&diagnostic.primary, '^', &concealed)];
    labels.extend(
        diagnostic
            .secondary
            .iter()
            .map(|label| Placed::new(label, '-', &concealed)),
    );
    let number_cells = labels
        .iter()
        .map(|label| label.line)
        .max()
        .unwrap_or(1)
        .to_string()
        .len();
    let position = diagnostic.position(source);
    let _ = writeln!(
        out,
        "{:number_cells$} ┌─ {name}:{}:{}",
        "", position.line, position.column
    );

    let mut lines: Vec<usize> = labels.iter().map(|label| label.line).collect();
    lines.sort_unstable();
    lines.dedup();
    for line in lines {
        let text = shown.split('\n').nth(line - 1).unwrap_or("");
        let text = text.strip_suffix('\r').unwrap_or(text);
        let on_line = || labels.iter().filter(|label| label.line == line);
        let excerpt = Excerpt::new(text, on_line().map(|label| label.start).min().unwrap_or(0));
        let _ = writeln!(out, "{:>number_cells$} │ {}", line, excerpt.text.trim_end());
        for label in on_line() {
            let (from, to) = (
                excerpt.cell(text, label.start),
                excerpt.cell(text, label.end),
            );
            let carets = label
                .mark
                .to_string()
                .repeat(to.saturating_sub(from).max(1));
            let underline = format!("{:from$}{carets} {}", "", label.text);
            let _ = writeln!(out, "{:number_cells$} │ {}", "", underline.trim_end());
        }
    }

    for note in &diagnostic.notes {
        let _ = writeln!(out, "{:number_cells$} = {note}", "");
    }
    if let Some(help) = &diagnostic.help {
        let _ = writeln!(out, "{:number_cells$} = help: {help}", "");
    }
    out
}

/// A label, placed on the line it starts on.
struct Placed<'d> {
    text: &'d str,
    mark: char,
    /// Counted from 1.
    line: usize,
    /// Byte offsets within the line.
    start: usize,
    end: usize,
}

impl<'d> Placed<'d> {
    fn new(label: &'d Label, mark: char, concealed: &Concealed<'_>) -> Self {
        let source = concealed.text();
        let before = prefix(source, concealed.offset(label.span.start as usize));
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line_length = source[line_start..]
            .find(['\r', '\n'])
            .unwrap_or(source.len() - line_start);
        let end = prefix(source, concealed.offset(label.span.end as usize))
            .len()
            .saturating_sub(line_start);
        Self {
            text: &label.text,
            mark,
            line: before.matches('\n').count() + 1,
            start: before.len() - line_start,
            end: end.min(line_length),
        }
    }
}

/// The part of a line that is shown.
struct Excerpt {
    text: String,
    /// Cells cut off at the left, and cells of the ellipsis put there instead.
    cut: usize,
    ellipsis: usize,
}

impl Excerpt {
    fn new(line: &str, first_label: usize) -> Self {
        let cells = cells_of(line);
        let label = cells_of(prefix(line, first_label));
        if cells <= LINE_CELLS_MAX {
            return Self {
                text: expand(line, 0, usize::MAX),
                cut: 0,
                ellipsis: 0,
            };
        }
        let cut = label.saturating_sub(CONTEXT_CELLS);
        let mut text = expand(line, cut, cut + LINE_CELLS_MAX);
        let ellipsis = usize::from(cut > 0);
        if cut > 0 {
            text.insert(0, '…');
        }
        if cut + LINE_CELLS_MAX < cells {
            text.push('…');
        }
        Self {
            text,
            cut,
            ellipsis,
        }
    }

    /// The cell of the excerpt in which a byte of the line is shown.
    fn cell(&self, line: &str, byte: usize) -> usize {
        let cell = cells_of(prefix(line, byte));
        cell.saturating_sub(self.cut).min(LINE_CELLS_MAX) + self.ellipsis
    }
}

/// The cells from `from` to `to` of a line, with tabs and control characters made visible. A wide
/// character cut in half becomes a blank.
fn expand(line: &str, from: usize, to: usize) -> String {
    let mut text = String::new();
    let mut cell = 0;
    for character in line.chars() {
        let width = cells(character);
        if cell >= from && cell + width <= to {
            match character {
                '\t' => text.extend(std::iter::repeat_n(' ', TAB_CELLS)),
                control if control.is_control() => text.push('\u{fffd}'),
                visible => text.push(visible),
            }
        } else if cell < to && cell + width > from {
            text.extend(std::iter::repeat_n(
                ' ',
                (cell + width).min(to) - cell.max(from),
            ));
        }
        cell += width;
    }
    text
}

fn cells_of(text: &str) -> usize {
    text.chars().map(cells).sum()
}

/// How many terminal cells a character takes, after East Asian Width (UAX #11). Ranges are those
/// that occur in names and literals, not every last block.
fn cells(character: char) -> usize {
    match character {
        '\t' => TAB_CELLS,
        '\u{20}'..='\u{2ff}' => 1,
        '\u{300}'..='\u{36f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2064}'
        | '\u{20d0}'..='\u{20ff}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{fe20}'..='\u{fe2f}'
        | '\u{feff}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{231a}'..='\u{231b}'
        | '\u{2e80}'..='\u{303e}'
        | '\u{3041}'..='\u{33ff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{a000}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1f64f}'
        | '\u{1f680}'..='\u{1f6ff}'
        | '\u{1f900}'..='\u{1f9ff}'
        | '\u{1fa70}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Detail, Diagnostic};
    use super::*;
    use crate::span::Span;

    fn at(source: &str, piece: &str) -> Span {
        let start = source.find(piece).expect("the piece is in the source");
        Span::new(start as u32, (start + piece.len()) as u32)
    }

    fn error(source: &str, piece: &str) -> Diagnostic {
        Diagnostic::error(Detail::UnexpectedSyntax, at(source, piece), "wrong").label("here")
    }

    #[test]
    fn carets_stand_under_tabs_and_wide_characters() {
        let source = "MATCH (n)\n\tWHERE n.名前 = 'é' bad";
        assert_eq!(
            error(source, "bad").render(source),
            "error[E0101]: wrong\n  ┌─ query:2:19\n2 │     WHERE n.名前 = 'é' bad\n  │                        ^^^ here\n"
        );
    }

    #[test]
    fn several_labels_share_a_line() {
        let source = "RETURN (1 + 2";
        let error = Diagnostic::error(Detail::UnexpectedSyntax, Span::new(13, 13), "no `)`")
            .secondary(at(source, "("), "opened here")
            .note("brackets come in pairs")
            .help("close it");
        assert_eq!(
            error.render(source),
            "error[E0101]: no `)`\n  ┌─ query:1:14\n1 │ RETURN (1 + 2\n  │              ^\n  │        - opened here\n  = brackets come in pairs\n  = help: close it\n"
        );
    }

    #[test]
    fn a_span_over_lines_is_marked_on_its_first() {
        let source = "RETURN [1,\r\n2]";
        assert_eq!(
            error(source, "[1,\r\n2]").render(source),
            "error[E0101]: wrong\n  ┌─ query:1:8\n1 │ RETURN [1,\n  │        ^^^ here\n"
        );
    }

    #[test]
    fn long_lines_are_cut_around_the_label() {
        let source = format!("RETURN {} bad {}", "1 + ".repeat(100), "+ 2".repeat(100));
        let text = error(&source, "bad").render(&source);
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[2].chars().count() < 130 && lines[2].ends_with('…'),
            "{text}"
        );
        let caret = lines[3]
            .chars()
            .position(|mark| mark == '^')
            .expect("a caret");
        let shown: String = lines[2].chars().skip(caret).take(3).collect();
        assert_eq!(shown, "bad");
    }

    #[test]
    fn offsets_beyond_or_inside_characters_do_no_harm() {
        let source = "é";
        for end in 0..4 {
            let error = Diagnostic::error(Detail::UnexpectedSyntax, Span::new(1, end), "wrong");
            assert!(error.render(source).contains('^'));
        }
        assert_eq!(
            Position::of("a\nbc", 3),
            Position {
                line: 2,
                column: 2,
                offset: 3
            }
        );
    }
}
