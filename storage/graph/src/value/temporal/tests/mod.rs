//! Expectations of temporal semantics, written as queries would be.

mod expression;

use proptest::prelude::*;

use super::*;
use crate::value::Value;
use crate::value::generate::scalars;
use expression::eval;

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    for (expression, expected) in cases {
        assert_eq!(eval(expression), *expected, "{expression}");
    }
}

#[test]
fn dates_from_components() {
    check(&[
        ("date({year: 1984, month: 10, day: 11})", "1984-10-11"),
        ("date({year: 1984, week: 10, dayOfWeek: 3})", "1984-03-07"),
        (
            "date({year: 1984, quarter: 3, dayOfQuarter: 45})",
            "1984-08-14",
        ),
        ("date({year: 1984, ordinalDay: 202})", "1984-07-20"),
        ("date({year: 1984, quarter: 3})", "1984-07-01"),
        ("date({year: -1})", "-0001-01-01"),
        ("date({year: 12345, month: 2, day: 3})", "+12345-02-03"),
    ]);
}

#[test]
fn a_year_with_a_week_is_week_based() {
    check(&[
        ("date({year: 1817, week: 1})", "1816-12-30"),
        ("date({year: 1818, week: 53})", "1818-12-28"),
        ("date({year: 1819, week: 52})", "1819-12-27"),
        ("date({year: 1817, week: 1, dayOfWeek: 2})", "1816-12-31"),
        ("date({date: date('1816-12-31'), week: 2})", "1817-01-07"),
        (
            "date({date: date('1816-12-30'), week: 2, dayOfWeek: 3})",
            "1817-01-08",
        ),
        (
            "date({date: date('1816-12-31'), year: 1817, week: 2})",
            "1817-01-07",
        ),
    ]);
}

#[test]
fn components_override_a_base() {
    check(&[
        ("date({date: date('1984-11-11'), year: 28})", "0028-11-11"),
        ("date({date: date('1984-11-11'), week: 1})", "1984-01-08"),
        ("date({date: date('1984-11-11'), quarter: 3})", "1984-08-11"),
        ("date({date: date('1984-02-29'), year: 1985})", "1985-02-28"),
        ("date({date: date('1984-10-31'), month: 2})", "1984-02-29"),
        (
            "localtime({time: time('12:31:14.645876+01:00'), second: 42})",
            "12:31:42.645876",
        ),
        (
            "localdatetime({date: date('1984-10-11'), hour: 10})",
            "1984-10-11T10:00",
        ),
        (
            "localdatetime({datetime: datetime('1984-10-11T12:00+01:00'), day: 28, second: 42})",
            "1984-10-28T12:00:42",
        ),
    ]);
}

#[test]
fn parts_of_a_second_add_up() {
    check(&[
        (
            "localtime({hour: 12, minute: 31, second: 14, nanosecond: 789, millisecond: 123, microsecond: 456})",
            "12:31:14.123456789",
        ),
        (
            "localtime({hour: 12, minute: 31, second: 14, microsecond: 645876})",
            "12:31:14.645876",
        ),
        (
            "localtime({hour: 12, minute: 31, second: 14, nanosecond: 3})",
            "12:31:14.000000003",
        ),
        (
            "localtime({hour: 12, minute: 31, second: 14, millisecond: 1, microsecond: 1000})",
            "error: 1000 is no valid microsecond",
        ),
    ]);
}

#[test]
fn a_zone_converts_instants_and_labels_local_times() {
    check(&[
        (
            "time({time: localtime('12:31:14'), timezone: '+05:00'})",
            "12:31:14+05:00",
        ),
        (
            "time({time: time('12:31:14+01:00'), second: 42, timezone: '+05:00'})",
            "16:31:42+05:00",
        ),
        (
            "time(datetime('1984-10-11T12:00[Europe/Stockholm]'))",
            "12:00+01:00",
        ),
        (
            "datetime({year: 1984, month: 10, day: 11, time: time('12:31:42+01:00'), timezone: 'Pacific/Honolulu'})",
            "1984-10-11T01:31:42-10:00[Pacific/Honolulu]",
        ),
        (
            "datetime({date: datetime('1984-10-11T12:00+01:00'), hour: 10, timezone: '+05:00'})",
            "1984-10-11T10:00+05:00",
        ),
        (
            "datetime({datetime: datetime('1984-10-11T12:00[Europe/Stockholm]'), timezone: '+05:00'})",
            "1984-10-11T16:00+05:00",
        ),
        (
            "datetime(localdatetime('1984-10-11T12:00'))",
            "1984-10-11T12:00Z",
        ),
    ]);
}

