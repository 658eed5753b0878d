//! Parquet through its record API: columns as in CSV, wide or long. Times are timestamps of any unit, texts or
//! numbers since 1970.

use super::ReadOptions;
use super::place::Problems;
use super::table::{Cell, Role, Table};
use crate::model::{Finding, Time};
use crate::sim::series::Samples;
use parquet::basic::{LogicalType, TimeUnit};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Most rows of a file.
const MOST_ROWS: i64 = 10_000_000;

/// Reads a whole file.
///
/// # Errors
/// Findings; a file that the library cannot read, or panics on, is one.
pub(super) fn read(bytes: &[u8], name: &str, options: &ReadOptions) -> Result<Samples, Vec<Finding>> {
    // The library checks most of what a damaged file can hold, and panics on some of the rest.
    catch_unwind(AssertUnwindSafe(|| rows(bytes, name, options)))
        .unwrap_or_else(|_| Err(vec![damaged(name, "a part of it makes no sense")]))
}

fn damaged(name: &str, why: &str) -> Finding {
    Finding::error("samples-unreadable", format!("{name} is no Parquet file that can be read: {why}"))
        .help("write it anew, or export it as CSV")
}

/// How a column of whole numbers is an instant.
#[derive(Clone, Copy)]
struct Stamp {
    /// In nanoseconds, which the record API leaves a plain number.
    nanos: bool,
    /// Without a zone.
    local: bool,
}

fn rows(bytes: &[u8], name: &str, options: &ReadOptions) -> Result<Samples, Vec<Finding>> {
    let fail = |error: parquet::errors::ParquetError| vec![damaged(name, &error.to_string())];
    let reader = SerializedFileReader::new(bytes::Bytes::copy_from_slice(bytes)).map_err(fail)?;
    let meta = reader.metadata().file_metadata();
    if meta.num_rows() > MOST_ROWS {
        let message = format!("{name} has {} rows", meta.num_rows());
        return Err(vec![
            Finding::error("samples-unreadable", message).help(format!("at most {MOST_ROWS} are read")),
        ]);
    }
    let fields = meta.schema_descr().root_schema().get_fields();
    let columns: Vec<String> = fields.iter().map(|f| f.name().to_string()).collect();
    let stamps: Vec<Option<Stamp>> = fields
        .iter()
        .map(|f| match f.get_basic_info().logical_type_ref() {
            Some(LogicalType::Timestamp(kind)) => {
                Some(Stamp { nanos: matches!(kind.unit, TimeUnit::NANOS), local: !kind.is_adjusted_to_u_t_c })
            }
            _ => None,
        })
        .collect();
    let mut table = Table::new(options, Problems::of(name), &name.into());
    let plan = table.header(&columns);
    if !table.problems.none() {
        return Err(table.problems.finish());
    }
    for (number, row) in reader.get_row_iter(None).map_err(fail)?.enumerate() {
        let row = row.map_err(fail)?;
        let fields: Vec<&Field> = row.get_column_iter().map(|(_, field)| field).collect();
        let cells = plan.iter().filter_map(|(role, at): &(Role, usize)| {
            let stamp = stamps.get(*at).copied().flatten();
            Some((*role, cell(fields.get(*at)?, *role, stamp), *at))
        });
        let told = table.problems.told();
        table.row(number, cells, &|_| (0, 0));
        table.problems.of_row(told, number + 1);
    }
    table.finish()
}

fn cell(field: &Field, role: Role, stamp: Option<Stamp>) -> Cell<'static> {
    let instant = |ms: i64, local: bool| {
        let time = Time(ms);
        // Like a text without a zone, so that `--timezone` holds for it.
        if local {
            Cell::Text(Cow::Owned(time.to_string().trim_end_matches('Z').to_string()))
        } else {
            Cell::Instant(time)
        }
    };
    let local = stamp.is_some_and(|s| s.local);
    match field {
        // Of a metric: no value; of a field of a replica: not known.
        Field::Null if matches!(role, Role::Metric(_) | Role::Value) => Cell::Number(f64::NAN),
        Field::Null => Cell::Text(Cow::Borrowed("")),
        Field::Bool(value) => Cell::Bool(*value),
        Field::Byte(n) => Cell::Number(f64::from(*n)),
        Field::Short(n) => Cell::Number(f64::from(*n)),
        Field::Int(n) => Cell::Number(f64::from(*n)),
        Field::Long(n) => match stamp {
            Some(stamp) if stamp.nanos => instant(n.div_euclid(1_000_000), local),
            _ => Cell::Number(*n as f64),
        },
        Field::UByte(n) => Cell::Number(f64::from(*n)),
        Field::UShort(n) => Cell::Number(f64::from(*n)),
        Field::UInt(n) => Cell::Number(f64::from(*n)),
        Field::ULong(n) => Cell::Number(*n as f64),
        Field::Float(n) => Cell::Number(f64::from(*n)),
        Field::Double(n) => Cell::Number(*n),
        Field::Str(text) => Cell::Text(Cow::Owned(text.clone())),
        Field::TimestampMillis(ms) => instant(*ms, local),
        Field::TimestampMicros(us) => instant(us.div_euclid(1000), local),
        Field::Decimal(_) | Field::Float16(_) => Cell::Text(Cow::Owned(field.to_string())),
        Field::Bytes(_) => Cell::Other("bytes"),
        Field::Date(_) => Cell::Other("a date without a time"),
        Field::TimeMillis(_) | Field::TimeMicros(_) => Cell::Other("a time of day"),
        Field::Group(_) => Cell::Other("a struct"),
        Field::ListInternal(_) => Cell::Other("a list"),
        Field::MapInternal(_) => Cell::Other("a map"),
    }
}
