//! Streams over real sockets, with a desk that shows ids alone.

mod centre;

use centre::{Centre, message, settings};
use tokio_tungstenite::tungstenite::protocol::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::http::meters::Ended;
use crate::pop::DeskSettings;

#[tokio::test]
async fn events_have_ids_kinds_and_data() {
    let centre = Centre::new(settings());
    let mut desktop = centre.events("").await;
    let head = desktop.until("\r\n\r\n").await;
    for field in [
        "HTTP/1.1 200 OK",
        "content-type: text/event-stream",
        "cache-control: no-store",
        "x-accel-buffering: no",
    ] {
        assert!(head.contains(field), "{field} in {head}");
    }
    let hello = desktop.event().await;
    assert!(
        hello.starts_with("retry: 1000\nid: 0\nevent: hello\ndata: {"),
        "{hello}"
    );
    let data: serde_json::Value = serde_json::from_str(hello.split_once("data: ").unwrap().1).unwrap();
    assert_eq!(data["type"], "hello");
    assert_eq!((&data["reset"], &data["pops"]), (&true.into(), &0.into()));
    assert_eq!(data["agent"], "1001");
    assert!(data["now"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    centre.desks.publish(message("1001", 7));
    assert_eq!(
        desktop.event().await,
        "id: 7\nevent: pop\ndata: {\"id\":7,  \"pop_id\":\"p7\"}"
    );
    centre.desks.publish(message("1002", 8));
    centre.desks.publish(message("1001", 9));
    assert!(
        desktop.event().await.starts_with("id: 9\n"),
        "another's is not told"
    );
}

#[tokio::test]
async fn a_desktop_that_comes_back_is_told_what_it_missed() {
    let centre = Centre::new(settings());
    for id in [3, 5, 9] {
        centre.desks.publish(message("1001", id));
    }
    let mut desktop = centre.events("Last-Event-ID: 3\r\n").await;
    let hello = desktop.hello().await;
    assert_eq!(
        (&hello["reset"], &hello["pops"], &hello["id"]),
        (&false.into(), &0.into(), &9.into())
    );
    assert!(desktop.event().await.starts_with("id: 5\n"));
    assert!(desktop.event().await.starts_with("id: 9\n"));
    centre.desks.publish(message("1001", 10));
    assert!(desktop.event().await.starts_with("id: 10\n"));
}

/// A desktop that has only some of the present pops must be told all of them again: only the last one has an id.
#[tokio::test]
async fn a_desktop_that_knows_nothing_is_told_the_present_pops() {
    let centre = Centre::new(settings());
    centre.show(&["p2", "p1"], 8);
    // In the state already, and on its way: it is not told twice.
    centre.desks.publish(message("1001", 8));
    for known in ["", "Last-Event-ID: 100\r\n"] {
        let mut desktop = centre.events(known).await;
        let hello = desktop.hello().await;
        assert_eq!((&hello["reset"], &hello["pops"]), (&true.into(), &2.into()));
        assert_eq!(
            desktop.event().await,
            "event: pop\ndata: {\"id\":8,  \"pop_id\":\"p1\"}"
        );
        assert_eq!(
            desktop.event().await,
            "id: 8\nevent: pop\ndata: {\"id\":8,  \"pop_id\":\"p2\"}"
        );
    }
    let mut desktop = centre.events("Last-Event-ID: 8\r\n").await;
    assert_eq!(desktop.hello().await["reset"], false);
}

#[tokio::test]
async fn a_socket_is_told_the_same() {
    let centre = Centre::new(settings());
    let mut desktop = centre.socket("").await;
    assert_eq!(desktop.json().await["type"], "hello");
    centre.desks.publish(message("1001", 7));
    assert_eq!(desktop.json().await["id"], 7);
    desktop
        .say(Frame::text(r#"{"type":"ack","pop_id":"p7","tab":"t1"}"#))
        .await;
    desktop.say(Frame::Ping("x".into())).await;
    assert_eq!(desktop.frame().await, Some(Frame::Pong("x".into())));
    assert_eq!(centre.acknowledged(), [("p7".to_owned(), "t1".to_owned())]);
    desktop.say(Frame::Close(None)).await;
    assert!(matches!(desktop.frame().await, Some(Frame::Close(_))));
    assert_eq!(desktop.frame().await, None);
    centre.until_ended(Ended::Gone, 1).await;
    assert_eq!(centre.desks.streams("1001"), 0);
}

#[tokio::test]
async fn heartbeats_come_of_themselves() {
    let centre = Centre::new(DeskSettings {
        heartbeat_s: 1,
        ..settings()
    });
    let mut events = centre.events("").await;
    events.hello().await;
    for _ in 0..2 {
        assert_eq!(events.event().await, ": heartbeat");
    }
    let mut socket = centre.socket("").await;
    socket.json().await;
    assert_eq!(socket.json().await, serde_json::json!({"type": "heartbeat"}));
}

#[tokio::test]
async fn rules_that_have_changed_end_a_stream() {
    let centre = Centre::new(DeskSettings {
        heartbeat_s: 1,
        ..settings()
    });
    let mut events = centre.events("").await;
    let mut socket = centre.socket("").await;
    events.hello().await;
    socket.json().await;
    centre.change_rules();
    events.ends().await;
    assert_eq!(socket.close_code().await, CloseCode::Restart);
    centre.until_ended(Ended::Rules, 2).await;
}

#[tokio::test]
async fn a_stop_ends_streams_politely() {
    let centre = Centre::new(settings());
    let mut events = centre.events("").await;
    let mut socket = centre.socket("").await;
    events.hello().await;
    socket.json().await;
    centre.stop();
    events.ends().await;
    assert!(events.is_whole(), "the body has an end");
    assert_eq!(socket.close_code().await, CloseCode::Away);
    centre.until_ended(Ended::Stop, 2).await;
}

#[tokio::test]
async fn a_desktop_that_reads_nothing_is_cut() {
    let centre = Centre::new(settings());
    let _events = centre.events("").await;
    let _socket = centre.socket("").await;
    centre.long_pops(1 << 20);
    // Far more than any buffer of the system holds.
    for id in 1..=40 {
        centre.desks.publish(message("1001", id));
        tokio::task::yield_now().await;
    }
    let (gone, behind) = (Ended::Gone, Ended::Behind);
    centre
        .until(|centre| centre.ended(gone) + centre.ended(behind) == 2)
        .await;
    assert_eq!(centre.desks.streams("1001"), 0);
}

#[tokio::test]
async fn a_socket_that_breaks_the_rules_is_closed_with_the_reason() {
    let centre = Centre::new(settings());
    let masked = |opcode: u8, payload: &[u8]| {
        let mut frame = vec![0x80 | opcode];
        match payload.len() {
            short @ 0..126 => frame.push(0x80 | u8::try_from(short).unwrap()),
            long => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&u16::try_from(long).unwrap().to_be_bytes());
            }
        }
        // A mask of nothing.
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(payload);
        frame
    };
    let flood = masked(0xA, b"").repeat(21);
    let mut fragments = masked(1, &[b' '; 4000]);
    fragments[0] = 1;
    let mut more = masked(0, &[b' '; 4000]);
    more[0] = 0;
    fragments.extend(more);
    for (bytes, code) in [
        (masked(2, b"x"), CloseCode::Unsupported),
        (masked(1, &[b' '; 4097]), CloseCode::Size),
        (fragments, CloseCode::Size),
        (masked(1, b"\xff"), CloseCode::Invalid),
        (vec![0x81, 1, b'x'], CloseCode::Protocol),
        (masked(3, b""), CloseCode::Protocol),
        (masked(1, b"{}"), CloseCode::Policy),
        (
            masked(1, br#"{"type":"ring","pop_id":"1","tab":"2"}"#),
            CloseCode::Policy,
        ),
        (flood, CloseCode::Policy),
    ] {
        let mut desktop = centre.socket("").await;
        desktop.json().await;
        desktop.raw(&bytes).await;
        assert_eq!(desktop.close_code().await, code, "{bytes:?}");
    }
    centre.until_ended(Ended::Fault, 9).await;
}

#[tokio::test]
async fn what_is_no_handshake_is_told_so() {
    let centre = Centre::new(settings());
    for (headers, status, code) in [
        ("Sec-WebSocket-Version: 8\r\n", 426, "websocket_version"),
        ("Origin: https://evil.example\r\n", 403, "origin"),
    ] {
        let answer = centre.handshake(headers).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.contains(code), "{answer}");
    }
    let _held = [centre.socket("").await, centre.socket("").await];
    let _third = centre.events("").await;
    let answer = centre.handshake("").await;
    assert!(
        answer.starts_with("HTTP/1.1 429 ") && answer.contains("too_many_streams"),
        "{answer}"
    );
}

/// The request that follows a stream on one connection is answered: nothing of the stream is left.
#[tokio::test]
async fn a_connection_goes_on_behind_a_stream() {
    let centre = Centre::new(DeskSettings {
        heartbeat_s: 1,
        ..settings()
    });
    let mut events = centre.events("").await;
    events.hello().await;
    centre.change_rules();
    events.until("0\r\n\r\n").await;
    centre.keep_rules();
    events.ask("").await;
    assert_eq!(events.hello().await["type"], "hello");
}
