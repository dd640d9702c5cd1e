//! Types of settings: how each is written in text and in TOML, and how it is shown.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::DeValue;

/// A type that settings can have.
pub trait Value: Sized + PartialOrd {
    /// What it is, in a word or two.
    const TYPE: &'static str;
    /// What is expected, as messages say it: a noun with an example.
    const EXPECTED: &'static str;

    /// Reads a text, as flags, the environment and declarations have it.
    fn from_text(text: &str) -> Option<Self>;

    /// Reads what a flag or a variable of the environment says.
    fn from_os(text: &OsStr) -> Option<Self> {
        Self::from_text(text.to_str()?)
    }

    /// Reads a value of a TOML file in a folder.
    fn from_toml(value: &DeValue<'_>, _folder: &Path) -> Option<Self> {
        Self::from_text(value.as_str()?)
    }

    /// What a setting is that neither has a default nor is given.
    fn unset() -> Option<Self> {
        None
    }

    /// The value as TOML, if there is one.
    fn show(&self) -> Option<String>;
}

impl<T: Value> Value for Option<T> {
    const TYPE: &'static str = T::TYPE;
    const EXPECTED: &'static str = T::EXPECTED;

    fn from_text(text: &str) -> Option<Self> {
        T::from_text(text).map(Some)
    }

    fn from_os(text: &OsStr) -> Option<Self> {
        T::from_os(text).map(Some)
    }

    fn from_toml(value: &DeValue<'_>, folder: &Path) -> Option<Self> {
        T::from_toml(value, folder).map(Some)
    }

    fn unset() -> Option<Self> {
        Some(None)
    }

    fn show(&self) -> Option<String> {
        self.as_ref().and_then(T::show)
    }
}

impl Value for bool {
    const TYPE: &'static str = "boolean";
    const EXPECTED: &'static str = "`true` or `false`";

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn from_toml(value: &DeValue<'_>, _folder: &Path) -> Option<Self> {
        value.as_bool()
    }

    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Value for usize {
    const TYPE: &'static str = "count";
    const EXPECTED: &'static str = "a whole number such as 100";

    fn from_text(text: &str) -> Option<Self> {
        text.replace('_', "").parse().ok()
    }

    fn from_toml(value: &DeValue<'_>, _folder: &Path) -> Option<Self> {
        integer(value)?.try_into().ok()
    }

    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Value for String {
    const TYPE: &'static str = "text";
    const EXPECTED: &'static str = "a text that is not empty";

    fn from_text(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| text.to_owned())
    }

    fn show(&self) -> Option<String> {
        Some(quoted(self))
    }
}

impl Value for PathBuf {
    const TYPE: &'static str = "path";
    const EXPECTED: &'static str = "a path";

    fn from_text(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self::from(text))
    }

    fn from_os(text: &OsStr) -> Option<Self> {
        (!text.is_empty()).then(|| Self::from(text))
    }

    /// Relative to the folder of the file, so that the file means the same wherever it is used from.
    fn from_toml(value: &DeValue<'_>, folder: &Path) -> Option<Self> {
        Self::from_text(value.as_str()?).map(|path| folder.join(path))
    }

    fn show(&self) -> Option<String> {
        Some(quoted(&self.to_string_lossy()))
    }
}

impl Value for SocketAddr {
    const TYPE: &'static str = "address";
    const EXPECTED: &'static str =
        "an address with a port, such as 127.0.0.1:7687, 0.0.0.0:7687 or [::1]:7687";

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn show(&self) -> Option<String> {
        Some(quoted(&self.to_string()))
    }
}

impl Value for Duration {
    const TYPE: &'static str = "time";
    const EXPECTED: &'static str = "a time with its unit ms, s, m or h, such as \"10s\"";

    fn from_text(text: &str) -> Option<Self> {
        // A number alone would leave the reader to guess the unit.
        let has_unit = text.ends_with(|c: char| c.is_ascii_alphabetic());
        parse_duration(text).ok().filter(|_| has_unit)
    }

