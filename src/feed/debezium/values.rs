//! What the values of a row are: Kafka Connect's schema says it, where there is one.
//!
//! Moments become RFC 3339, decimals digits, JSON in a text what it is. What cannot be read as its schema says stays as it
//! came: what it means then is up to whoever reads it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::civil::{Date, Time};
use jiff::{Span, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The largest scale of a decimal that is written out.
const MOST_SCALE: u32 = 1000;

/// A schema of Kafka Connect, as its JSON converter writes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Schema {
    /// What it means, such as `io.debezium.time.Date`.
    #[serde(default)]
    name: Option<String>,
    /// Which member of the struct around it.
    #[serde(default)]
    field: Option<String>,
    /// Members of a struct.
    #[serde(default)]
    fields: Vec<Schema>,
    /// Elements of an array.
    #[serde(default)]
    items: Option<Box<Schema>>,
    /// Values of a map.
    #[serde(default)]
    values: Option<Box<Schema>>,
    #[serde(default)]
    parameters: Option<Parameters>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
struct Parameters {
    /// Digits behind the point of a decimal.
    #[serde(default)]
    scale: Option<String>,
}

impl Schema {
    /// What `schema` says, where that is a schema.
    pub(super) fn read(schema: &Value) -> Option<Schema> {
        Schema::deserialize(schema).ok()
    }

    /// The schema of the member `field` of the struct that `schema` describes.
    pub(super) fn of_field(schema: &Value, field: &str) -> Option<Schema> {
        let fields = schema.get("fields")?.as_array()?;
        let is_it = |of: &&Value| of.get("field").and_then(Value::as_str) == Some(field);
        Schema::read(fields.iter().find(is_it)?)
    }

    /// The name of what `schema` describes.
    pub(super) fn name_of(schema: &Value) -> Option<&str> {
        schema.get("name")?.as_str()
    }

    fn field(&self, name: &str) -> Option<&Schema> {
        self.fields
            .iter()
            .find(|field| field.field.as_deref() == Some(name))
    }
}

/// The members of a row, as `schema` says they are to be read.
pub(super) fn row(row: Map<String, Value>, schema: Option<&Schema>) -> Map<String, Value> {
    row.into_iter()
        .map(|(name, value)| {
            let schema = schema.and_then(|schema| schema.field(&name));
            (name, read(value, schema))
        })
        .collect()
}

fn read(value: Value, schema: Option<&Schema>) -> Value {
    let Some(schema) = schema else {
        return variable_scale(&value).unwrap_or(value);
    };
    let name = schema.name.as_deref().unwrap_or_default();
    if let Some(read) = named(name, &value, schema) {
        return read;
    }
    match value {
        Value::Array(list) => list
            .into_iter()
            .map(|element| read(element, schema.items.as_deref()))
            .collect(),
        Value::Object(object) if !schema.fields.is_empty() => Value::Object(row(object, Some(schema))),
        Value::Object(object) => object
            .into_iter()
            .map(|(key, value)| (key, read(value, schema.values.as_deref())))
            .collect(),
        other => other,
    }
}

fn named(name: &str, value: &Value, schema: &Schema) -> Option<Value> {
    match name {
        "io.debezium.time.Date" | "org.apache.kafka.connect.data.Date" => date(value.as_i64()?),
        "io.debezium.time.Timestamp" | "org.apache.kafka.connect.data.Timestamp" => {
            moment(Timestamp::from_millisecond(value.as_i64()?))
        }
        "io.debezium.time.MicroTimestamp" => moment(Timestamp::from_microsecond(value.as_i64()?)),
        "io.debezium.time.NanoTimestamp" => moment(Timestamp::from_nanosecond(i128::from(value.as_i64()?))),
        "io.debezium.time.Time" | "org.apache.kafka.connect.data.Time" => {
            time(value.as_i64()?.checked_mul(1_000_000)?)
        }
        "io.debezium.time.MicroTime" => time(value.as_i64()?.checked_mul(1000)?),
        "io.debezium.time.NanoTime" => time(value.as_i64()?),
        // A date has no zone, whatever is written behind it.
        "io.debezium.time.IsoDate" => Some(value.as_str()?.trim_end_matches('Z').into()),
        "org.apache.kafka.connect.data.Decimal" => {
            let scale = schema.parameters.as_ref()?.scale.as_ref()?.parse().ok()?;
            decimal(value.as_str()?, scale)
        }
        "io.debezium.data.VariableScaleDecimal" => variable_scale(value),
        "io.debezium.data.Json" => serde_json::from_str(value.as_str()?).ok(),
        _ => None,
    }
}

fn moment(at: Result<Timestamp, jiff::Error>) -> Option<Value> {
    Some(at.ok()?.to_string().into())
}

fn date(days: i64) -> Option<Value> {
    let days = Span::new().try_days(days).ok()?;
    let date = Date::constant(1970, 1, 1).checked_add(days).ok()?;
    Some(date.to_string().into())
}

fn time(nanoseconds: i64) -> Option<Value> {
    // A span has bounds of its own, and 24:00 is no time of a clock.
    let span = Span::new().try_nanoseconds(nanoseconds).ok()?;
    let time = Time::midnight().checked_add(span).ok()?;
    Some(time.to_string().into())
}

/// What `{"scale": …, "value": …}` says, with which Debezium writes decimals of which the table does not say the scale.
fn variable_scale(value: &Value) -> Option<Value> {
    let object = value.as_object().filter(|object| object.len() == 2)?;
    let scale = i32::try_from(object.get("scale")?.as_i64()?).ok()?;
    decimal(object.get("value")?.as_str()?, scale)
}

/// The decimal whose digits are `unscaled`, in Base64 a number in two's complement, the greatest byte first, `scale` of
/// them behind the point.
fn decimal(unscaled: &str, scale: i32) -> Option<Value> {
    let bytes = STANDARD.decode(unscaled).ok()?;
    let (first, most) = (*bytes.first()?, size_of::<i128>());
    if bytes.len() > most || scale.unsigned_abs() > MOST_SCALE {
        return None;
    }
    let sign = if first & 0x80 == 0 { 0 } else { 0xff };
    let mut whole = [sign; size_of::<i128>()];
    whole[most - bytes.len()..].copy_from_slice(&bytes);
    let number = i128::from_be_bytes(whole);
    let (sign, digits) = (if number < 0 { "-" } else { "" }, number.unsigned_abs());
    let scale_abs = usize::try_from(scale.unsigned_abs()).ok()?;
    let text = if scale > 0 {
        let digits = format!("{digits:0>width$}", width = scale_abs + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale_abs);
        format!("{sign}{whole}.{fraction}")
    } else if digits == 0 {
        "0".to_owned()
    } else {
        format!("{sign}{digits}{}", "0".repeat(scale_abs))
    };
    Some(text.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read_as(name: &str, value: Value) -> Value {
        let schema = json!({"type": "struct", "fields": [
            {"type": "int64", "name": name, "field": "it", "parameters": {"scale": "2"}},
        ]});
        let schema = Schema::read(&schema).unwrap();
        let read = row(json!({"it": value}).as_object().unwrap().clone(), Some(&schema));
        read["it"].clone()
    }

    #[test]
    fn moments_dates_and_times_are_read_by_the_names_of_their_schemas() {
        let expected = [
            ("io.debezium.time.Date", json!(3789), "1980-05-17"),
            ("org.apache.kafka.connect.data.Date", json!(-1), "1969-12-31"),
            (
                "io.debezium.time.Timestamp",
                json!(1_767_225_600_000_i64),
                "2026-01-01T00:00:00Z",
            ),
            (
                "org.apache.kafka.connect.data.Timestamp",
                json!(1_767_225_600_500_i64),
                "2026-01-01T00:00:00.5Z",
            ),
            (
                "io.debezium.time.MicroTimestamp",
                json!(1_772_360_430_500_000_i64),
                "2026-03-01T10:20:30.5Z",
            ),
            (
                "io.debezium.time.NanoTimestamp",
                json!(1_772_360_430_123_456_700_i64),
                "2026-03-01T10:20:30.1234567Z",
            ),
            (
                "io.debezium.time.ZonedTimestamp",
                json!("2026-03-01T10:20:30.123456Z"),
                "2026-03-01T10:20:30.123456Z",
            ),
            ("io.debezium.time.Time", json!(30_600_000), "08:30:00"),
            (
                "io.debezium.time.MicroTime",
                json!(30_600_000_000_i64),
                "08:30:00",
            ),
            (
                "io.debezium.time.NanoTime",
                json!(30_600_500_000_000_i64),
                "08:30:00.5",
            ),
            ("io.debezium.time.IsoDate", json!("1980-05-17Z"), "1980-05-17"),
        ];
        for (name, value, expected) in expected {
            assert_eq!(read_as(name, value), expected, "{name}");
        }
        for beyond in [
            json!(i64::MAX),
            json!(i64::MIN),
            json!(i32::MAX),
            json!(-1_i64 << 40),
            json!("x"),
        ] {
            for name in [
                "Date",
                "Timestamp",
                "MicroTimestamp",
                "NanoTimestamp",
                "Time",
                "MicroTime",
                "NanoTime",
            ] {
                let name = format!("io.debezium.time.{name}");
                let read = read_as(&name, beyond.clone());
                assert!(read == beyond || read.is_string(), "{name} of {beyond}: {read}");
            }
        }
        assert_eq!(
            read_as("io.debezium.time.NanoTime", json!(86_400_000_000_000_i64)),
            86_400_000_000_000_i64
        );
    }

    #[test]
    fn decimals_are_written_out() {
        let decimal = |unscaled: &str, scale| super::decimal(unscaled, scale).unwrap();
        assert_eq!(decimal("BNI=", 2), "12.34");
        assert_eq!(decimal("BQ==", 2), "0.05");
        assert_eq!(decimal("+y4=", 2), "-12.34");
        assert_eq!(decimal("A3KHxu4=", 0), "14806402798");
        assert_eq!(decimal("Dw==", -3), "15000");
        assert_eq!(decimal("AA==", -3), "0");
        assert_eq!(super::decimal("", 0), None);
        assert_eq!(super::decimal("AA==", 100_000), None);
        assert_eq!(
            read_as("org.apache.kafka.connect.data.Decimal", json!("BNI=")),
            "12.34"
        );
        assert_eq!(
            read_as("org.apache.kafka.connect.data.Decimal", json!(12.34)),
            json!(12.34)
        );
        let variable = json!({"scale": 1, "value": "Dw=="});
        assert_eq!(
            read_as("io.debezium.data.VariableScaleDecimal", variable.clone()),
            "1.5"
        );
        assert_eq!(read(variable, None), "1.5", "it says itself what it is");
    }

    #[test]
    fn json_in_a_text_is_what_it_says_and_lists_are_read_by_their_elements() {
        let phones = json!(r#"[{"number":"+14806754110"}]"#);
        assert_eq!(
            read_as("io.debezium.data.Json", phones),
            json!([{"number": "+14806754110"}])
        );
        let text = json!("__debezium_unavailable_value");
        assert_eq!(read_as("io.debezium.data.Json", text.clone()), text);
        let schema = json!({"type": "array", "items": {"type": "int32", "name": "io.debezium.time.Date"}});
        let schema = Schema::read(&schema).unwrap();
        assert_eq!(read(json!([0, null]), Some(&schema)), json!(["1970-01-01", null]));
    }

    proptest! {
        #[test]
        fn whatever_a_decimal_holds_it_is_read_or_left(bytes in proptest::collection::vec(any::<u8>(), 0..20), scale: i32) {
            let _either = decimal(&STANDARD.encode(&bytes), scale);
        }

        #[test]
        fn decimals_say_their_numbers(number: i64) {
            let read = decimal(&STANDARD.encode(number.to_be_bytes()), 0);
            prop_assert_eq!(read, Some(Value::from(number.to_string())));
        }
    }
}
