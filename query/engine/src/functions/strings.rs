//! Functions on strings. Lengths and places count Unicode scalar values.

use super::registry::{function, parameter};
use super::{CallContext, Function, Parameter, list, out_of_range, text, wrong_type};
use crate::error::{QueryError, RuntimeError};
use crate::types::Type;
use retrograph_graph::value::Value;
use unicode_normalization::UnicodeNormalization;

type Outcome = Result<Value, QueryError>;

pub(super) fn functions() -> Vec<Function> {
    let original = || parameter("original", [Type::String]);
    let count = |name| parameter(name, [Type::Integer]);
    let lower = function(
        "toLower",
        "The string in lower case.",
        [original()],
        Type::String,
        |_, arguments| Ok(text(string("toLower", &arguments[0])?.to_lowercase())),
    );
    let upper = function(
        "toUpper",
        "The string in upper case.",
        [original()],
        Type::String,
        |_, arguments| Ok(text(string("toUpper", &arguments[0])?.to_uppercase())),
    );
    let length = function(
        "char_length",
        "The number of characters of a string.",
        [original()],
        Type::Integer,
        |_, arguments| Ok(char_count(string("char_length", &arguments[0])?)),
    );
    let strip = |name, description, body| {
        let characters: Parameter = parameter("characters", [Type::String]);
        function(
            name,
            description,
            [original(), characters],
            Type::String,
            body,
        )
        .optional(1)
    };
    vec![
        lower.alias("lower"),
        lower,
        upper.alias("upper"),
        upper,
        length.alias("character_length"),
        length,
        function(
            "left",
            "The first characters of a string.",
            [original(), count("length")],
            Type::String,
            left,
        )
        .sees_null(),
        function(
            "right",
            "The last characters of a string.",
            [original(), count("length")],
            Type::String,
            right,
        )
        .sees_null(),
        function(
            "substring",
            "The characters from a place, counted from 0; all of them or so many.",
            [original(), count("start"), count("length")],
            Type::String,
            substring,
        )
        .optional(1)
        .sees_null(),
        function(
            "trim",
            "The string without white space at either end.",
            [original()],
            Type::String,
            |_, arguments| trim("trim", arguments, true, true),
        ),
        strip(
            "btrim",
            "The string without white space, or these characters, at either end.",
            |_, arguments| trim("btrim", arguments, true, true),
        ),
        strip(
            "ltrim",
            "The string without white space, or these characters, at its start.",
            |_, arguments| trim("ltrim", arguments, true, false),
        ),
        strip(
            "rtrim",
            "The string without white space, or these characters, at its end.",
            |_, arguments| trim("rtrim", arguments, false, true),
        ),
        function(
            "normalize",
            "The string in a Unicode normal form: NFC, or the one named.",
            [original(), parameter("form", [Type::String])],
            Type::String,
            normalize,
        )
        .optional(1),
        function(
            "replace",
            "The string with every occurrence of one string replaced by another.",
            [
                original(),
                parameter("search", [Type::String]),
                parameter("replacement", [Type::String]),
            ],
            Type::String,
            |context, arguments| {
                let original = string("replace", &arguments[0])?;
                let search = string("replace", &arguments[1])?;
                let replacement = string("replace", &arguments[2])?;
                if replacement.len() > search.len() {
                    let found = original.matches(search).count();
                    let grown = found.saturating_mul(replacement.len());
                    (context.check)(original.len().saturating_add(grown))?;
                }
                Ok(text(original.replace(search, replacement)))
            },
        ),
        function(
            "split",
            "The parts of a string between occurrences of a delimiter, or of any of a list of them; \
             with an empty delimiter, its characters.",
            [
                original(),
                parameter(
                    "delimiter",
                    [Type::String, Type::List(Box::new(Type::String))],
                ),
            ],
            Type::List(Box::new(Type::String)),
            split,
        ),
    ]
}

fn normalize(_: &mut CallContext<'_>, arguments: &[Value]) -> Outcome {
    let original = string("normalize", &arguments[0])?;
    let form = match arguments.get(1) {
        Some(form) => string("normalize", form)?,
        None => "NFC",
    };
    Ok(text(match form.to_ascii_uppercase().as_str() {
        "NFC" => original.nfc().collect::<String>(),
        "NFD" => original.nfd().collect(),
        "NFKC" => original.nfkc().collect(),
        "NFKD" => original.nfkd().collect(),
        _ => return Err(unknown_form(form)),
    }))
}