#[test]
fn zones_follow_the_database_and_java_in_gaps_and_overlaps() {
    let stockholm = "timezone: 'Europe/Stockholm'";
    for (date, expected) in [
        (
            "month: 7, day: 20, hour: 12",
            "2017-07-20T12:00+02:00[Europe/Stockholm]",
        ),
        // The clock goes from 02:00 to 03:00: what it skips moves forward.
        (
            "month: 3, day: 26, hour: 2, minute: 30",
            "2017-03-26T03:30+02:00[Europe/Stockholm]",
        ),
        // The clock goes from 03:00 back to 02:00: the first of two.
        (
            "month: 10, day: 29, hour: 2, minute: 30",
            "2017-10-29T02:30+02:00[Europe/Stockholm]",
        ),
    ] {
        assert_eq!(
            eval(&format!("datetime({{year: 2017, {date}, {stockholm}}})")),
            expected
        );
    }
    check(&[
        (
            "datetime('2017-10-29T02:30+01:00[Europe/Stockholm]')",
            "2017-10-29T02:30+01:00[Europe/Stockholm]",
        ),
        (
            "datetime('2017-07-20T12:00+01:00[Europe/Stockholm]')",
            "error: time zone 'Europe/Stockholm' does not have offset +01:00 at this time",
        ),
        (
            "datetime('1818-07-21T21:40:32.142[Europe/Stockholm]')",
            "1818-07-21T21:40:32.142+00:53:28[Europe/Stockholm]",
        ),
        // Beyond the years of the database its last rules go on.
        (
            "datetime({year: 999999999, month: 7, timezone: 'Europe/Stockholm'})",
            "+999999999-07-01T00:00+02:00[Europe/Stockholm]",
        ),
        (
            "datetime({year: -999999999, month: 7, timezone: 'Europe/Stockholm'})",
            "-999999999-07-01T00:00+00:53:28[Europe/Stockholm]",
        ),
        (
            "datetime('2015-07-21T00:00[europe/london]')",
            "2015-07-21T00:00+01:00[Europe/London]",
        ),
    ]);
}

#[test]
fn text_in_every_form() {
    check(&[
        ("date('20150721')", "2015-07-21"),
        ("date('201507')", "2015-07-01"),
        ("date('2015-W30-2')", "2015-07-21"),
        ("date('2015W30')", "2015-07-20"),
        ("date('2015-Q2-60')", "2015-05-30"),
        ("date('2015202')", "2015-07-21"),
        ("date('-999999999-01-01')", "-999999999-01-01"),
        ("localtime('214032.142')", "21:40:32.142"),
        ("localtime('21')", "21:00"),
        ("time('2140-00:00')", "21:40Z"),
        ("time('22+18:00')", "22:00+18:00"),
        ("time('12:34:56-02:05:07')", "12:34:56-02:05:07"),
        (
            "localdatetime('2015-W30-2T214032.142')",
            "2015-07-21T21:40:32.142",
        ),
        ("localdatetime('2015-07-21')", "2015-07-21T00:00"),
        ("datetime('2015T214032-0100')", "2015-01-01T21:40:32-01:00"),
        ("datetime('2015-W30T2140-02')", "2015-07-20T21:40-02:00"),
        (
            "datetime('2015-07-21T21:40:32.142+0845[Australia/Eucla]')",
            "2015-07-21T21:40:32.142+08:45[Australia/Eucla]",
        ),
    ]);
}

