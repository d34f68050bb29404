//! A Finesse dialog: as an event that a gadget relays, or bare.

use roxmltree::Node;

use super::super::refusal::Refusal;
use super::super::xml;
use super::{Direction, Event, FINESSE, Ring};

/// What is told of it that makes one call out of several legs.
const LEGS: [&str; 6] = [
    "wrapUpReason",
    "secondaryId",
    "callKeyPrefix",
    "callKeyCallId",
    "callKeySequenceNum",
    "associatedDialogUri",
];

/// The ring in `text`: the first dialog that is in it, and what stands around it.
///
/// # Errors
/// What is no XML, and XML without a dialog.
pub(super) fn read(text: &str) -> Result<Ring, Refusal> {
    let document = xml::parse(text, FINESSE)?;
    let dialog = document.descendants().find(|node| is(*node, "Dialog"));
    let dialog = dialog.ok_or_else(|| Refusal::Body {
        expected: FINESSE,
        found: "XML without a `Dialog`".to_owned(),
    })?;
    let (root, media) = (document.root_element(), child(dialog, "mediaProperties"));
    let of_media = |name| media.and_then(|media| value(media, name));
    let call_type = of_media("callType");
    let direction = Direction::of(None, call_type.as_deref());
    let variables = variables(dialog, media);
    let campaign = variables
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("BACustomerNumber"));
    let campaign = campaign
        .map(|(_, value)| value.clone())
        .filter(|value| !value.is_empty());
    let (from, to) = (value(dialog, "fromAddress"), value(dialog, "toAddress"));
    let (ani, dnis) = match direction {
        Direction::Inbound => {
            let dialled = of_media("DNIS").or_else(|| of_media("dialedNumber"));
            (from, dialled.or(to))
        }
        Direction::Outbound => (campaign.or(to).or_else(|| of_media("dialedNumber")), from),
    };
    let state = value(dialog, "state");
    let event = value(root, "event");
    let is_gone = event
        .as_deref()
        .is_some_and(|event| event.eq_ignore_ascii_case("DELETE"));
    Ok(Ring {
        call_id: value(dialog, "id"),
        ani: ani.unwrap_or_default(),
        dnis,
        agents: value(root, "source")
            .as_deref()
            .and_then(user_of)
            .into_iter()
            .collect(),
        extension: extension(dialog),
        queue: of_media("queueName").or_else(|| of_media("queueNumber")),
        direction,
        call_type,
        event: if is_gone {
            Event::End
        } else {
            state
                .as_deref()
                .or(event.as_deref())
                .map_or(Event::Ring, Event::of)
        },
        state,
        verstat: None,
        variables,
    })
}

/// Finesse writes `Dialog` and `dialog`.
fn is(node: Node<'_, '_>, name: &str) -> bool {
    node.is_element() && node.tag_name().name().eq_ignore_ascii_case(name)
}

fn child<'a, 'd>(of: Node<'a, 'd>, name: &str) -> Option<Node<'a, 'd>> {
    of.children().find(|node| is(*node, name))
}

