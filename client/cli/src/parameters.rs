//! Parameters of queries, from the command line and from files.

use std::path::Path;

use retrograph_engine::Parameters;
use retrograph_graph::value::Value;

use crate::failure::Failure;
use retrograph_ingest::json;

/// A parameter with its value.
pub type Pair = (String, Value);

/// Reads `name=value`: the value is JSON (with typed values, see [`json`]) if it can be read as such,
/// else a string.
pub fn parse_pair(text: &str) -> Result<Pair, String> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| format!("`{text}` is not of the form name=value"))?;
    let name = name.trim().trim_start_matches('$');
    if name.is_empty() {
        return Err(format!("`{text}` names no parameter"));
    }
    let value = match serde_json::from_str(value) {
        Ok(json) => json::read(&json)?,
        Err(_) => Value::from(value),
    };
    Ok((name.into(), value))
}

/// Reads a file that holds a JSON object of parameters.
pub fn read_file(path: &Path) -> Result<Parameters, Failure> {
    let wrong = |what: String| Failure::new(format!("{}: {what}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let json: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let serde_json::Value::Object(members) = json else {
        return Err(wrong("holds no JSON object of parameters".to_owned()));
    };
    members
        .iter()
        .map(|(name, json)| match json::read(json) {
            Ok(value) => Ok((name.clone(), value)),
            Err(what) => Err(wrong(format!("parameter {name}: {what}"))),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_json_or_else_a_string() {
        let text = |pair: &str| {
            let (name, value) = parse_pair(pair).expect("it is readable");
            format!("{name}={value}")
        };
        assert_eq!(text("id=A-1177"), "id='A-1177'");
        assert_eq!(text("$n=3"), "n=3");
        assert_eq!(text("x=1.0"), "x=1.0");
        assert_eq!(text("s=\"3\""), "s='3'");
        assert_eq!(text("a=b=c"), "a='b=c'");
        assert_eq!(text("l=[1, {\"a\": null}]"), "l=[1, {a: null}]");
        assert_eq!(text("d={\"$date\": \"2026-01-10\"}"), "d=2026-01-10");
        assert_eq!(text("empty="), "empty=''");
        assert!(parse_pair("novalue").is_err() && parse_pair("=1").is_err());
        assert!(parse_pair("d={\"$date\": \"soon\"}").is_err());
    }
}
