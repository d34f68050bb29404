//! The CRM template that a 3CX system is given once: how it asks, and what it makes of the answer.

use bytes::BytesMut;

use super::super::xml::escaped;

/// What 3CX takes from a contact: its own name for it, and ours.
pub(super) const OUTPUTS: [(&str, &str); 9] = [
    ("ContactID", "id"),
    ("FirstName", "firstname"),
    ("LastName", "lastname"),
    ("CompanyName", "company"),
    ("Email", "email"),
    ("PhoneMobile", "phone_mobile"),
    ("PhoneBusiness", "phone_business"),
    ("EntityId", "id"),
    ("ContactUrl", "contact_url"),
];

/// Writes the template for the service at `base`, such as `https://ringside.example:7464`.
///
/// 3CX goes through `contacts` by itself: a path names no position. A key is the password of Basic credentials; where
/// there are no keys, what is sent in its place is not looked at.
pub(super) fn write(base: &str, out: &mut BytesMut) {
    let mut put = |text: &str| out.extend_from_slice(text.as_bytes());
    put("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <Crm xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" \
         Country=\"US\" Name=\"Ringside\" Version=\"1\" SupportsEmojis=\"false\" ListPageSize=\"0\">\n  \
         <Number Prefix=\"Plus\" MaxLength=\"\" />\n  <Connection MaxConcurrentRequests=\"16\" />\n  <Parameters>\n    \
         <Parameter Name=\"Server\" Type=\"String\" Parent=\"General Configuration\" Editor=\"String\" \
         Title=\"Ringside's address\" Default=\"");
    put(&escaped(base));
    put(
        "\" />\n    <Parameter Name=\"ApiKey\" Type=\"Password\" Parent=\"General Configuration\" Editor=\"String\" \
         Title=\"Key with the scope lookup (rs_...), where Ringside has keys\" Default=\"\" />\n  </Parameters>\n  \
         <Authentication Type=\"Basic\">\n    <Value>3cx:[ApiKey]</Value>\n  </Authentication>\n  <Scenarios>\n    \
         <Scenario Id=\"\" Type=\"REST\">\n      <Request Url=\"[Server]/3cx/lookup.json?phone=[Number]\" \
         MessagePasses=\"0\" RequestContentType=\"\" RequestEncoding=\"UrlEncoded\" RequestType=\"Get\" \
         ResponseType=\"Json\" />\n      <Rules>\n        <Rule Type=\"Any\" Ethalon=\"\">contacts.id</Rule>\n      \
         </Rules>\n      <Variables>\n",
    );
    for (name, path) in OUTPUTS {
        put(&format!(
            "        <Variable Name=\"{name}\" Path=\"contacts.{path}\"><Filter /></Variable>\n"
        ));
    }
    put("      </Variables>\n      <Outputs AllowEmpty=\"false\">\n");
    for (name, _) in OUTPUTS {
        put(&format!(
            "        <Output Type=\"{name}\" Passes=\"0\" Value=\"[{name}]\" />\n"
        ));
    }
    put(
        "        <Output Type=\"EntityType\" Passes=\"0\" Value=\"Contacts\" />\n      </Outputs>\n    </Scenario>\n  \
         </Scenarios>\n</Crm>\n",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_whole_and_asks_the_address_it_came_from() {
        let mut out = BytesMut::new();
        write("https://ringside.example/?a&b", &mut out);
        let text = String::from_utf8(out.to_vec()).unwrap();
        let template = roxmltree::Document::parse(&text).unwrap();
        let crm = template.root_element();
        assert_eq!(crm.attribute("Name"), Some("Ringside"));
        let children: Vec<_> = crm.children().filter(|node| node.is_element()).collect();
        let names: Vec<_> = children.iter().map(|node| node.tag_name().name()).collect();
        assert_eq!(
            names,
            [
                "Number",
                "Connection",
                "Parameters",
                "Authentication",
                "Scenarios"
            ]
        );
        let server = template
            .descendants()
            .find(|node| node.attribute("Name") == Some("Server"))
            .unwrap();
        assert_eq!(server.attribute("Default"), Some("https://ringside.example/?a&b"));
        let variables = template
            .descendants()
            .filter(|node| node.has_tag_name("Variable"));
        let names: Vec<_> = variables
            .map(|node| node.attribute("Name").unwrap().to_owned())
            .collect();
        for output in template.descendants().filter(|node| node.has_tag_name("Output")) {
            let (kind, value) = (
                output.attribute("Type").unwrap(),
                output.attribute("Value").unwrap(),
            );
            assert!(
                kind == "EntityType" || names.iter().any(|name| value == format!("[{name}]")),
                "{kind}"
            );
        }
    }
}