    fn show(&self) -> Option<String> {
        let (ms, unit) = (self.as_millis(), |size| {
            self.as_millis().is_multiple_of(size)
        });
        Some(quoted(&match ms {
            0 => "0s".to_owned(),
            _ if unit(3_600_000) => format!("{}h", ms / 3_600_000),
            _ if unit(60_000) => format!("{}m", ms / 60_000),
            _ if unit(1_000) => format!("{}s", ms / 1_000),
            _ => format!("{ms}ms"),
        }))
    }
}

/// A share of something.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Ratio(pub f64);

impl Value for Ratio {
    const TYPE: &'static str = "share";
    const EXPECTED: &'static str = "a share such as 0.1 or 1";

    fn from_text(text: &str) -> Option<Self> {
        let ratio: f64 = text.parse().ok()?;
        ratio.is_finite().then_some(Self(ratio))
    }

    fn from_toml(value: &DeValue<'_>, _folder: &Path) -> Option<Self> {
        match value.as_float() {
            Some(float) => Self::from_text(float.as_str()),
            // Nobody writes more than fits.
            None => Some(Self(integer(value)? as f64)),
        }
    }

    fn show(&self) -> Option<String> {
        Some(self.0.to_string())
    }
}

/// Where a program listens that is connected to: `http` or `https`, a host and a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint(String);