#[test]
fn durations_carry_fractions_down_and_never_up() {
    check(&[
        ("duration('P12Y5M14DT16H12M70S')", "P12Y5M14DT16H13M10S"),
        ("duration('P5M1.5D')", "P5M1DT12H"),
        ("duration('P0.75M')", "P22DT19H51M49.5S"),
        ("duration('PT0.75M')", "PT45S"),
        ("duration('P2.5W')", "P17DT12H"),
        (
            "duration('P2012-02-02T14:37:21.545')",
            "P2012Y2M2DT14H37M21.545S",
        ),
        ("duration('-P1Y2D')", "P-1Y-2D"),
        ("duration({months: 0.75})", "P22DT19H51M49.5S"),
        ("duration({minutes: 1.5, seconds: 1})", "PT1M31S"),
        ("duration({hours: 48})", "PT48H"),
        ("duration({seconds: 0.1, nanoseconds: 1})", "PT0.100000001S"),
        ("duration({seconds: -2, milliseconds: 1})", "PT-1.999S"),
        ("duration({days: 1, milliseconds: -1})", "P1DT-0.001S"),
        ("duration({seconds: 0})", "PT0S"),
    ]);
}

#[test]
fn components_are_read_back() {
    let date = "date('1984-10-11')";
    let datetime = "datetime({year: 1984, month: 11, day: 11, hour: 12, minute: 31, second: 14, nanosecond: 645876123, timezone: 'Europe/Stockholm'})";
    let duration = "duration({years: 1, months: 4, days: 10, hours: 1, minutes: 1, seconds: 1, nanoseconds: 111111111})";
    for (value, components) in [
        (
            date,
            "year 1984 quarter 4 month 10 week 41 weekYear 1984 day 11 ordinalDay 285 weekDay 4 dayOfQuarter 11 hour null",
        ),
        (
            "date('1984-01-01')",
            "year 1984 weekYear 1983 week 52 weekDay 7",
        ),
        (
            datetime,
            "week 45 millisecond 645 microsecond 645876 timezone Europe/Stockholm offset +01:00 offsetMinutes 60 offsetSeconds 3600 epochSeconds 469020674 epochMillis 469020674645",
        ),
        (
            "time('12:31:14+01:00')",
            "hour 12 second 14 timezone +01:00 offset +01:00 year null",
        ),
        (
            duration,
            "years 1 quarters 5 months 16 weeks 1 days 10 hours 1 minutes 61 seconds 3661 milliseconds 3661111 nanoseconds 3661111111111 quartersOfYear 1 monthsOfQuarter 1 monthsOfYear 4 daysOfWeek 3 minutesOfHour 1 secondsOfMinute 1 microsecondsOfSecond 111111",
        ),
        (
            "duration('PT-23H-59M-59.9S')",
            "days 0 seconds -86400 nanosecondsOfSecond 100000000",
        ),
    ] {
        let words: Vec<_> = components.split(' ').collect();
        for pair in words.chunks(2) {
            assert_eq!(
                eval(&format!("{value}.{}", pair[0])),
                pair[1],
                "{value}.{}",
                pair[0]
            );
        }
    }
}

