//! The rows of the table of targets, each of which a comparison tells exactly once.

/// Number, what it measures, and the most that its figure may be.
pub(super) struct Target {
    pub(super) row: &'static str,
    pub(super) name: &'static str,
    pub(super) target: f64,
}

const fn target(row: &'static str, name: &'static str, target: f64) -> Target {
    Target { row, name, target }
}

/// All of them, in their order.
pub(super) const TARGETS: [Target; 26] = [
    target("1", "lookup hit beside two dependent reads", 1.3),
    target("2", "lookup miss beside the hit", 0.7),
    target(
        "3",
        "allocations of a lookup, from parsed request to response body",
        0.0,
    ),
    target(
        "4a",
        "server CPU of an HTTP lookup beyond the bare server, beside row 1's lookup + 300 ns",
        1.0,
    ),
    target("4b", "server CPU of an HTTP lookup beside the bare server", 1.05),
    target("5", "p99 of HTTP lookups, open loop, beside bare hyper's", 1.1),
    target(
        "6a",
        "lookups/s over TCP, beside Redis's GET at no more than its p99",
        1.0,
    ),
    target(
        "6b",
        "lookups/s over a Unix socket, beside Redis's GET at no more than its p99",
        1.0,
    ),
    target(
        "7",
        "p99.9 of in-process reads beside changes, as a share of that beside decoding",
        1.1,
    ),
    target(
        "8",
        "worst second's p99.9 of in-process reads while a generation is swapped in",
        1.5,
    ),
    target(
        "9",
        "exec to first correct answer, ms more than with 10 000 customers",
        20.0,
    ),
    target("10a", "compaction, beside copy + fsync of as many bytes", 2.0),
    target(
        "10b",
        "import of NDJSON, beside one pass of serde_json over it",
        2.0,
    ),
    target(
        "11",
        "peak anonymous memory of either, as a share of the bound",
        1.0,
    ),
    target("12a", "number index, bytes a number", 12.0),
    target("12b", "id index, bytes a customer", 8.0),
    target(
        "12c",
        "record header, places and checksum, as a share of the JSON",
        0.15,
    ),
    target(
        "13",
        "p99 from commit to a lookup's answer, as a share of 1.25 times a bare receiver's + 1 ms",
        1.0,
    ),
    target(
        "14",
        "catching up a change, beside a bare receiver that decodes it",
        2.0,
    ),
    target(
        "15a",
        "reading a number written as E.164, as a share of another parser's time",
        1.0 / 12.0,
    ),
    target(
        "15b",
        "reading a number written nationally, as a share of another parser's time",
        0.1,
    ),
    target(
        "16a",
        "an address's silence after its node's death, beside VRRP's own floor",
        1.2,
    ),
    target(
        "16b",
        "an address's silence after the program's death or freeze, beside that + the watchdog's bound",
        1.2,
    ),
    target("16c", "failed requests a connection at a planned hand-over", 1.0),
    target(
        "17",
        "p99 from ring to pop, beside one round trip and one echo",
        1.5,
    ),
    target("18", "wrong or stale answers, by an oracle of versions", 0.0),
];

/// Whether there is such a row.
pub(super) fn is_known(row: &str) -> bool {
    TARGETS.iter().any(|target| target.row == row)
}

/// All numbers, for people.
pub(super) fn known() -> String {
    let rows: Vec<&str> = TARGETS.iter().map(|target| target.row).collect();
    rows.join(", ")
}