impl Endpoint {
    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for Endpoint {
    const TYPE: &'static str = "endpoint";
    const EXPECTED: &'static str =
        "http:// or https://, a host and a port, such as http://127.0.0.1:4317";

    /// Without a user, a path or a query: what is shown in messages is to hold no secrets.
    fn from_text(text: &str) -> Option<Self> {
        let rest = text
            .strip_prefix("http://")
            .or_else(|| text.strip_prefix("https://"))?;
        let (host, port) = rest.rsplit_once(':')?;
        let port: u16 = port.parse().ok()?;
        let is_bracketed = host.starts_with('[') && host.ends_with(']');
        let is_ip = || {
            let inner = host.trim_start_matches('[').trim_end_matches(']');
            inner.parse::<std::net::Ipv6Addr>().is_ok()
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let is_host = match is_bracketed {
            true => is_ip(),
            false => !host.is_empty() && host.chars().all(is_name),
        };
        (is_host && port > 0).then(|| Self(text.to_owned()))
    }

    fn show(&self) -> Option<String> {
        Some(quoted(&self.0))
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

impl Bytes {
    /// As sizes in memory are counted.
    #[must_use]
    pub fn size(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

const BYTE_UNITS: [(&str, u64); 4] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
];

impl Value for Bytes {
    const TYPE: &'static str = "bytes";
    const EXPECTED: &'static str = "a number of bytes, such as \"64MiB\" or 4096";

    fn from_text(text: &str) -> Option<Self> {
        let text = text.trim();
        let unit = BYTE_UNITS.iter().find_map(|(unit, size)| {
            let number = text.strip_suffix(unit)?;
            Some((number.trim_end(), *size))
        });
        let (number, size) = unit.unwrap_or((text, 1));
        let number: u64 = number.replace('_', "").parse().ok()?;
        number.checked_mul(size).map(Self)
    }

    fn from_toml(value: &DeValue<'_>, _folder: &Path) -> Option<Self> {
        match value.as_str() {
            Some(text) => Self::from_text(text),
            None => integer(value).map(Self),
        }
    }

    fn show(&self) -> Option<String> {
        let unit = BYTE_UNITS
            .iter()
            .find(|(_, size)| self.0 > 0 && self.0.is_multiple_of(*size));
        Some(match unit {
            Some((unit, size)) => quoted(&format!("{}{unit}", self.0 / size)),
            None => self.0.to_string(),
        })
    }
}

/// Declares a type of few values, each with the word it is written as.
macro_rules! choice {
    ($(#[doc = $doc:literal])+ $name:ident, $expected:literal,
     $($(#[doc = $value_doc:literal])+ $value:ident = $word:literal,)+) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $($(#[doc = $value_doc])+ $value,)+
        }

        impl Value for $name {
            const TYPE: &'static str = "word";
            const EXPECTED: &'static str = $expected;

            fn from_text(text: &str) -> Option<Self> {
                match text {
                    $($word => Some(Self::$value),)+
                    _ => None,
                }
            }

            fn show(&self) -> Option<String> {
                Some(quoted(match self {
                    $(Self::$value => $word,)+
                }))
            }
        }
    };
}

choice! {
    /// What is worth a line in the log.
    LogLevel, "`error`, `warn`, `info` or `debug`",
    /// What needs somebody to act.
    Error = "error",
    /// What may need it.
    Warn = "warn",
    /// What happens seldom: starts, stops, new certificates.
    Info = "info",
    /// Also each connection.
    Debug = "debug",
}

choice! {
    /// How a line of the log is written.
    LogFormat, "`text` or `json`",
    /// For people.
    Text = "text",
    /// One object a line, for programs.
    Json = "json",
}

choice! {
    /// Whether something has to be there.
    Presence, "`optional` or `required`",
    /// It may.
    Optional = "optional",
    /// It has to.
    Required = "required",
}

choice! {
    /// What of a certificate names the user.
    CertificateName, "`common-name`, `email`, `dns` or `uri`",
    /// The common name of the subject.
    CommonName = "common-name",
    /// The mail address among the alternative names.
    Email = "email",
    /// The DNS name among the alternative names.
    Dns = "dns",
    /// The URI among the alternative names.
    Uri = "uri",
}

fn integer(value: &DeValue<'_>) -> Option<u64> {
    let integer = value.as_integer()?;
    u64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// A text as a string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Reads `500ms`, `10s`, `2m`, `1h`; a number alone is seconds.
///
/// # Errors
/// If the text is none of these; the error says what is.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no time; write a number with ms, s, m or h, such as 10s");
    let unit_at = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let seconds = match unit.trim() {
        "ms" => number / 1_000.0,
        "" | "s" => number,
        "m" => number * 60.0,
        "h" => number * 3_600.0,
        _ => return Err(wrong()),
    };
    Duration::try_from_secs_f64(seconds).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("1.5s"), Ok(Duration::from_millis(1_500)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse_duration("3"), Ok(Duration::from_secs(3)));
        for wrong in ["", "s", "ten", "5 parsecs", "-1s", "1e400h"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Duration::from_text("3"), None, "a setting names the unit");
    }

    /// What is shown is read back as the same.
    #[test]
    fn values_survive_being_shown() {
        fn back<T: Value + std::fmt::Debug>(text: &str, shown: &str) {
            let value = T::from_text(text).expect(text);
            assert_eq!(value.show().as_deref(), Some(shown), "{text}");
            let toml = DeValue::parse(shown).expect(shown);
            let again = T::from_toml(toml.get_ref(), Path::new("")).expect(shown);
            assert!(again == value, "{again:?} is not {value:?}");
        }
        back::<Bytes>("64MiB", "\"64MiB\"");
        back::<Bytes>("1536KiB", "\"1536KiB\"");
        back::<Bytes>("1_000", "1000");
        back::<Bytes>("0", "0");
        back::<Duration>("90s", "\"90s\"");
        back::<Duration>("120s", "\"2m\"");
        back::<Duration>("1500ms", "\"1500ms\"");
        back::<Duration>("0s", "\"0s\"");
        back::<usize>("1_000", "1000");
        back::<String>("a \"b\" \\ \u{7}", "\"a \\\"b\\\" \\\\ \\u0007\"");
        back::<SocketAddr>("[::1]:7687", "\"[::1]:7687\"");
        back::<bool>("true", "true");
        back::<Ratio>("0.25", "0.25");
        back::<Ratio>("1", "1");
        back::<Endpoint>("http://127.0.0.1:4317", "\"http://127.0.0.1:4317\"");
        back::<Endpoint>("https://[::1]:4317", "\"https://[::1]:4317\"");
        for wrong in ["", "half", "NaN", "inf"] {
            assert_eq!(Ratio::from_text(wrong), None, "{wrong}");
        }
        for wrong in [
            "127.0.0.1:4317",
            "http://collector",
            "http://:4317",
            "http://collector:0",
            "http://user:secret@collector:4317",
            "http://collector:4317/v1/traces",
            "ftp://collector:4317",
            "http://[collector]:4317",
        ] {
            assert_eq!(Endpoint::from_text(wrong), None, "{wrong}");
        }
        for wrong in ["", "64 parsecs", "-1", "99999999TiB", "1.5MiB"] {
            assert_eq!(Bytes::from_text(wrong), None, "{wrong}");
        }
    }
}