#[test]
fn truncation() {
    let value = "datetime('1984-11-11T12:31:14.645876123-01:00')";
    for (unit, expected) in [
        ("millennium", "1000-01-01T00:00-01:00"),
        ("century", "1900-01-01T00:00-01:00"),
        ("decade", "1980-01-01T00:00-01:00"),
        ("year", "1984-01-01T00:00-01:00"),
        ("weekYear", "1984-01-02T00:00-01:00"),
        ("quarter", "1984-10-01T00:00-01:00"),
        ("month", "1984-11-01T00:00-01:00"),
        ("week", "1984-11-05T00:00-01:00"),
        ("day", "1984-11-11T00:00-01:00"),
        ("hour", "1984-11-11T12:00-01:00"),
        ("minute", "1984-11-11T12:31-01:00"),
        ("second", "1984-11-11T12:31:14-01:00"),
        ("millisecond", "1984-11-11T12:31:14.645-01:00"),
        ("microsecond", "1984-11-11T12:31:14.645876-01:00"),
    ] {
        assert_eq!(
            eval(&format!("datetime.truncate('{unit}', {value})")),
            expected
        );
    }
    check(&[
        (
            "date.truncate('week', date('1984-10-11'), {dayOfWeek: 2})",
            "1984-10-09",
        ),
        (
            "datetime.truncate('weekYear', datetime('1984-01-01T12:31+01:00'), {day: 5})",
            "1983-01-05T00:00+01:00",
        ),
        (
            "datetime.truncate('hour', datetime('1984-10-11T12:31-01:00'), {timezone: 'Europe/Stockholm'})",
            "1984-10-11T12:00+01:00[Europe/Stockholm]",
        ),
        (
            "localtime.truncate('millisecond', localtime('12:31:14.645876123'), {nanosecond: 2})",
            "12:31:14.645000002",
        ),
        (
            "localtime.truncate('second', localtime('12:31:14.645876123'), {nanosecond: 2})",
            "12:31:14.000000002",
        ),
        (
            "time.truncate('day', localdatetime('1984-10-11T12:31'))",
            "00:00Z",
        ),
        (
            "time.truncate('hour', datetime('1984-07-11T12:31[Europe/Stockholm]'))",
            "12:00+02:00",
        ),
        (
            "date.truncate('hour', date('1984-10-11'))",
            "error: cannot truncate DATE to a date with the unit hour",
        ),
        (
            "localtime.truncate('month', localtime('12:00'))",
            "error: cannot truncate LOCAL TIME to a local time with the unit month",
        ),
    ]);
}

#[test]
fn sums_apply_months_then_days_then_seconds() {
    let duration = "duration({years: 12.5, months: 5.5, days: 14.5, hours: 16.5, minutes: 12.5, seconds: 70.5, nanoseconds: 3})";
    for (value, sum, difference) in [
        ("date('1984-10-11')", "1997-10-11", "1971-10-12"),
        (
            "localtime('12:31:14.000000001')",
            "22:29:27.500000004",
            "02:33:00.499999998",
        ),
        (
            "time('12:31:14.000000001+01:00')",
            "22:29:27.500000004+01:00",
            "02:33:00.499999998+01:00",
        ),
        (
            "localdatetime('1984-10-11T12:31:14.000000001')",
            "1997-10-11T22:29:27.500000004",
            "1971-10-12T02:33:00.499999998",
        ),
    ] {
        assert_eq!(eval(&format!("{value} + {duration}")), sum);
        assert_eq!(eval(&format!("{value} - {duration}")), difference);
    }
    check(&[
        ("date('1984-01-31') + duration('P1M')", "1984-02-29"),
        (
            "datetime('2017-10-28T12:00[Europe/Stockholm]') + duration('P1D')",
            "2017-10-29T12:00+01:00[Europe/Stockholm]",
        ),
        (
            "datetime('2017-10-28T12:00[Europe/Stockholm]') + duration('PT24H')",
            "2017-10-29T11:00+01:00[Europe/Stockholm]",
        ),
        ("duration('P1M') - duration('P1DT0.5S')", "P1M-1DT-0.5S"),
        (
            "duration('P12Y5M14DT16H13M10.000000001S') / 2",
            "P6Y2M22DT13H21M8S",
        ),
        (
            "duration('P12Y5M14DT16H13M10.000000001S') * 0.5",
            "P6Y2M22DT13H21M8S",
        ),
        (
            "duration('P12Y5M14DT16H13M10.000000001S') / 0.5",
            "P24Y10M28DT32H26M20.000000002S",
        ),
        ("duration('PT-0.4S') * 0.5", "PT-0.2S"),
        ("duration('P1D') / 0", "error: duration is out of range"),
        (
            "date('+999999999-12-31') + duration('P1D')",
            "error: date is out of range",
        ),
    ]);
}