/// Whether a text is in a normal form, given by name.
pub(super) fn is_normalized(original: &str, form: &str) -> Result<bool, QueryError> {
    match form.to_ascii_uppercase().as_str() {
        "NFC" => Ok(unicode_normalization::is_nfc(original)),
        "NFD" => Ok(unicode_normalization::is_nfd(original)),
        "NFKC" => Ok(unicode_normalization::is_nfkc(original)),
        "NFKD" => Ok(unicode_normalization::is_nfkd(original)),
        _ => Err(unknown_form(form)),
    }
}

fn unknown_form(form: &str) -> QueryError {
    RuntimeError::argument(format!(
        "`{form}` is no normal form; there are NFC, NFD, NFKC and NFKD"
    ))
    .into()
}

/// An argument as a string.
pub(super) fn string<'a>(name: &str, argument: &'a Value) -> Result<&'a str, QueryError> {
    match argument {
        Value::String(value) => Ok(value),
        other => Err(wrong_type(name, "a string", other)),
    }
}

/// The number of characters of a string as a value.
pub(super) fn char_count(value: &str) -> Value {
    Value::Int(i64::try_from(value.chars().count()).unwrap_or(i64::MAX))
}

/// An argument as a number of characters.
fn characters(name: &str, what: &str, argument: &Value) -> Result<usize, QueryError> {
    match argument {
        Value::Int(value) if *value < 0 => Err(out_of_range(format!(
            "{name}() takes a {what} of 0 or more, not {value}"
        ))),
        // A count beyond the address space is beyond any string.
        Value::Int(value) => Ok(usize::try_from(*value).unwrap_or(usize::MAX)),
        other => Err(wrong_type(name, &format!("an integer as {what}"), other)),
    }
}

/// The byte offset of the character at this place, or of the end.
fn offset_of(value: &str, place: usize) -> usize {
    value
        .char_indices()
        .nth(place)
        .map_or(value.len(), |(offset, _)| offset)
}

fn left(_: &mut CallContext<'_>, arguments: &[Value]) -> Outcome {
    if matches!(arguments[0], Value::Null) {
        return Ok(Value::Null);
    }
    let original = string("left", &arguments[0])?;
    let length = characters("left", "length", &arguments[1])?;
    Ok(text(&original[..offset_of(original, length)]))
}

fn right(_: &mut CallContext<'_>, arguments: &[Value]) -> Outcome {
    if matches!(arguments[0], Value::Null) {
        return Ok(Value::Null);
    }
    let original = string("right", &arguments[0])?;
    let length = characters("right", "length", &arguments[1])?;
    let skipped = original.chars().count().saturating_sub(length);
    Ok(text(&original[offset_of(original, skipped)..]))
}

fn substring(_: &mut CallContext<'_>, arguments: &[Value]) -> Outcome {
    if matches!(arguments[0], Value::Null) {
        return Ok(Value::Null);
    }
    let original = string("substring", &arguments[0])?;
    let start = characters("substring", "start", &arguments[1])?;
    let rest = &original[offset_of(original, start)..];
    let Some(length) = arguments.get(2) else {
        return Ok(text(rest));
    };
    let length = characters("substring", "length", length)?;
    Ok(text(&rest[..offset_of(rest, length)]))
}

fn trim(name: &str, arguments: &[Value], start: bool, end: bool) -> Outcome {
    let mut trimmed = string(name, &arguments[0])?;
    let drop: Option<&str> = match arguments.get(1) {
        Some(characters) => Some(string(name, characters)?),
        None => None,
    };
    let is_dropped = |character: char| match drop {
        Some(characters) => characters.contains(character),
        None => character.is_whitespace(),
    };
    if start {
        trimmed = trimmed.trim_start_matches(is_dropped);
    }
    if end {
        trimmed = trimmed.trim_end_matches(is_dropped);
    }
    Ok(text(trimmed))
}

/// Longer strings are split only if there is room for as many parts as there are bytes.
const LONG_BYTES: usize = 64 << 10;

