//! A contact centre's flow from end to end, as its designer drew it: strip the number, ask the CRM who that is, ask it for
//! their newest case, greet, and open a page for the agent. The CRM is Ringside; each listener reads numbers as they arrive
//! there.

use bytes::BytesMut;
use ringside::callers::{Call, Dialect, Source, Speakers, Speaking};
use ringside::number::{Mode, Numbering, Settings};
use serde_json::Value;

use crate::corpus::plan;
use crate::support::{Centre, centre};

/// What the flow's variables hold until something is found.
const NOTHING: &str = "NA";

/// What the flow does at its end.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// The caller hears their name and their case; the agent sees the case.
    Case { greeting: String, page: String },
    /// The caller hears their name and that there is no case; the agent sees a form for a new one.
    NoCase { greeting: String },
    /// The caller hears that no case was found.
    NoMatch,
}

/// What of the number is taken off before the CRM is asked.
#[derive(Debug, Clone, Copy)]
enum Strip {
    Plus,
    CountryCode(&'static str),
}

struct Flow {
    crm: Speakers,
    strip: Strip,
}

impl Flow {
    /// The flow over a listener that reads numbers as `mode` says, within `region`.
    fn new(centre: &Centre, mode: Mode, region: &str, strip: Strip) -> Flow {
        let settings = Settings {
            mode,
            default_region: region.parse().unwrap(),
            shared_lines: vec!["+14806754180".to_owned(), "+14806754181".to_owned()],
            ..Settings::builtin()
        };
        let source = Source {
            numbering: Numbering::new(&settings).unwrap(),
            ..centre.source.clone()
        };
        let speaking = Speaking {
            enabled: true,
            ..Speaking::default()
        };
        let mut crm = Speakers::none();
        crm.add(Dialect::Dynamics, source, &speaking).unwrap();
        Flow { crm, strip }
    }

    /// An HTTP Request activity; what is not 200 leaves the variables as they are.
    fn get(&self, path: &str, query: &str) -> Option<Value> {
        let call = Call {
            path,
            query,
            ..Call::default()
        };
        let mut out = BytesMut::new();
        let reply = self.crm.get(Dialect::Dynamics)?.answer(&call, &mut out)?;
        (reply.status == 200).then(|| serde_json::from_slice(&out).unwrap())
    }

    /// Runs the flow for a call from `ani`.
    fn call(&self, ani: &str) -> Outcome {
        let without_plus = ani.trim_start_matches('+');
        let stripped = match self.strip {
            Strip::Plus => without_plus,
            Strip::CountryCode(code) => without_plus.strip_prefix(code).unwrap_or(without_plus),
        };
        let customer = self.get(
            "/api/data/v9.2/contacts",
            &format!("$select=fullname,telephone1,contactid&$filter=contains(telephone1,'{stripped}')"),
        );
        let read = |answer: &Option<Value>, pointer: &str| {
            let found = answer
                .as_ref()
                .and_then(|answer| answer.pointer(pointer)?.as_str());
            found.unwrap_or(NOTHING).to_owned()
        };
        let (name, id) = (
            read(&customer, "/value/0/fullname"),
            read(&customer, "/value/0/contactid"),
        );
        if id == NOTHING {
            return Outcome::NoMatch;
        }
        let case = self.get(
            "/api/data/v9.2/incidents",
            &format!("$filter=_customerid_value%20eq%20'{id}'&$select=title,_customerid_value,ticketnumber"),
        );
        let (title, number) = (
            read(&case, "/value/0/title"),
            read(&case, "/value/0/ticketnumber"),
        );
        if number == NOTHING {
            return Outcome::NoCase {
                greeting: format!("Hello {name}"),
            };
        }
        Outcome::Case {
            greeting: format!("Hello {name}, your latest case is {number}, {title}"),
            page: read(&case, "/value/0/incidentid"),
        }
    }
}

fn ada() -> Outcome {
    Outcome::Case {
        greeting: "Hello Ada Lovelace, your latest case is CAS-2, Closed since".to_owned(),
        page: "72696e67-7369-8002-884a-45a3607dc2b7".to_owned(),
    }
}

#[test]
fn a_caller_is_found_whatever_the_flow_strips() {
    let centre = centre(&plan());
    let plus = Flow::new(&centre, Mode::E164NoPlus, "ZZ", Strip::Plus);
    assert_eq!(plus.call("+14806754110"), ada());
    assert_eq!(plus.call("+442079460958"), ada());
    let country = Flow::new(&centre, Mode::National, "US", Strip::CountryCode("1"));
    assert_eq!(country.call("+14806754110"), ada());
    let british = Flow::new(&centre, Mode::National, "GB", Strip::CountryCode("44"));
    assert_eq!(british.call("+442079460958"), ada());
    let auto = Flow::new(&centre, Mode::Auto, "US", Strip::Plus);
    assert_eq!(auto.call("+14806754110"), ada());
    // The same digits elsewhere are somebody else's, and never a guess.
    let elsewhere = Flow::new(&centre, Mode::E164NoPlus, "ZZ", Strip::CountryCode("1"));
    assert_eq!(elsewhere.call("+14806754110"), Outcome::NoMatch);
}

#[test]
fn a_customer_without_a_case_is_greeted_and_a_stranger_is_not() {
    let centre = centre(&plan());
    let flow = Flow::new(&centre, Mode::Auto, "US", Strip::Plus);
    let no_case = |name: &str| Outcome::NoCase {
        greeting: format!("Hello {name}"),
    };
    assert_eq!(flow.call("+14806754111"), no_case("Grace O'Hopper"));
    // A line that others use too: by name, and no word of the case.
    assert_eq!(flow.call("+14806754181"), no_case("Alone On A Shared Line"));
    for nobody in ["+14806754999", "+14806754180", "+14806754113", "anonymous", ""] {
        assert_eq!(flow.call(nobody), Outcome::NoMatch, "{nobody}");
    }
}

#[test]
fn a_case_by_a_guid_of_the_systems_own_opens_that_case() {
    let centre = centre(&plan());
    let flow = Flow::new(&centre, Mode::Auto, "US", Strip::Plus);
    assert_eq!(
        flow.call("+14806754114"),
        Outcome::Case {
            greeting: "Hello Guy Guid, your latest case is CAS-14, By its own id".to_owned(),
            page: "7c9e6679-7425-40de-944b-e07fc1f90ae7".to_owned(),
        }
    );
}