#[test]
fn durations_between() {
    check(&[
        (
            "duration.between(date('1984-10-11'), date('2015-06-24'))",
            "P30Y8M13D",
        ),
        (
            "duration.between(date('1984-10-11'), localtime('16:30'))",
            "PT16H30M",
        ),
        (
            "duration.between(time('14:30'), datetime('2015-07-21T21:40:32.142+0100'))",
            "PT6H10M32.142S",
        ),
        (
            "duration.between(localdatetime('2015-07-21T21:40:32.142'), date('2015-06-24'))",
            "P-27DT-21H-40M-32.142S",
        ),
        (
            "duration.between(datetime('2014-07-21T21:40:36.143+0200'), date('2015-06-24'))",
            "P11M2DT2H19M23.857S",
        ),
        (
            "duration.between(date('-999999999-01-01'), date('+999999999-12-31'))",
            "P1999999998Y11M30D",
        ),
        (
            "duration.between(datetime('2017-10-28T23:00+02:00[Europe/Stockholm]'), datetime('2017-10-29T04:00+01:00[Europe/Stockholm]'))",
            "PT6H",
        ),
        (
            "duration.inSeconds(datetime('2017-10-29T00:00[Europe/Stockholm]'), localdatetime('2017-10-29T04:00'))",
            "PT5H",
        ),
        (
            "duration.inSeconds(date('2017-10-29'), datetime('2017-10-29T04:00[Europe/Stockholm]'))",
            "PT5H",
        ),
        (
            "duration.inSeconds(localtime('12:34:54.7'), localtime('12:34:54.3'))",
            "PT-0.4S",
        ),
        (
            "duration.inSeconds(localdatetime('-999999999-01-01'), localdatetime('+999999999-12-31T23:59:59'))",
            "PT17531639991215H59M59S",
        ),
        (
            "duration.inMonths(date('2018-03-11'), date('2016-06-24'))",
            "P-1Y-8M",
        ),
        (
            "duration.inMonths(datetime('2018-07-21T21:40:36.143+0500'), datetime('1984-07-21T22:40:36.143+0200'))",
            "P-33Y-11M",
        ),
        (
            "duration.inDays(date('1984-10-11'), localdatetime('2016-07-21T21:45:22.142'))",
            "P11606D",
        ),
        (
            "duration.inDays(localtime('14:30'), date('2015-06-24'))",
            "PT0S",
        ),
    ]);
}

#[test]
fn mistakes_are_named() {
    check(&[
        ("date('2015-13-01')", "error: 13 is no valid month"),
        ("date('2015-02-29')", "error: 29 is no valid day"),
        (
            "date('yesterday')",
            "error: cannot read 'yesterday' as a date, for example '2015-07-21'",
        ),
        ("date({month: 5})", "error: component 'year' is needed"),
        (
            "date({year: 1984, day: 5})",
            "error: component 'month' is needed for 'day'",
        ),
        (
            "date({year: 1984, month: 5, week: 3})",
            "error: components 'month' and 'week' cannot be combined",
        ),
        (
            "date({year: 1984, hour: 3})",
            "error: a date has no component 'hour'",
        ),
        (
            "localtime({minute: 5})",
            "error: component 'hour' is needed",
        ),
        (
            "time({hour: 12, second: 5})",
            "error: component 'minute' is needed for 'second'",
        ),
        (
            "time({hour: 12, timezone: 'Europe/Stockholm'})",
            "error: time zone 'Europe/Stockholm' has no offset without a date: give an offset like '+01:00'",
        ),
        (
            "datetime({year: 1984, timezone: 'Europe/Atlantis'})",
            "error: unknown time zone 'Europe/Atlantis': give an offset like '+01:00' or a name like 'Europe/Stockholm'",
        ),
        (
            "localdatetime(date('1984-10-11'))",
            "error: expected a temporal value with a date and a time, found DATE",
        ),
        (
            "duration('P')",
            "error: cannot read 'P' as a duration, for example 'P1Y2M10DT2H30M'",
        ),
        (
            "duration('P1H')",
            "error: cannot read 'P1H' as a duration, for example 'P1Y2M10DT2H30M'",
        ),
        (
            "datetime.fromepoch(416779, 999999999)",
            "1970-01-05T19:46:19.999999999Z",
        ),
        (
            "datetime.fromepochmillis(237821673987)",
            "1977-07-15T13:34:33.987Z",
        ),
        (
            "datetime({epochMillis: 237821673987, nanosecond: 1})",
            "1977-07-15T13:34:33.987000001Z",
        ),
    ]);
}

