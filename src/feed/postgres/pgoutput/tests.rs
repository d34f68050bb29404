//! Messages as servers write them, and as nobody does.

use bytes::{BufMut, Bytes, BytesMut};
use proptest::prelude::*;

use super::*;

fn text(bytes: &mut BytesMut, text: &str) {
    bytes.put_u8(b't');
    bytes.put_u32(u32::try_from(text.len()).unwrap());
    bytes.put_slice(text.as_bytes());
}

fn datum(text: &'static str) -> Datum {
    Datum::Text(Bytes::from_static(text.as_bytes()))
}

#[test]
fn a_transaction_has_its_place_and_time() {
    let mut begin = BytesMut::new();
    begin.put_u8(b'B');
    begin.put_u64(0x16_B374_D848);
    begin.put_i64(-5);
    begin.put_u32(700);
    assert_eq!(
        Message::read(begin.freeze()),
        Ok(Message::Begin {
            commit: 0x16_B374_D848,
            at_us: -5,
            xid: 700
        })
    );
    let mut commit = BytesMut::new();
    commit.put_u8(b'C');
    commit.put_u8(0);
    commit.put_u64(1);
    commit.put_u64(2);
    commit.put_i64(3);
    assert_eq!(Message::read(commit.freeze()), Ok(Message::Commit { end: 2 }));
}

#[test]
fn a_table_has_columns() {
    let mut bytes = BytesMut::new();
    bytes.put_u8(b'R');
    bytes.put_u32(16_400);
    bytes.put_slice(b"public\0customers\0d");
    bytes.put_u16(2);
    bytes.put_u8(1);
    bytes.put_slice(b"id\0");
    bytes.put_u32(20);
    bytes.put_i32(-1);
    bytes.put_u8(0);
    bytes.put_slice(b"name\0");
    bytes.put_u32(25);
    bytes.put_i32(-1);
    let Ok(Message::Relation(relation)) = Message::read(bytes.freeze()) else {
        panic!("a relation");
    };
    assert_eq!(
        (relation.schema.as_str(), relation.name.as_str()),
        ("public", "customers")
    );
    let columns: Vec<_> = relation
        .columns
        .iter()
        .map(|column| (column.name.as_str(), column.type_oid))
        .collect();
    assert_eq!(columns, [("id", 20), ("name", 25)]);
}

#[test]
fn an_update_says_what_was_and_what_is() {
    let mut bytes = BytesMut::new();
    bytes.put_slice(b"U\0\0\0\x07K\0\x02");
    text(&mut bytes, "1");
    bytes.put_slice(b"n");
    bytes.put_slice(b"N\0\x02");
    text(&mut bytes, "2");
    bytes.put_slice(b"u");
    let expected = Message::Update {
        relation: 7,
        old: Some(Old::Key(vec![datum("1"), Datum::Null])),
        new: vec![datum("2"), Datum::Unchanged],
    };
    let whole = bytes.freeze();
    assert_eq!(Message::read(whole.clone()), Ok(expected));
    for length in 0..whole.len() {
        assert!(
            Message::read(whole.slice(..length)).is_err(),
            "{length} bytes of it"
        );
    }
}

#[test]
fn deletes_and_truncations_name_their_tables() {
    let mut bytes = BytesMut::from(&b"D\0\0\0\x07O\0\x01"[..]);
    text(&mut bytes, "1");
    assert_eq!(
        Message::read(bytes.freeze()),
        Ok(Message::Delete {
            relation: 7,
            old: Old::Full(vec![datum("1")])
        })
    );
    assert_eq!(
        Message::read(Bytes::from_static(b"T\0\0\0\x02\0\0\0\0\x07\0\0\0\x08")),
        Ok(Message::Truncate {
            relations: vec![7, 8]
        })
    );
}

proptest! {
    #[test]
    fn any_bytes_are_a_message_or_none(
        kind in prop::sample::select(b"BCRIUDTYOMX".to_vec()),
        bytes in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let mut message = vec![kind];
        message.extend(bytes);
        let _read = Message::read(message.into());
    }
}
