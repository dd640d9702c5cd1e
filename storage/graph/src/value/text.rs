//! Text of values: what `toString()` returns and what tables show.
//!
//! `Display` writes a value as a Cypher literal would look (strings quoted); [`to_text`] writes a
//! string as it is and everything else like `Display`. Floats are the shortest text that reads back
//! as the same number, always with a point or an exponent, so that they differ from integers:
//! `1.0`, `0.001`, `1.0E-7`, `1.5E10`. Temporal values appear in canonical ISO 8601 without quotes.
//! Elements appear by id; showing labels and properties takes a view.

use std::fmt::{Display, Formatter, Result, Write};

use super::{Map, Path, Point, Value, Vector};

/// The text of a value: a string as it is, other values as Cypher literals.
#[must_use]
pub fn to_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string(),
        _ => value.to_string(),
    }
}

/// A float as text: decimal from 10⁻³ up to 10⁷, scientific beyond.
#[must_use]
pub fn float_text(float: f64) -> String {
    if float.is_nan() {
        return "NaN".to_owned();
    }
    if float.is_infinite() {
        return if float > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let magnitude = float.abs();
    if magnitude == 0.0 || (1e-3..1e7).contains(&magnitude) {
        // `Debug` keeps the point of whole numbers.
        return format!("{float:?}");
    }
    let text = format!("{float:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if digits.contains('.') => format!("{digits}E{exponent}"),
        Some((digits, exponent)) => format!("{digits}.0E{exponent}"),
        None => text,
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(b) => b.fmt(f),
            Self::Int(i) => i.fmt(f),
            Self::Float(x) => f.write_str(&float_text(*x)),
            Self::String(s) => quoted(s, f),
            Self::Bytes(b) => {
                f.write_str("0x")?;
                b.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            Self::List(items) => {
                f.write_char('[')?;
                separated(items.iter(), f, |item, f| item.fmt(f))?;
                f.write_char(']')
            }
            Self::Map(entries) => map(entries, f),
            Self::Date(d) => d.fmt(f),
            Self::LocalTime(t) => t.fmt(f),
            Self::Time(t) => t.fmt(f),
            Self::LocalDateTime(t) => t.fmt(f),
            Self::DateTime(t) => t.fmt(f),
            Self::Duration(d) => d.fmt(f),
            Self::Point(p) => point(p, f),
            Self::Vector(v) => {
                f.write_str("vector([")?;
                match &**v {
                    Vector::F32(items) => {
                        separated(items.iter(), f, |item, f| write!(f, "{item:?}"))?
                    }
                    Vector::F64(items) => {
                        separated(items.iter(), f, |item, f| write!(f, "{item:?}"))?
                    }
                }
                f.write_str("])")
            }
            Self::Sealed(s) => write!(f, "sealed(key {})", s.key_id),
            Self::Node(n) => write!(f, "({})", n.id),
            Self::Relationship(r) => write!(f, "[{}]", r.id),
            Self::Path(p) => path(p, f),
        }
    }
}

fn separated<T>(
    items: impl Iterator<Item = T>,
    f: &mut Formatter<'_>,
    each: impl Fn(T, &mut Formatter<'_>) -> Result,
) -> Result {
    for (i, item) in items.enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        each(item, f)?;
    }
    Ok(())
}

fn quoted(text: &str, f: &mut Formatter<'_>) -> Result {
    f.write_char('\'')?;
    for c in text.chars() {
        match c {
            '\'' => f.write_str("\\'")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            c if c.is_control() => write!(f, "\\u{:04X}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('\'')
}

fn map(entries: &Map, f: &mut Formatter<'_>) -> Result {
    f.write_char('{')?;
    separated(entries.iter(), f, |(key, value), f| {
        let plain = key
            .chars()
            .enumerate()
            .all(|(i, c)| c == '_' || c.is_alphabetic() || (i > 0 && c.is_alphanumeric()));
        if plain && !key.is_empty() {
            write!(f, "{key}: {value}")
        } else {
            write!(f, "`{}`: {value}", key.replace('`', "``"))
        }
    })?;
    f.write_char('}')
}

fn point(p: &Point, f: &mut Formatter<'_>) -> Result {
    write!(f, "point({{srid: {}", p.srid)?;
    for (name, axis) in ["x", "y", "z"].iter().zip(p.axes()) {
        write!(f, ", {name}: {}", float_text(*axis))?;
    }
    f.write_str("})")
}

fn path(p: &Path, f: &mut Formatter<'_>) -> Result {
    let mut nodes = p.nodes.iter();
    if let Some(first) = nodes.next() {
        write!(f, "({first})")?;
    }
    for ((relationship, forward), node) in p.relationships.iter().zip(nodes) {
        if *forward {
            write!(f, "-[{relationship}]->({node})")?;
        } else {
            write!(f, "<-[{relationship}]-({node})")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_read_back_and_look_like_floats() {
        for (float, text) in [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (2.3, "2.3"),
            (0.001, "0.001"),
            (1e-4, "1.0E-4"),
            (1.25e-7, "1.25E-7"),
            (9_999_999.5, "9999999.5"),
            (1e7, "1.0E7"),
            (f64::MAX, "1.7976931348623157E308"),
            (f64::NEG_INFINITY, "-Infinity"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(float_text(float), text);
            if !float.is_nan() && float.is_finite() {
                assert_eq!(text.parse::<f64>().map(f64::to_bits), Ok(float.to_bits()));
            }
        }
    }

    #[test]
    fn strings_are_quoted_inside_other_values_only() {
        let name = Value::string("it's\n");
        assert_eq!(to_text(&name), "it's\n");
        let list = Value::list(vec![name, Value::Int(1), Value::Float(1.0), Value::Null]);
        let map = Value::map([("a b", list), ("x", Value::Bool(true))]);
        assert_eq!(
            to_text(&map),
            "{`a b`: ['it\\'s\\n', 1, 1.0, null], x: true}"
        );
    }
}
