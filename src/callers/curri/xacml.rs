//! What Unified CM asks and what it is told: XACML 2.0, with call instructions (CIXML) as text inside.

use bytes::BytesMut;

use super::super::refusal::Refusal;
use super::super::xml;

/// What is expected of a request.
const EXPECTED: &str = "an XACML request with the attribute urn:Cisco:uc:1.0:callingnumber";
const CALLING: &str = "urn:Cisco:uc:1.0:callingnumber";
const CALLED: &str = "urn:Cisco:uc:1.0:callednumber";
const TRANSFORMED_CALLING: &str = "urn:Cisco:uc:1.0:transformedcgpn";
const TRANSFORMED_CALLED: &str = "urn:Cisco:uc:1.0:transformedcdpn";

/// What stands before and behind the instructions. The decision and the instructions are what Unified CM acts on.
const BEFORE: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Result><Decision>Permit</Decision><Status></Status>\
    <Obligations><Obligation FulfillOn=\"Permit\" ObligationId=\"urn:cisco:xacml:policy-attribute\">\
    <AttributeAssignment AttributeId=\"Policy:simplecontinue\">\
    <AttributeValue DataType=\"http://www.w3.org/2001/XMLSchema#string\">&lt;cixml ver=\"1.0\"&gt;&lt;continue&gt;";
const AFTER: &str = "&lt;/continue&gt;&lt;/cixml&gt;</AttributeValue></AttributeAssignment></Obligation></Obligations>\
    </Result></Response>";

/// The call that a decision is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// The calling number as it came in, or else as it was transformed; empty where it is withheld.
    pub(super) calling: String,
    /// The called number, likewise.
    pub(super) called: Option<String>,
}

impl Asked {
    /// Reads the request `text`.
    ///
    /// # Errors
    /// What is no XML, and XML that has no place for a calling number.
    pub(super) fn read(text: &str) -> Result<Asked, Refusal> {
        let document = xml::parse(text, EXPECTED)?;
        let mut calling: [Option<String>; 2] = [None, None];
        let mut called: [Option<String>; 2] = [None, None];
        for node in document
            .descendants()
            .filter(|node| node.tag_name().name() == "Attribute")
        {
            let Some(id) = node.attribute("AttributeId") else {
                continue;
            };
            let slot = match () {
                () if id.eq_ignore_ascii_case(CALLING) => &mut calling[0],
                () if id.eq_ignore_ascii_case(TRANSFORMED_CALLING) => &mut calling[1],
                () if id.eq_ignore_ascii_case(CALLED) => &mut called[0],
                () if id.eq_ignore_ascii_case(TRANSFORMED_CALLED) => &mut called[1],
                () => continue,
            };
            let value = node
                .children()
                .find(|child| child.tag_name().name() == "AttributeValue");
            let text = value.and_then(|value| value.text()).unwrap_or_default().trim();
            slot.get_or_insert_with(|| text.to_owned());
        }
        if calling.iter().all(Option::is_none) {
            return Err(Refusal::Missing(CALLING));
        }
        let first = |of: [Option<String>; 2]| of.into_iter().flatten().find(|text| !text.is_empty());
        Ok(Asked {
            calling: first(calling).unwrap_or_default(),
            called: first(called),
        })
    }
}

