//! What is compared, counted and told.

use std::io::Write;

use serde_json::json;

use crate::record::{Act, SystemOfRecord, answer, ok};
use crate::stage::{ADA, Stage};
use crate::wire::metric;

#[test]
fn differences_are_counted_by_their_cause() {
    let record = SystemOfRecord::new(|asked| {
        let name = match asked.line() {
            line if line.contains("4110") => "Lovelace, Ada",
            line if line.contains("4111") => "Alice",
            line if line.contains("4199") => "Zoe",
            line if line.contains("4180") => "Cleo",
            line if line.contains("4188") => return Act::Answer(answer("500 Oops", "", "no")),
            _ => "",
        };
        Act::Answer(ok("text/plain", name))
    });
    let stage = Stage::new(record.url());
    assert_eq!(stage.name(ADA), "Lovelace, Ada");
    assert_eq!(stage.name("+14806754111"), "Alice");
    assert_eq!(stage.name("+14806754199"), "Zoe");
    assert_eq!(stage.name("+14806754180"), "Cleo");
    assert_eq!(stage.name("+442079460958"), "");
    assert_eq!(stage.name("anonymous"), "");
    assert_eq!(stage.get("/cid?number=%2B14806754188").body, "no");
    let report = stage.report(7);
    let causes = &report["causes"];
    for (cause, count) in [
        ("same", 2),
        ("other_customer", 1),
        ("only_upstream", 1),
        ("only_ringside", 1),
        ("several", 1),
        ("upstream_error", 1),
        ("not_compared", 0),
    ] {
        assert_eq!(causes[cause], count, "{cause}: {report}");
        let series = format!("ringside_shadow_comparisons_total{{cause=\"{cause}\",dialect=\"cid\"}}");
        if count > 0 {
            assert_eq!(metric(stage.admin, &series), count);
        }
    }
    assert_eq!(report["agreement_percent"], json!(33.33));
    assert!(report["ringside_us"]["p50"].as_u64() > Some(0));
    assert!(report["upstream_us"]["p99"].as_u64() > report["ringside_us"]["p50"].as_u64());
    assert_eq!(
        metric(
            stage.admin,
            "ringside_shadow_answer_seconds_count{side=\"upstream\"}"
        ),
        7
    );
    assert_eq!(
        metric(stage.admin, "ringside_shadow_requests_total{side=\"upstream\"}"),
        7
    );

    stage.act("/shadow/reset", json!({}));
    assert_eq!(stage.report(0)["comparisons"], 0);
}

#[test]
fn numbers_and_names_are_told_to_whoever_asks_for_them_alone() {
    let record = SystemOfRecord::text("Alice Aardvark");
    let stage = Stage::new(record.url());
    stage.name(ADA);
    let report = stage.report(1);
    let text = report.to_string();
    for leaked in ["6754110", "Alice", "Aardvark", "Lovelace"] {
        assert!(!text.contains(leaked), "{leaked} is in {text}");
    }
    assert_eq!(
        report["differences"][0]["ani"],
        "+14\u{2022}\u{2022}\u{2022}\u{2022}\u{2022}\u{2022}\u{2022}10"
    );
    let revealed = stage.act("/shadow/reveal", json!({})).json();
    let difference = &revealed["listeners"]["main"]["differences"][0];
    assert_eq!(difference["ani"], ADA);
    assert_eq!(difference["upstream"], "Alice Aardvark");
    assert_eq!(difference["ringside"], "Ada Lovelace");
    assert_eq!(difference["cause"], "other_customer");
}

#[test]
fn compressed_answers_pass_compressed_and_are_compared() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(br#"{"found":true,"name":"Ada Lovelace"}"#)
        .unwrap();
    let gzip = gzip.finish().unwrap();
    let length = gzip.len();
    let record = SystemOfRecord::new(move |asked| {
        let encoding = if asked.line().contains("x=1") {
            "gzip"
        } else {
            "br"
        };
        let headers = format!("Content-Type: application/json\r\nContent-Encoding: {encoding}\r\n");
        Act::Answer(answer("200 OK", &headers, &gzip))
    });
    let stage = Stage::new(record.url());
    for target in ["/v1/lookup?ani=4806754110&x=1", "/v1/lookup?ani=4806754110&x=2"] {
        let mut client = crate::wire::tcp(stage.at);
        client.send(format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes());
        assert!(client.ends());
    }
    assert!(length > 0);
    let report = stage.report(2);
    assert_eq!(
        (&report["causes"]["same"], &report["causes"]["unreadable"]),
        (&1.into(), &1.into())
    );
}

#[test]
fn the_newest_differences_are_kept_and_no_more() {
    let record = SystemOfRecord::text("Somebody Else");
    let stage = Stage::new(record.url());
    for nth in 0..25 {
        stage.name(&format!("+148067542{nth:02}"));
    }
    let report = stage.report(25);
    assert_eq!(report["differences"].as_array().map(Vec::len), Some(20));
    assert_eq!(report["comparisons"], 25);
}
