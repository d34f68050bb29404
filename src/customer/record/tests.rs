use super::*;
use crate::customer::{Case, Customer, Phone, Schema};

fn customer() -> Customer {
    Customer {
        id: "c-1".into(),
        name: "Ada \"the\" Lovelace".into(),
        created_at: Some("2024-05-01T08:00:00Z".into()),
        phones: vec![Phone {
            number: "+14806754110".into(),
            ..Phone::default()
        }],
        attributes: vec![(0, "\"ada@example.org\"".into()), (2, "true".into())],
        cases: Some(vec![
            Case {
                id: "k2".into(),
                status: Some("Closed".into()),
                ..Case::default()
            },
            Case {
                id: "k1".into(),
                status: Some("waiting".into()),
                ..Case::default()
            },
        ]),
        last_agent_id: Some("1001".into()),
        ..Customer::default()
    }
}

fn schema() -> Schema {
    let json = r#"{"version":3,"attributes":[{"key":"email","type":"email"},{"key":"birthday","type":"date"},{"key":"opted_out","type":"bool"}]}"#;
    serde_json::from_str(json).expect("a schema")
}

fn encoded() -> Vec<u8> {
    let claims = [Claim {
        key: 14806754110,
        since: 7,
        shared: true,
    }];
    encode(
        &customer(),
        &schema(),
        &claims,
        Origin {
            stream: 2,
            position: &[0, 9],
            marks: &[],
        },
    )
    .expect("fits")
}

#[test]
fn every_place_leads_to_its_value() {
    let bytes = encoded();
    let record = Record::open(&bytes).expect("whole");
    let json: serde_json::Value = serde_json::from_slice(record.json()).expect("JSON");
    for field in Field::ALL {
        let value = record
            .field(field)
            .map(|value| serde_json::from_slice(value).expect("JSON"));
        assert_eq!(value.as_ref(), json.get(field.key()), "{field:?}");
    }
    assert_eq!(record.id(), "c-1");
    assert_eq!(record.attribute(0), Some(&b"\"ada@example.org\""[..]));
    assert_eq!(record.attribute(1), None);
    assert_eq!(record.attribute(2), Some(&b"true"[..]));
    assert_eq!(record.attribute(64), None);
    assert_eq!(record.case(0), Some(&br#"{"id":"k2","status":"Closed"}"#[..]));
    assert_eq!(record.open_case(), record.case(1));
    assert_eq!(record.case(2), None);
    assert_eq!(
        record.claim(14806754110),
        Some(Claim {
            key: 14806754110,
            since: 7,
            shared: true
        })
    );
    assert_eq!(record.claim(1), None);
    assert_eq!(
        record.origin(),
        Origin {
            stream: 2,
            position: &[0, 9],
            marks: &[],
        }
    );
    assert_eq!(record.schema_version(), 3);
    assert_eq!(record.created_ms(), Some(1_714_550_400_000));
}

#[test]
fn a_large_customer_takes_wide_places() {
    let mut customer = customer();
    customer.company = Some("x".repeat(70_000));
    let bytes = encode(
        &customer,
        &schema(),
        &[],
        Origin {
            stream: 0,
            position: &[],
            marks: &[],
        },
    )
    .expect("fits");
    let record = Record::open(&bytes).expect("whole");
    assert_eq!(record.field(Field::Company).map(<[u8]>::len), Some(70_002));
    assert_eq!(record.field(Field::LastAgentId), Some(&b"\"1001\""[..]));
}

#[test]
fn an_open_case_is_found_behind_any_number_of_closed_ones() {
    let case = |n: usize, status: &str| Case {
        id: format!("k{n}"),
        status: Some(status.into()),
        ..Case::default()
    };
    let mut cases: Vec<Case> = (0..600).map(|n| case(n, "closed")).collect();
    cases.push(case(600, "open"));
    let customer = Customer {
        cases: Some(cases),
        ..customer()
    };
    let origin = Origin {
        stream: 0,
        position: &[],
        marks: &[],
    };
    let bytes = encode(&customer, &schema(), &[], origin).expect("fits");
    let record = Record::open(&bytes).expect("whole");
    assert_eq!(record.open_case(), Some(&br#"{"id":"k600","status":"open"}"#[..]));
}

#[test]
fn an_object_id_tells_its_time() {
    let customer = Customer {
        id: "5f5e1b2c0123456789abcdef".into(),
        ..Customer::default()
    };
    let bytes = encode(
        &customer,
        &schema(),
        &[],
        Origin {
            stream: 0,
            position: &[],
            marks: &[],
        },
    )
    .expect("fits");
    assert_eq!(
        Record::open(&bytes).expect("whole").created_ms(),
        Some(0x5f5e_1b2c * 1000)
    );
}

#[test]
fn every_flipped_bit_and_every_cut_is_found() {
    let whole = encoded();
    for byte in 0..whole.len() {
        for bit in 0..8 {
            let mut flipped = whole.clone();
            flipped[byte] ^= 1 << bit;
            assert!(Record::open(&flipped).is_err(), "bit {bit} of byte {byte}");
        }
        assert!(Record::open(&whole[..byte]).is_err(), "cut at {byte}");
    }
}

/// A writer that is hostile rather than unlucky can make the checksum fit; it still cannot make a reader panic.
#[test]
fn a_fitting_checksum_over_a_broken_archive_is_refused_or_harmless() {
    let whole = encoded();
    for byte in 8..whole.len() {
        for value in [0x00, 0x7f, 0x80, 0xff] {
            let mut forged = whole.clone();
            forged[byte] = value;
            let checksum = xxh3_64(&forged[8..]);
            forged[..8].copy_from_slice(&checksum.to_le_bytes());
            if let Ok(record) = Record::open(&forged) {
                for field in Field::ALL {
                    record.field(field);
                }
                let _ = (
                    record.id(),
                    record.attribute(2),
                    record.open_case(),
                    record.created_ms(),
                );
                assert!(record.claims().len() < 1 << 20);
            }
        }
    }
}
