//! Reading temporal values from ISO 8601 text, in extended and basic form.
//!
//! | kind | forms |
//! | --- | --- |
//! | date | `2015-07-21` `20150721` `2015-07` `201507` `2015-W30-2` `2015W302` `2015-W30` `2015W30` `2015-Q2-60` `2015Q260` `2015-Q2` `2015Q2` `2015-202` `2015202` `2015`; years of more than four digits need a sign and the extended form |
//! | time | `21:40:32.142` `214032.142` `21:40` `2140` `21`; comma for the point |
//! | offset | `Z` `+01:00` `+0100` `+01` `+01:00:30`, and `-00:00` for UTC |
//! | datetime | date, then optionally `T` and time, offset, `[Zone/Name]` |
//! | duration | `P1Y2M3W4DT5H6M7.8S`, each part optional, signed and with a fraction; or `P2012-02-02T14:37:21.545` |

use super::decimal::{Amounts, Decimal};
use super::zone::check_offset;
use super::{
    Date, DateTime, Duration, LocalDateTime, LocalTime, TemporalError, TemporalType, Time, Zone,
};

fn unreadable(kind: TemporalType, text: &str) -> TemporalError {
    let example = match kind {
        TemporalType::Date => "'2015-07-21'",
        TemporalType::LocalTime => "'21:40:32.142'",
        TemporalType::Time => "'21:40:32+01:00'",
        TemporalType::LocalDateTime => "'2015-07-21T21:40:32'",
        TemporalType::DateTime => "'2015-07-21T21:40:32+02:00[Europe/Stockholm]'",
    };
    TemporalError::Text {
        type_name: kind.name(),
        text: text.to_owned(),
        example,
    }
}

impl Date {
    /// Reads a date.
    pub fn parse(text: &str) -> Result<Self, TemporalError> {
        let fields = date_fields(text).ok_or_else(|| unreadable(TemporalType::Date, text))?;
        fields.resolve()
    }
}

impl LocalTime {
    /// Reads a time of day.
    pub fn parse(text: &str) -> Result<Self, TemporalError> {
        let fields = time_fields(text);
        fields
            .ok_or_else(|| unreadable(TemporalType::LocalTime, text))?
            .resolve()
    }
}

impl Time {
    /// Reads a time of day with an offset; without one it is in UTC.
    pub fn parse(text: &str) -> Result<Self, TemporalError> {
        let unreadable = || unreadable(TemporalType::Time, text);
        let (rest, name) = split_zone_name(text).ok_or_else(unreadable)?;
        if let Some(name) = name {
            return Err(TemporalError::ZoneNeedsDate {
                name: name.to_owned(),
            });
        }
        let (clock, offset) = split_offset(rest);
        let time = time_fields(clock).ok_or_else(unreadable)?.resolve()?;
        let offset_seconds = match offset {
            None => 0,
            Some(text) => self::offset(text).ok_or_else(unreadable)?,
        };
        Ok(Self {
            nanosecond_of_day: time.nanosecond_of_day,
            offset_seconds,
        })
    }
}