proptest! {
    #[test]
    fn every_day_has_one_name(day in -365_243_219_162_i64..=365_241_780_471) {
        let date = Date::from_epoch_day(day).unwrap();
        let named = Date::from_ymd(date.year(), date.month(), date.day());
        prop_assert_eq!(named, Ok(date));
        let week = Date::start_of_week_year(date.week_year());
        let days = (date.week() - 1) * 7 + date.day_of_week() - 1;
        prop_assert_eq!(week.epoch_day + days, day);
        prop_assert_eq!(Date::from_epoch_day(day).unwrap().with_ordinal_day(date.ordinal_day()), Ok(date));
    }

    #[test]
    fn calendars_agree_with_jiff(day in -4_000_000_i64..2_900_000) {
        let date = Date { epoch_day: day };
        let (year, month) = (date.year() as i16, date.month() as i8);
        let other = jiff::civil::Date::new(year, month, date.day() as i8).unwrap();
        let since = other.since(jiff::civil::date(1970, 1, 1)).unwrap();
        prop_assert_eq!(i64::from(since.get_days()), day);
        let iso = other.iso_week_date();
        prop_assert_eq!((i64::from(iso.year()), i64::from(iso.week())), (date.week_year(), date.week()));
        prop_assert_eq!(i64::from(iso.weekday().to_monday_one_offset()), date.day_of_week());
    }

    #[test]
    fn text_reads_back_as_the_value(value in scalars()) {
        let text = value.to_string();
        let read: Value = match &value {
            Value::Date(_) => Date::parse(&text).unwrap().into(),
            Value::LocalTime(_) => LocalTime::parse(&text).unwrap().into(),
            Value::Time(_) => Time::parse(&text).unwrap().into(),
            Value::LocalDateTime(_) => LocalDateTime::parse(&text).unwrap().into(),
            Value::DateTime(t) if t.zone.is_none() => DateTime::parse(&text).unwrap().into(),
            Value::Duration(d) if d.months.checked_abs().is_some() => {
                match Duration::parse(&text) {
                    Ok(read) => read.into(),
                    Err(error) => {
                        let at_the_edge = d.months.abs() > 1 << 60
                            || d.days.checked_abs().is_none_or(|n| n > 1 << 60)
                            || d.seconds.checked_abs().is_none_or(|n| n > 1 << 60);
                        prop_assert!(at_the_edge, "{}: {}", text, error);
                        return Ok(());
                    }
                }
            }
            _ => return Ok(()),
        };
        prop_assert_eq!(read, value, "{}", text);
    }

    #[test]
    fn no_text_panics(text in "[-+0-9PTWQZYMDHS:.,/ÿ\\[\\]]{0,24}") {
        let _ = Date::parse(&text);
        let _ = LocalTime::parse(&text);
        let _ = Time::parse(&text);
        let _ = LocalDateTime::parse(&text);
        let _ = DateTime::parse(&text);
        let _ = Duration::parse(&text);
        let _ = Zone::parse(&text);
    }

    #[test]
    fn no_stored_value_panics(a in scalars(), b in scalars(), months: i64, days: i64, seconds: i64) {
        let duration = Duration { months, days, seconds, nanoseconds: 999_999_999 };
        let _ = add(&a, &duration);
        let _ = subtract(&a, &duration);
        let _ = Duration::between(&a, &b);
        let _ = Duration::in_seconds(&a, &b);
        let _ = duration.times(&b);
        let _ = duration.divided_by(&b);
        for name in ["year", "weekYear", "dayOfQuarter", "epochMillis", "nanoseconds", "nanosecond"] {
            let _ = component(&a, name);
        }
        let fields = Default::default();
        for kind in [TemporalType::Date, TemporalType::Time, TemporalType::DateTime] {
            let _ = construct(kind, &a);
            for unit in ["millennium", "weekYear", "week", "day", "minute"] {
                let _ = truncate(kind, unit, &a, &fields);
            }
        }
    }
}