/// The text of the child `name`, where there is any.
fn value(of: Node<'_, '_>, name: &str) -> Option<String> {
    let text = child(of, name)?.text()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn variables(dialog: Node<'_, '_>, media: Option<Node<'_, '_>>) -> Vec<(String, String)> {
    let legs = LEGS.iter().filter_map(|name| {
        let found = value(dialog, name).or_else(|| value(media?, name));
        Some(((*name).to_owned(), found?))
    });
    let list = media.and_then(|media| child(media, "callvariables"));
    let calls = list
        .into_iter()
        .flat_map(|list| list.children())
        .filter(|node| is(*node, "CallVariable"));
    let calls =
        calls.filter_map(|node| Some((value(node, "name")?, value(node, "value").unwrap_or_default())));
    legs.chain(calls).collect()
}

/// The agent in `/finesse/api/User/1001/Dialogs`.
fn user_of(source: &str) -> Option<String> {
    let mut segments = source
        .split('/')
        .skip_while(|segment| !segment.eq_ignore_ascii_case("user"));
    let user = segments.nth(1)?;
    (!user.is_empty()).then(|| user.to_owned())
}

/// The agent's telephone that rings, or else the first one.
fn extension(dialog: Node<'_, '_>) -> Option<String> {
    let participants = child(dialog, "participants")?;
    let mut agents = participants
        .children()
        .filter(|node| is(*node, "Participant"))
        .filter(|node| value(*node, "mediaAddressType").as_deref() == Some("AGENT_DEVICE"));
    let first = agents.clone().next();
    let rings = agents.find(|node| value(*node, "state").as_deref() == Some("ALERTING"));
    rings.or(first).and_then(|node| value(node, "mediaAddress"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIALOG: &str = "<Dialog><associatedDialogUri></associatedDialogUri><fromAddress>4806754110</fromAddress>\
        <id>16804377</id><mediaType>Voice</mediaType><mediaProperties><mediaId>1</mediaId><DNIS>8005550199</DNIS>\
        <callType>ACD_IN</callType><dialedNumber>5002</dialedNumber><queueName>Support</queueName>\
        <callvariables><CallVariable><name>callVariable1</name><value>gold</value></CallVariable>\
        <CallVariable><name>callVariable2</name><value/></CallVariable></callvariables></mediaProperties>\
        <participants><Participant><mediaAddress>4806754110</mediaAddress><mediaAddressType></mediaAddressType>\
        <state>ACTIVE</state></Participant><Participant><mediaAddress>1081001</mediaAddress>\
        <mediaAddressType>AGENT_DEVICE</mediaAddressType><state>ALERTING</state></Participant></participants>\
        <secondaryId>16804378</secondaryId><state>ALERTING</state><toAddress>1081001</toAddress></Dialog>";

    fn update(event: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?>\n<Update><data><dialogs>{DIALOG}</dialogs></data><event>{event}</event>\
             <requestId/><source>/finesse/api/User/1001/Dialogs</source></Update>"
        )
    }

    #[test]
    fn an_event_is_a_ring() {
        let ring = read(&update("POST")).unwrap();
        let expected = Ring {
            call_id: Some("16804377".to_owned()),
            ani: "4806754110".to_owned(),
            dnis: Some("8005550199".to_owned()),
            agents: vec!["1001".to_owned()],
            extension: Some("1081001".to_owned()),
            queue: Some("Support".to_owned()),
            direction: Direction::Inbound,
            call_type: Some("ACD_IN".to_owned()),
            state: Some("ALERTING".to_owned()),
            event: Event::Ring,
            verstat: None,
            variables: vec![
                ("secondaryId".to_owned(), "16804378".to_owned()),
                ("callVariable1".to_owned(), "gold".to_owned()),
                ("callVariable2".to_owned(), String::new()),
            ],
        };
        assert_eq!(ring, expected);
        assert_eq!(read(&update("DELETE")).unwrap().event, Event::End);
        let bare = read(DIALOG).unwrap();
        assert_eq!(
            bare,
            Ring {
                agents: Vec::new(),
                ..expected
            }
        );
    }

    #[test]
    fn states_and_kinds_are_read() {
        let with = |from: &str, to: &str| read(&DIALOG.replace(from, to)).unwrap();
        let state = |state: &str| {
            with(
                "<state>ALERTING</state><toAddress>",
                &format!("<state>{state}</state><toAddress>"),
            )
            .event
        };
        assert_eq!(state("ACTIVE"), Event::Answer);
        assert_eq!(state("HELD"), Event::Update);
        assert_eq!(state("DROPPED"), Event::End);
        let out = with("ACD_IN", "OUT");
        assert_eq!(
            (out.ani.as_str(), out.direction),
            ("1081001", Direction::Outbound)
        );
        let campaign = DIALOG
            .replace("ACD_IN", "OUTBOUND_PREVIEW")
            .replace("callVariable1", "BACustomerNumber")
            .replace(">gold<", ">+442079460958<");
        assert_eq!(read(&campaign).unwrap().ani, "+442079460958");
        let lower = DIALOG.replace("Dialog>", "dialog>");
        assert_eq!(read(&lower).unwrap().ani, "4806754110");
        let withheld = with("<fromAddress>4806754110</fromAddress>", "<fromAddress/>");
        assert_eq!(withheld.ani, "");
    }

    #[test]
    fn other_xml_is_refused() {
        for text in ["<Update/>", "<Dialog>", "<!DOCTYPE a><Dialog/>"] {
            assert!(matches!(read(text), Err(Refusal::Body { .. })), "{text}");
        }
    }
}