impl LocalDateTime {
    /// Reads a date and time of day; without a time it is midnight.
    pub fn parse(text: &str) -> Result<Self, TemporalError> {
        let unreadable = || unreadable(TemporalType::LocalDateTime, text);
        let (date, time) = match text.split_once('T') {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let date = date_fields(date).ok_or_else(unreadable)?.resolve()?;
        let time = match time {
            Some(time) => time_fields(time).ok_or_else(unreadable)?.resolve()?,
            None => LocalTime::MIDNIGHT,
        };
        Ok(date.at(time))
    }
}

impl DateTime {
    /// Reads a date, time, offset and zone; without the last two it is in UTC.
    pub fn parse(text: &str) -> Result<Self, TemporalError> {
        let unreadable = || unreadable(TemporalType::DateTime, text);
        let (rest, name) = split_zone_name(text).ok_or_else(unreadable)?;
        let (date, time) = match rest.split_once('T') {
            Some((date, time)) => (date, Some(time)),
            None => (rest, None),
        };
        let date = date_fields(date).ok_or_else(unreadable)?.resolve()?;
        let (time, offset) = match time {
            None => (LocalTime::MIDNIGHT, None),
            Some(time) => {
                let (clock, offset) = split_offset(time);
                let time = time_fields(clock).ok_or_else(unreadable)?.resolve()?;
                let offset = match offset {
                    None => None,
                    Some(text) => Some(self::offset(text).ok_or_else(unreadable)?),
                };
                (time, offset)
            }
        };
        let zone = match (name, offset) {
            (Some(name), _) => Zone::named(name)?,
            (None, Some(offset)) => Zone::Offset(offset),
            (None, None) => Zone::UTC,
        };
        let value = Self::from_local(date.at(time), &zone, offset)?;
        match offset {
            Some(offset) if offset != value.offset_seconds => Err(TemporalError::OffsetMismatch {
                zone: zone.name().map_or_else(String::new, ToString::to_string),
                offset: super::format::Offset(offset).to_string(),
            }),
            _ => Ok(value),
        }
    }
}

/// Splits `…[Name]`; `None` if the brackets do not match.
fn split_zone_name(text: &str) -> Option<(&str, Option<&str>)> {
    match text.split_once('[') {
        None => Some((text, None)),
        Some((rest, name)) => Some((rest, Some(name.strip_suffix(']')?))),
    }
}

/// Splits the offset off a time.
fn split_offset(text: &str) -> (&str, Option<&str>) {
    match text.find(['Z', '+', '-']) {
        Some(at) => (&text[..at], Some(&text[at..])),
        None => (text, None),
    }
}

/// Reads an offset from UTC in seconds.
pub(super) fn offset(text: &str) -> Option<i32> {
    if text == "Z" {
        return Some(0);
    }
    let mut cursor = Cursor::new(text);
    let sign = if cursor.eat(b'-') {
        -1
    } else if cursor.eat(b'+') {
        1
    } else {
        return None;
    };
    let hours = cursor.number(2)?;
    let mut seconds = hours * 3_600;
    for unit in [60, 1] {
        if cursor.is_done() {
            break;
        }
        cursor.eat(b':');
        let part = cursor.number(2)?;
        if part >= 60 {
            return None;
        }
        seconds += part * unit;
    }
    if !cursor.is_done() {
        return None;
    }
    check_offset(sign * seconds)
}

/// A date as written; which parts there are depends on the form.
enum DateFields {
    Month { year: i64, month: i64, day: i64 },
    Week { year: i64, week: i64, day: i64 },
    Quarter { year: i64, quarter: i64, day: i64 },
    Ordinal { year: i64, day: i64 },
}

impl DateFields {
    fn resolve(self) -> Result<Date, TemporalError> {
        match self {
            Self::Month { year, month, day } => Date::from_ymd(year, month, day),
            Self::Week { year, week, day } => {
                let date = Date::start_of_week_year(year)
                    .with_week(week)?
                    .with_day_of_week(day)?;
                if date.week() != week {
                    return Err(TemporalError::Range {
                        component: "week",
                        value: week,
                    });
                }
                Ok(date)
            }
            Self::Quarter { year, quarter, day } => {
                let date = Date::from_ymd(year, 1, 1)?.with_quarter(quarter)?;
                let moved = date.with_day_of_quarter(day)?;
                if moved.quarter() != quarter {
                    return Err(TemporalError::Range {
                        component: "dayOfQuarter",
                        value: day,
                    });
                }
                Ok(moved)
            }
            Self::Ordinal { year, day } => Date::from_ymd(year, 1, 1)?.with_ordinal_day(day),
        }
    }
}

fn date_fields(text: &str) -> Option<DateFields> {
    let mut cursor = Cursor::new(text);
    let sign = cursor.sign();
    let year = match sign {
        None => cursor.number(4)?,
        Some(sign) => {
            let digits = cursor.digits();
            if !(4..=9).contains(&digits.len()) {
                return None;
            }
            sign * digits.parse::<i64>().ok()?
        }
    };
    if cursor.is_done() {
        return Some(DateFields::Month {
            year,
            month: 1,
            day: 1,
        });
    }
    let extended = cursor.eat(b'-');
    // A long year runs into the digits behind it unless a hyphen ends it.
    if sign.is_some() && !extended {
        return None;
    }
    let fields = match cursor.peek()? {
        b'W' => {
            cursor.eat(b'W');
            let week = cursor.number(2)?;
            let day = cursor.next_part(extended, 1)?.unwrap_or(1);
            DateFields::Week { year, week, day }
        }
        b'Q' => {
            cursor.eat(b'Q');
            let quarter = cursor.number(1)?;
            let day = cursor.next_part(extended, 2)?.unwrap_or(1);
            DateFields::Quarter { year, quarter, day }
        }
        _ => {
            let digits = cursor.digits();
            match digits.len() {
                3 => DateFields::Ordinal {
                    year,
                    day: digits.parse().ok()?,
                },
                2 => {
                    let month = digits.parse().ok()?;
                    let day = cursor.next_part(extended, 2)?.unwrap_or(1);
                    DateFields::Month { year, month, day }
                }
                4 if !extended => DateFields::Month {
                    year,
                    month: digits[..2].parse().ok()?,
                    day: digits[2..].parse().ok()?,
                },
                _ => return None,
            }
        }
    };
    cursor.is_done().then_some(fields)
}

/// A time as written.
struct TimeFields {
    hour: i64,
    minute: i64,
    second: i64,
    nanosecond: i64,
}

impl TimeFields {
    fn resolve(self) -> Result<LocalTime, TemporalError> {
        LocalTime::from_hms(self.hour, self.minute, self.second, self.nanosecond)
    }
}

fn time_fields(text: &str) -> Option<TimeFields> {
    let mut cursor = Cursor::new(text);
    let hour = cursor.number(2)?;
    let mut fields = TimeFields {
        hour,
        minute: 0,
        second: 0,
        nanosecond: 0,
    };
    if cursor.is_done() {
        return Some(fields);
    }
    let extended = cursor.eat(b':');
    fields.minute = cursor.number(2)?;
    if let Some(second) = cursor.part(extended, b':', 2)? {
        fields.second = second;
        if cursor.eat(b'.') || cursor.eat(b',') {
            let digits = cursor.digits();
            if !(1..=9).contains(&digits.len()) {
                return None;
            }
            let scale = 10_i64.pow(9 - u32::try_from(digits.len()).ok()?);
            fields.nanosecond = digits.parse::<i64>().ok()? * scale;
        }
    }
    cursor.is_done().then_some(fields)
}

impl Duration {
    /// Reads a duration.
    pub fn parse(text: &str) -> Result<Self, TemporalError> {
        let unreadable = || TemporalError::Text {
            type_name: "a duration",
            text: text.to_owned(),
            example: "'P1Y2M10DT2H30M'",
        };
        let mut cursor = Cursor::new(text);
        let negative = cursor.sign() == Some(-1);
        if !cursor.eat(b'P') {
            return Err(unreadable());
        }
        let rest = cursor.rest();
        let amounts = match unit_amounts(rest)? {
            Some(amounts) => amounts,
            None => date_amounts(rest).ok_or_else(unreadable)?,
        };
        let duration = amounts.carry()?;
        if negative {
            duration.negated()
        } else {
            Ok(duration)
        }
    }
}

/// Reads `1Y2M…T…`; `None` if the text has another form.
fn unit_amounts(text: &str) -> Result<Option<Amounts>, TemporalError> {
    const DATE_UNITS: &[u8] = b"YMWD";
    const TIME_UNITS: &[u8] = b"HMS";
    let mut amounts = Amounts::ZERO;
    let mut cursor = Cursor::new(text);
    let mut units = DATE_UNITS;
    let mut is_time = false;
    let mut is_empty = true;
    while !cursor.is_done() {
        if !is_time && cursor.eat(b'T') {
            (is_time, units, is_empty) = (true, TIME_UNITS, true);
            continue;
        }
        let negative = cursor.sign() == Some(-1);
        let whole = cursor.digits();
        let has_point = cursor.eat(b'.') || cursor.eat(b',');
        let fraction = if has_point { cursor.digits() } else { "" };
        if whole.is_empty() || (has_point && fraction.is_empty()) {
            return Ok(None);
        }
        // Units come in order, each once.
        let Some(at) = cursor
            .peek()
            .and_then(|unit| units.iter().position(|u| *u == unit))
        else {
            return Ok(None);
        };
        let unit = units[at];
        cursor.eat(unit);
        units = &units[at + 1..];
        is_empty = false;
        let amount = Decimal::from_digits(whole, fraction)?;
        let amount = if negative { amount.negate() } else { amount };
        match (is_time, unit) {
            (false, b'Y') => amounts.months = amounts.months.plus(amount.times(12)?)?,
            (false, b'M') => amounts.months = amounts.months.plus(amount)?,
            (false, b'W') => amounts.days = amounts.days.plus(amount.times(7)?)?,
            (false, _) => amounts.days = amounts.days.plus(amount)?,
            (true, b'H') => amounts.seconds = amounts.seconds.plus(amount.times(3_600)?)?,
            (true, b'M') => amounts.seconds = amounts.seconds.plus(amount.times(60)?)?,
            (true, _) => amounts.seconds = amounts.seconds.plus(amount)?,
        }
    }
    // `P` and `P1DT` say nothing where something is due.
    Ok((!is_empty).then_some(amounts))
}

/// Reads `2012-02-02T14:37:21.545`, a duration in the shape of a date and time.
fn date_amounts(text: &str) -> Option<Amounts> {
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut cursor = Cursor::new(date);
    let years = cursor.number(4)?;
    let extended = cursor.eat(b'-');
    let months = cursor.number(2)?;
    let days = cursor.part(extended, b'-', 2)??;
    if !cursor.is_done() || months > 12 || days > 31 {
        return None;
    }
    let mut amounts = Amounts::ZERO;
    amounts.months = Decimal::from_int(years * 12 + months);
    amounts.days = Decimal::from_int(days);
    if let Some(time) = time {
        let time = time_fields(time)?;
        if time.hour > 24 || time.minute > 60 || time.second > 60 {
            return None;
        }
        let seconds = time.hour * 3_600 + time.minute * 60 + time.second;
        amounts.seconds = Decimal::from_int(seconds);
        amounts.nanoseconds = Decimal::from_int(time.nanosecond);
    }
    Some(amounts)
}

/// A position in ASCII text. Text is cut only at ASCII bytes, so cuts are at character boundaries.
struct Cursor<'a> {
    text: &'a str,
}

