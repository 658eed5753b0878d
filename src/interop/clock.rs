//! Windows that are written as an opening and a duration, and as an opening and an end.
//!
//! Only five-field expressions whose minute and hour are single numbers have one end a day that
//! can be named. May import: `model`.

use crate::model::Duration;

const DAY: i64 = 24 * 60;

struct Cron<'a> {
    minute: i64,
    hour: i64,
    /// Day of the month, month, day of the week.
    days: [&'a str; 3],
}

fn read(cron: &str) -> Option<Cron<'_>> {
    let fields: Vec<&str> = cron.split_whitespace().collect();
    let [minute, hour, day, month, weekday] = fields.as_slice() else { return None };
    let number = |text: &str, most: i64| text.parse::<i64>().ok().filter(|n| (0..most).contains(n));
    Some(Cron { minute: number(minute, 60)?, hour: number(hour, 24)?, days: [day, month, weekday] })
}

/// The cron expression of the end of a window: the days must be the same, so a window that
/// passes midnight has one only where it opens every day, for less than a day.
pub(super) fn end(start: &str, duration: Duration) -> Option<String> {
    let cron = read(start)?;
    let minutes = duration.0.div_euclid(60_000);
    if duration.0.rem_euclid(60_000) != 0 || minutes >= DAY || minutes == 0 {
        return None;
    }
    let at = cron.hour * 60 + cron.minute + minutes;
    let [day, month, weekday] = cron.days;
    let daily = cron.days == ["*", "*", "*"];
    (at < DAY || daily).then(|| format!("{} {} {day} {month} {weekday}", at % 60, at % DAY / 60))
}

/// How long a window is open that begins and ends so; `None` where the two name other days.
pub(super) fn duration(start: &str, end: &str) -> Option<Duration> {
    let (from, to) = (read(start)?, read(end)?);
    if from.days != to.days {
        return None;
    }
    let minutes = (to.hour * 60 + to.minute) - (from.hour * 60 + from.minute);
    let daily = from.days == ["*", "*", "*"];
    let minutes = if minutes <= 0 && daily { minutes + DAY } else { minutes };
    (minutes > 0 && minutes < DAY).then(|| Duration::from_secs(minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_named_where_there_is_one() {
        let hours = |n: i64| Duration::from_secs(n * 3600);
        assert_eq!(end("0 7 * * 1-5", hours(2)).as_deref(), Some("0 9 * * 1-5"));
        assert_eq!(end("30 22 * * *", hours(4)).as_deref(), Some("30 2 * * *"));
        assert_eq!(end("30 22 * * 1-5", hours(4)), None, "Friday's ends on Saturday");
        assert_eq!(end("*/5 7 * * *", hours(1)), None);
        assert_eq!(end("0 7 * * *", hours(24)), None);
        assert_eq!(end("0 7 * * *", Duration(90_500)), None);
        for (start, length) in [("0 7 * * 1-5", 2), ("30 22 * * *", 4), ("15 0 1 * *", 23)] {
            let end = end(start, hours(length)).expect(start);
            assert_eq!(duration(start, &end), Some(hours(length)), "{start}");
        }
        assert_eq!(duration("0 7 * * 1", "0 9 * * 2"), None);
    }
}
