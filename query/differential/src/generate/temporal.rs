//! Temporal values, durations and points.

use super::{Generator, Kind};

/// The kinds of this module.
pub(super) const KINDS: [Kind; 6] = [
    Kind::Date,
    Kind::LocalTime,
    Kind::LocalDateTime,
    Kind::DateTime,
    Kind::Duration,
    Kind::Point,
];

/// The properties that hold such values.
fn keys(kind: &Kind) -> &'static [&'static str] {
    match kind {
        Kind::Date => &["t"],
        Kind::LocalTime => &["h"],
        Kind::LocalDateTime | Kind::DateTime => &["w"],
        Kind::Duration => &["u"],
        _ => &["p"],
    }
}

impl Generator {
    pub(super) fn date_literal(&mut self) -> String {
        let (month, day) = (1 + self.below(3), 1 + self.below(28));
        format!("date('2024-{month:02}-{day:02}')")
    }

    pub(super) fn time_literal(&mut self) -> String {
        let (hour, minute) = (self.below(24), self.pick(&["00", "30", "59:59.5"]));
        format!("localtime('{hour:02}:{minute}')")
    }

    pub(super) fn local_literal(&mut self) -> String {
        let (day, hour) = (1 + self.below(31), self.below(24));
        format!("localdatetime('2024-01-{day:02}T{hour:02}:00')")
    }

    pub(super) fn instant_literal(&mut self) -> String {
        let (day, hour) = (25 + self.below(7), self.below(24));
        let zone = self.pick(&["Z", "+01:00", "[Europe/Berlin]", "-05:30"]);
        format!("datetime('2024-03-{day:02}T{hour:02}:00{zone}')")
    }

    pub(super) fn duration_literal(&mut self) -> String {
        let text = self.pick(&[
            "P1D",
            "PT24H",
            "P1M",
            "P30D",
            "PT0S",
            "P1Y2M3DT4H",
            "-P1D",
            "PT1.5S",
            "PT90M",
        ]);
        format!("duration('{text}')")
    }

    pub(super) fn point_literal(&mut self) -> String {
        let (x, y) = (self.below(3), self.below(3));
        match self.below(4) {
            0 => format!("point({{longitude: {x}, latitude: {y}}})"),
            1 => format!("point({{x: {x}, y: {y}, z: 1}})"),
            _ => format!("point({{x: {x}.5, y: {y}}})"),
        }
    }

    /// A value of one of the kinds of this module.
    pub(super) fn moment(&mut self, kind: &Kind, depth: usize) -> String {
        if self.chance(2, 3) {
            let same = kind.clone();
            let leaf = self.variable(|kind| *kind == same);
            if let Some(leaf) = leaf.or_else(|| self.property(keys(kind))) {
                return leaf;
            }
        }
        if depth > 0 && self.chance(1, 3) {
            let less = depth - 1;
            let duration = |g: &mut Self| g.moment(&Kind::Duration, less);
            let operator = self.pick(&["+", "-"]);
            match kind {
                Kind::Duration => {
                    let kinds = [Kind::Date, Kind::LocalDateTime, Kind::DateTime];
                    let (one, two) = (self.below(3), self.below(3));
                    return match self.below(5) {
                        0 => format!(
                            "duration.between({}, {})",
                            self.moment(&kinds[one], less),
                            self.moment(&kinds[two], less)
                        ),
                        1 => format!(
                            "duration.inDays({}, {})",
                            self.moment(&kinds[one], less),
                            self.moment(&kinds[two], less)
                        ),
                        2 => format!("({} * {})", duration(self), self.below(4)),
                        _ => format!("({} {operator} {})", duration(self), duration(self)),
                    };
                }
                Kind::Point => {}
                _ => {
                    return format!(
                        "({} {operator} {})",
                        self.moment(kind, less),
                        duration(self)
                    );
                }
            }
        }
        match kind {
            Kind::Date => self.date_literal(),
            Kind::LocalTime => self.time_literal(),
            Kind::LocalDateTime => self.local_literal(),
            Kind::DateTime => self.instant_literal(),
            Kind::Duration => self.duration_literal(),
            _ => self.point_literal(),
        }
    }

    /// An integer that is a part of such a value.
    pub(super) fn part_of_moment(&mut self, depth: usize) -> String {
        let kind = KINDS[self.below(5)].clone();
        let of = self.moment(&kind, depth);
        let part = match kind {
            Kind::Date => self.pick(&["year", "month", "day", "week", "dayOfWeek", "quarter"]),
            Kind::LocalTime => self.pick(&["hour", "minute", "second", "millisecond"]),
            Kind::Duration => self.pick(&[
                "days",
                "months",
                "hours",
                "seconds",
                "years",
                "monthsOfYear",
                "minutesOfHour",
                "milliseconds",
                "nanosecondsOfSecond",
            ]),
            Kind::DateTime => self.pick(&["year", "hour", "day", "epochSeconds", "week"]),
            _ => self.pick(&["year", "hour", "day", "second", "ordinalDay"]),
        };
        format!("{of}.{part}")
    }

    /// A predicate about such values.
    pub(super) fn moment_test(&mut self, depth: usize) -> String {
        let kind = KINDS[self.below(KINDS.len())].clone();
        let (one, two) = (self.moment(&kind, depth), self.moment(&kind, depth));
        if kind == Kind::Point && self.chance(1, 2) {
            return format!("(point.distance({one}, {two}) < {})", self.below(3));
        }
        let operator = self.pick(&["=", "<>", "<", "<=", ">", ">="]);
        format!("({one} {operator} {two})")
    }
}