impl<'a> Cursor<'a> {
    const fn new(text: &'a str) -> Self {
        Self { text }
    }

    const fn rest(&self) -> &'a str {
        self.text
    }

    const fn is_done(&self) -> bool {
        self.text.is_empty()
    }

    fn peek(&self) -> Option<u8> {
        self.text.bytes().next()
    }

    fn eat(&mut self, byte: u8) -> bool {
        match self.text.strip_prefix(char::from(byte)) {
            Some(rest) => {
                self.text = rest;
                true
            }
            None => false,
        }
    }

    fn sign(&mut self) -> Option<i64> {
        if self.eat(b'-') {
            Some(-1)
        } else if self.eat(b'+') {
            Some(1)
        } else {
            None
        }
    }

    /// All digits up to something else.
    fn digits(&mut self) -> &'a str {
        let end = self
            .text
            .bytes()
            .position(|b| !b.is_ascii_digit())
            .unwrap_or(self.text.len());
        let (digits, rest) = self.text.split_at(end);
        self.text = rest;
        digits
    }

    /// A number of exactly `width` digits, of which more may follow.
    fn number(&mut self, width: usize) -> Option<i64> {
        let digits = self.text.get(..width)?;
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        self.text = &self.text[width..];
        digits.parse().ok()
    }

    /// The next number if there is one: behind a separator in the extended form, at once in the
    /// basic form. The outer `None` is a malformed part.
    fn part(&mut self, extended: bool, separator: u8, width: usize) -> Option<Option<i64>> {
        if self.is_done() || (extended && !self.eat(separator)) {
            return Some(None);
        }
        self.number(width).map(Some)
    }

    /// The next part of a date.
    fn next_part(&mut self, extended: bool, width: usize) -> Option<Option<i64>> {
        self.part(extended, b'-', width)
    }
}