fn split(context: &mut CallContext<'_>, arguments: &[Value]) -> Outcome {
    let original = string("split", &arguments[0])?;
    if original.len() > LONG_BYTES {
        // A part takes more than what is in it.
        (context.check)(original.len().saturating_mul(2 * size_of::<Value>()))?;
    }
    let one;
    let delimiters: &[Value] = match &arguments[1] {
        Value::List(delimiters) => delimiters,
        delimiter => {
            one = [delimiter.clone()];
            &one
        }
    };
    let mut wanted = Vec::with_capacity(delimiters.len());
    for delimiter in delimiters {
        wanted.push(string("split", delimiter)?);
    }
    if wanted.contains(&"") {
        return Ok(list(
            original
                .chars()
                .map(|character| text(character.encode_utf8(&mut [0; 4]))),
        ));
    }
    let mut parts = Vec::new();
    let mut rest = original;
    // The earliest delimiter ends a part; of two at one place, the first in the list.
    while let Some((offset, length)) = wanted
        .iter()
        .filter_map(|delimiter| rest.find(delimiter).map(|offset| (offset, delimiter.len())))
        .min_by_key(|(offset, _)| *offset)
    {
        parts.push(text(&rest[..offset]));
        rest = &rest[offset + length..];
    }
    parts.push(text(rest));
    Ok(list(parts))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{error_of, evaluates};
    use super::*;

    #[test]
    fn results_follow_the_table() {
        let int = Value::Int;
        let strings = |items: &[&str]| list(items.iter().map(text));
        evaluates(&[
            ("toLower", vec![text("ÄbC")], text("äbc")),
            ("lower", vec![Value::Null], Value::Null),
            ("toUpper", vec![text("äbc")], text("ÄBC")),
            ("upper", vec![text("a")], text("A")),
            ("char_length", vec![text("äöü")], int(3)),
            ("character_length", vec![text("")], int(0)),
            ("left", vec![text("hello"), int(3)], text("hel")),
            ("left", vec![text("äö"), int(9)], text("äö")),
            ("left", vec![Value::Null, int(3)], Value::Null),
            ("left", vec![Value::Null, Value::Null], Value::Null),
            ("right", vec![text("hällo"), int(4)], text("ällo")),
            ("right", vec![text("hello"), int(0)], text("")),
            ("right", vec![Value::Null, int(1)], Value::Null),
            (
                "substring",
                vec![text("0123456789"), int(1)],
                text("123456789"),
            ),
            (
                "substring",
                vec![text("hello"), int(1), int(3)],
                text("ell"),
            ),
            ("substring", vec![text("hello"), int(9), int(3)], text("")),
            ("substring", vec![Value::Null, int(1)], Value::Null),
            ("trim", vec![text("\t a b \n")], text("a b")),
            ("btrim", vec![text("xyaxbyx"), text("xy")], text("axb")),
            ("ltrim", vec![text("  a ")], text("a ")),
            ("ltrim", vec![text("xxa"), text("x")], text("a")),
            ("rtrim", vec![text(" a  ")], text(" a")),
            ("rtrim", vec![text(" a  "), Value::Null], Value::Null),
            (
                "replace",
                vec![text("hello"), text("l"), text("w")],
                text("hewwo"),
            ),
            (
                "replace",
                vec![text("hello"), Value::Null, text("w")],
                Value::Null,
            ),
            (
                "split",
                vec![text("one1two"), text("1")],
                strings(&["one", "two"]),
            ),
            (
                "split",
                vec![text("a,b;c"), strings(&[",", ";"])],
                strings(&["a", "b", "c"]),
            ),
            ("split", vec![text("ab"), text("")], strings(&["a", "b"])),
            ("split", vec![text(""), text(",")], strings(&[""])),
            (
                "split",
                vec![text(",a,"), text(",")],
                strings(&["", "a", ""]),
            ),
            ("split", vec![Value::Null, text(",")], Value::Null),
        ]);
    }

    #[test]
    fn wrong_arguments_are_errors() {
        let range = ("ArgumentError", "NumberOutOfRange");
        let kind = ("TypeError", "InvalidArgumentValue");
        assert_eq!(error_of("left", &[text("a"), Value::Int(-1)]), range);
        assert_eq!(error_of("right", &[text("a"), Value::Int(-1)]), range);
        assert_eq!(error_of("substring", &[text("a"), Value::Int(-1)]), range);
        assert_eq!(
            error_of("substring", &[text("a"), Value::Int(0), Value::Int(-1)]),
            range
        );
        assert_eq!(error_of("left", &[text("a"), Value::Null]), kind);
        assert_eq!(error_of("substring", &[text("a"), Value::Null]), kind);
        assert_eq!(error_of("trim", &[Value::Int(1)]), kind);
        assert_eq!(error_of("split", &[text("a"), Value::Int(1)]), kind);
        assert_eq!(error_of("toUpper", &[Value::Int(1)]), kind);
    }
}
