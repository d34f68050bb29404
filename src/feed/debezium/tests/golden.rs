//! Whole streams, line by line, and what each line says.

use super::all_told;

fn compare(events: &str, expected: &str) {
    let told: Vec<String> = events.lines().flat_map(all_told).collect();
    for (nth, (told, expected)) in told.iter().zip(expected.lines()).enumerate() {
        assert_eq!(told, expected, "item {}", nth + 1);
    }
    assert_eq!(told.len(), expected.lines().count());
}

macro_rules! golden {
    ($($name:ident),*) => {$(
        #[test]
        fn $name() {
            compare(
                include_str!(concat!("../../../../tests/data/debezium/", stringify!($name), ".ndjson")),
                include_str!(concat!("../../../../tests/data/debezium/", stringify!($name), ".txt")),
            );
        }
    )*};
}

golden!(
    cloudevents,
    mongodb,
    mongodb_change_streams,
    mongodb_pre_image,
    mysql,
    postgres,
    postgres_without_schema,
    sqlserver
);