/// Writes the answer that lets the call go on, to be shown with `name` where there is one.
///
/// The instructions are a document of their own, as text of another one; so a name is escaped twice. What is not ASCII
/// in it is spelled as character references, which are the same in every encoding.
pub(super) fn write_continue(name: Option<&str>, out: &mut BytesMut) {
    out.extend_from_slice(BEFORE.as_bytes());
    if let Some(name) = name.filter(|name| !name.is_empty()) {
        let mut modify = String::with_capacity(name.len() + 32);
        modify.push_str("<modify callingname=\"");
        for c in xml::escaped(name).chars() {
            if c.is_ascii() {
                modify.push(c);
            } else {
                modify.push_str(&format!("&#{};", u32::from(c)));
            }
        }
        modify.push_str("\"/>");
        out.extend_from_slice(xml::escaped(&modify).as_bytes());
    }
    out.extend_from_slice(AFTER.as_bytes());
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;
    use roxmltree::Document;

    use super::*;

    const REQUEST: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
        <Request xmlns=\"urn:oasis:names:tc:xacml:2.0:context:schema:os\"><Subject \
        SubjectCategory=\"urn:oasis:names:tc:xacml:1.0:subject-category:access-subject\">\
        <Attribute AttributeId=\"urn:oasis:names:tc:xacml:1.0:subject:role-id\" \
        DataType=\"http://www.w3.org/2001/XMLSchema#string\" Issuer=\"requestor\">\
        <AttributeValue>CISCO:UC:UCMPolicy</AttributeValue></Attribute>\
        <Attribute AttributeId=\"urn:Cisco:uc:1.0:callingnumber\" DataType=\"http://www.w3.org/2001/XMLSchema#string\">\
        <AttributeValue>4806754110</AttributeValue></Attribute>\
        <Attribute AttributeId=\"urn:Cisco:uc:1.0:callednumber\" DataType=\"http://www.w3.org/2001/XMLSchema#string\">\
        <AttributeValue>50102</AttributeValue></Attribute>\
        <Attribute AttributeId=\"urn:Cisco:uc:1.0:transformedcgpn\" DataType=\"http://www.w3.org/2001/XMLSchema#string\">\
        <AttributeValue>+14806754110</AttributeValue></Attribute>\
        <Attribute AttributeId=\"urn:Cisco:uc:1.0:transformedcdpn\" DataType=\"http://www.w3.org/2001/XMLSchema#string\">\
        <AttributeValue>+19725550102</AttributeValue></Attribute></Subject></Request>";

    /// The name in the answer `out`, which is held to be one that lets the call go on.
    pub(in super::super) fn name_in(out: &[u8]) -> Option<String> {
        let answer = Document::parse(str::from_utf8(out).unwrap()).unwrap();
        let only = |name: &str| {
            let mut found = answer.descendants().filter(|node| node.tag_name().name() == name);
            let node = found.next().unwrap();
            assert!(found.next().is_none(), "{name}");
            node.text().unwrap_or_default().to_owned()
        };
        assert_eq!(only("Decision"), "Permit");
        let instructions = only("AttributeValue");
        let instructions = Document::parse(&instructions).unwrap();
        let root = instructions.root_element();
        assert_eq!(
            (root.tag_name().name(), root.attribute("ver")),
            ("cixml", Some("1.0"))
        );
        let directive = root.first_child().unwrap();
        assert_eq!(directive.tag_name().name(), "continue");
        assert_eq!(root.children().count(), 1);
        let modify = directive.first_child()?;
        assert_eq!(directive.children().count(), 1);
        assert_eq!(modify.attributes().count(), 1);
        modify.attribute("callingname").map(str::to_owned)
    }

    fn continued(name: Option<&str>) -> BytesMut {
        let mut out = BytesMut::new();
        write_continue(name, &mut out);
        out
    }

    #[test]
    fn a_request_names_the_call() {
        let asked = |calling: &str, called: &str| Asked {
            calling: calling.to_owned(),
            called: Some(called.to_owned()),
        };
        assert_eq!(Asked::read(REQUEST), Ok(asked("4806754110", "50102")));
        let without = |value: &str| {
            REQUEST.replace(
                &format!("<AttributeValue>{value}</AttributeValue>"),
                "<AttributeValue/>",
            )
        };
        assert_eq!(
            Asked::read(&without("4806754110")),
            Ok(asked("+14806754110", "50102"))
        );
        assert_eq!(
            Asked::read(&without("50102")),
            Ok(asked("4806754110", "+19725550102"))
        );
        let withheld = without("4806754110").replace("+14806754110", "");
        assert_eq!(Asked::read(&withheld), Ok(asked("", "50102")));
        let nobody = REQUEST
            .replace(":callingnumber", ":other")
            .replace(":transformedcgpn", ":other");
        assert_eq!(Asked::read(&nobody), Err(Refusal::Missing(CALLING)));
    }

    #[test]
    fn the_answer_is_the_documented_one() {
        let answer = String::from_utf8(continued(Some("Ada")).to_vec()).unwrap();
        assert!(
            answer.contains("&lt;cixml ver=\"1.0\"&gt;&lt;continue&gt;&lt;modify callingname="),
            "{answer}"
        );
        assert_eq!(name_in(&continued(None)), None);
        assert_eq!(name_in(&continued(Some(""))), None);
        let name = "Zoë & \"Łuk\" <O'Brien>";
        assert_eq!(name_in(&continued(Some(name))).as_deref(), Some(name));
        assert!(continued(Some(name)).is_ascii());
    }

    proptest! {
        #[test]
        fn every_answer_lets_the_call_go_on(name in any::<String>()) {
            let _held = name_in(&continued(Some(&name)));
        }

        #[test]
        fn nothing_that_is_asked_is_too_much(text in any::<String>(), at in 0..900_usize, junk in any::<String>()) {
            let _any = Asked::read(&text);
            let mut request = REQUEST.to_owned();
            if request.is_char_boundary(at) {
                request.insert_str(at.min(REQUEST.len()), &junk);
            }
            let _any = Asked::read(&request);
        }
    }
}
