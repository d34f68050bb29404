//! Values that are each right, and wrong beside one another.

use super::fault;

#[test]
fn values_that_do_not_fit_together_are_told() {
    for (text, message) in [
        (
            "[ha]\nnode = 'a b'",
            "ringside.toml:2: `ha.node`: expected at most 64 of a-z A-Z 0-9 - _, found \"a b\"",
        ),
        (
            "[ha]\nnode = 'a'\npeer = 'https://b:7465'",
            "`ha.peer`: expected an address as \"http://HOST:7465\", found \"https://b:7465\"",
        ),
        (
            "[ha]\nnode = 'a'\npeer = 'http://b'",
            "`ha.peer`: expected an address as \"http://HOST:7465\", found \"http://b\"",
        ),
        (
            "[ha]\nnode = 'a'\npeer = 'http://b:7465/admin'",
            "`ha.peer`: expected an address as \"http://HOST:7465\", found \"http://b:7465/admin\"",
        ),
        (
            "[ha]\nnode = 'a'\npeer = 'http://b:7465?x'",
            "`ha.peer`: expected an address as \"http://HOST:7465\", found",
        ),
        (
            "[ha]\nnode = 'a'\npeer = 'b:7465'",
            "`ha.peer`: expected an address as \"http://HOST:7465\", found",
        ),
        (
            "[ha]\npeer = 'http://b:7465'",
            "`ha.node`: expected a name, because ha.peer names another node, found \"\"",
        ),
        (
            "[calls]\nstore = 'jetstream'",
            "`ha.node`: expected a name, because calls.store is \"jetstream\", found \"\"",
        ),
        (
            "[ha]\nnode = 'a'\n[calls]\nstore = 'jetstream'",
            "`calls.jetstream.secret_file`: expected a file that both nodes have",
        ),
        (
            "[ha]\nnode = 'a'\n[data]\nerase_within_s = 86400\n[calls]\nstore = 'jetstream'\n[calls.jetstream]\n\
             secret_file = 's'",
            "`calls.jetstream.max_age_s`: expected at most data.erase_within_s, 86400, found 259200",
        ),
        (
            "[feed.cim]\nkind = 'file'",
            "ringside.toml: `feed.cim.path`: expected the file to follow (kind is \"file\"), found \"\"",
        ),
        (
            "[feed.cim]\nkind = 'debezium'\n[feed.cim.debezium]\ntransport = 'file'",
            "`feed.cim.path`: expected the file to follow (debezium.transport is \"file\"), found \"\"",
        ),
        (
            "[feed.cim]\nkind = 'debezium'\n[feed.cim.schema]\nfrom = 'attributes'",
            "`feed.cim.schema.from`: expected \"\" (kind is \"debezium\": customers.attributes says what there is)",
        ),
        (
            "[feed.cim]\nkind = 'debezium'\n[feed.cim.debezium]\nunavailable_value = ''",
            "`feed.cim.debezium.unavailable_value`: expected 1 to 200 bytes, found \"\"",
        ),
        (
            "[feed.cim]\nkind = 'postgres'",
            "`feed.cim.postgres.host`: expected a name, here or in `uri`, found \"\"",
        ),
        (
            "[feed.cim]\nkind = 'postgres'\n[feed.cim.postgres]\nuri = 'postgresql://a@b/c'\nslot = 'A'",
            "`feed.cim.postgres.slot`: expected 1 to 63 of a-z, 0-9 and _, no digit first, found \"A\"",
        ),
        (
            "[feed.cim]\nkind = 'postgres'\n[feed.cim.postgres]\nuri = 'postgresql://a@b/c'\nsslmode = 'disable'\n\
             [feed.cim.tls]\nenabled = true",
            "`feed.cim.postgres.sslmode`: expected \"require\" or \"verify-full\" (tls.enabled is true)",
        ),
        (
            "[listener.pbx]\nregion = 'GB'",
            "`listener.pbx.address`: expected an address of its own (listener.main.address has the same)",
        ),
        (
            "[admin]\naddress = '127.0.0.1:7464'",
            "`listener.main.address`: expected an address of its own (admin.address has the same)",
        ),
        (
            "[listener.main.tls]\ncertificate = 'a.pem'",
            "`listener.main.tls.key`: expected the file of the certificate's private key, found \"\"",
        ),
        (
            "[listener.main.tls]\nclient_ca = 'a.pem'",
            "`listener.main.tls.certificate`: expected the file of the listener's certificate, found \"\"",
        ),
        (
            "[listener.main]\naddress = ''\nunix = '/run/x'\n[listener.main.tls]\ncertificate = 'a'\nkey = 'b'",
            "`listener.main.address`: expected an address: TLS is for TCP, found \"\"",
        ),
        (
            "[listener.main]\nenabled = false",
            "`listener.main.enabled`: expected one listener enabled",
        ),
        (
            "[listener.main]\naddress = ''",
            "`listener.main.address`: expected an address, or else a path",
        ),
        (
            "[listener.main]\nregion = 'usa'",
            "`listener.main.region`: expected a region of two letters",
        ),
        ("[listener.'a b']\n", "`listener.a b`: expected a name of 1 to 32"),
        ("[feed.'a__b']\n", "`feed.a__b`: expected a name of 1 to 32"),
        (
            "[[treatment]]\nlabel = 'VIP'",
            "ringside.toml:1: `treatment[0]`: expected `treatment`, `queue`, `last_agent_id`, `last_agent`, `may_greet` or",
        ),
        (
            "[[treatment]]\nqueue = ''",
            "ringside.toml:2: `treatment[0].queue`: expected a word",
        ),
        (
            "[[treatment]]\nqueue = 'a'\nequals = 'x'",
            "ringside.toml:3: `treatment[0].equals`: expected `attribute`",
        ),
        (
            "[[treatment]]\nqueue = 'a'\n[[treatment]]\nlabel = 'VIP'\n\nqueue = 'b'",
            "ringside.toml:3: `treatment[1]`: expected a rule that is reached, found that treatment[0] holds whenever",
        ),
        (
            "[[treatment]]\nqueue = 'a'\nmay_greet = true",
            "ringside.toml:3: `treatment[0].may_greet`: expected false, or no key: a rule takes a permission away",
        ),
        (
            "[[treatment]]\nqueue = 'a'\nattestation = 'failed'\nverstat = 'TN-Validation-Passed-A'",
            "ringside.toml:3: `treatment[0].attestation`: expected what `verstat` amounts to",
        ),
        (
            "[numbers]\nown_ranges = ['+1415-+14156']",
            "ringside.toml:2: `numbers.own_ranges`: expected two numbers of as many digits as each other, each with its \
             +, such as +14155550100-+14155550199, found \"+1415-+14156\"",
        ),
        (
            "numbers.shared_lines = ['nobody']",
            "ringside.toml:1: `numbers.shared_lines`: expected numbers that these very settings read, found \"nobody\": ",
        ),
        (
            "[numbers]\nwithheld_words = ['x', '7']",
            "ringside.toml:2: `numbers.withheld_words`: expected a word that begins with a letter, found \"7\"",
        ),
        (
            "[[numbers.aliases]]\nfrom = '52'\nto = '+52'\ndigits = 10",
            "ringside.toml:1: `numbers.aliases`: expected the beginning of a number",
        ),
        (
            "phones.shared_above = 100001",
            "expected a whole number from 0 to 100000, found 100001",
        ),
        (
            "phones.suffix_digits = 6",
            "ringside.toml:1: `phones.suffix_digits`: expected 0, or 7 to 15, found 6",
        ),
        (
            "phones.suffix_digits = 16",
            "`phones.suffix_digits`: expected 0, or 7 to 15, found 16",
        ),
        ("data.dir = ''", "ringside.toml:1: `data.dir`: expected a folder"),
        (
            "data.scrub_interval_s = 1",
            "expected a whole number from 60 to 2592000, found 1",
        ),
        (
            "data.overlay_max_mib = 0",
            "expected a whole number from 1 to 65536, found 0",
        ),
        (
            "import.memory_mib = 63",
            "expected a whole number from 64 to 65536, found 63",
        ),
        (
            "search.page_max = 0",
            "expected a whole number from 1 to 100, found 0",
        ),
        (
            "search.scan_max = 99",
            "expected a whole number from 100 to 1000000, found 99",
        ),
        (
            "search.budget_ms = 10001",
            "expected a whole number from 5 to 10000, found 10001",
        ),
        (
            "search.at_once_max = 257",
            "expected a whole number from 1 to 256, found 257",
        ),
        (
            "answers.matches_max = 0",
            "expected a whole number from 1 to 1000, found 0",
        ),
        (
            "answers.stale_after_s = 31536001",
            "expected a whole number from 0 to 31536000",
        ),
        (
            "http.body_max_bytes = 1023",
            "expected a whole number from 1024 to 1073741824, found 1023",
        ),
        ("http.drain_s = 3601", "expected a whole number from 0 to 3600"),
        (
            "http.bodies_max_mib = 7",
            "expected room for one body of http.body_max_bytes at the least",
        ),
        (
            "http.head_max_bytes = 8191",
            "expected a whole number from 8192 to 1048576",
        ),
        ("http.headers_max = 15", "expected a whole number from 16 to 1000"),
        (
            "http.uri_max_bytes = 255",
            "expected a whole number from 256 to 65534",
        ),
        (
            "http.head_timeout_s = 0",
            "expected a whole number from 1 to 3600",
        ),
        (
            "http.body_timeout_s = 3601",
            "expected a whole number from 1 to 3600",
        ),
        (
            "http.idle_timeout_s = 0",
            "expected a whole number from 1 to 86400",
        ),
        (
            "http.write_timeout_s = 0",
            "expected a whole number from 1 to 3600",
        ),
        (
            "http.connections_max = 0",
            "expected a whole number from 1 to 1000000",
        ),
        (
            "http.connections_per_peer_max = 1000001",
            "expected a whole number from 0 to 1000000",
        ),
        (
            "http.overload_after_ms = 0",
            "expected a whole number from 1 to 10000",
        ),
        (
            "admin.connections_max = 0",
            "expected a whole number from 1 to 10000",
        ),
        ("http.batch_max = 0", "expected a whole number from 1 to 100000"),
        (
            "customer.id_attributes = [\"a\", \"b\", \"c\", \"d\", \"e\"]",
            "expected at most 4 attributes, found 5",
        ),
        (
            "customer.id_attributes = [\"crm_id\", \"CRM_ID\"]",
            "`customer.id_attributes[1]`: expected keys of attributes, each once",
        ),
        (
            "customer.id_attributes = [\"crm id\"]",
            "`customer.id_attributes[0]`: expected keys of attributes",
        ),
        (
            "dialect.dynamics.customer_id = \"attributes.crm_id\"\ncustomer.id_attributes = [\"other\"]",
            "`dialect.dynamics.customer_id`: expected an attribute by which customers are found: name it in \
             customer.id_attributes as well, found \"attributes.crm_id\"",
        ),
        (
            "dialect.finesse.pop_url.customer = \"https://{dnis}/\"",
            "`dialect.finesse.pop_url.customer`: expected an address that begins with https:// or http:// and a host",
        ),
        (
            "dialect.3cx.pop_url.everybody = \"https://crm.example/\"",
            "`dialect.3cx.pop_url.everybody`: expected one of case, customer, several, unknown, withheld",
        ),
        (
            "dialect.curri.pop_url.customer = \"https://crm.example/\"",
            "`dialect.curri.pop_url`: expected no such key",
        ),
        (
            "dialect.sipgate.fields.x = \"name\"",
            "`dialect.sipgate.fields`: expected no columns",
        ),
        ("customer.cases = 1001", "expected a whole number from 0 to 1000"),
        (
            "customer.interactions = 1001",
            "expected a whole number from 0 to 1000",
        ),
        (
            "feed.main.poll_ms = 9",
            "expected a whole number from 10 to 60000, found 9",
        ),
    ] {
        let found = fault(text, &[]);
        let message = message.trim_start_matches("ringside.toml: ");
        assert!(found.contains(message), "{text}: {found}");
    }
}

#[test]
fn a_dialect_may_take_ids_from_an_attribute_that_customers_are_found_by() {
    let text = "dialect.dynamics.customer_id = \"attributes.crm_id\"\ncustomer.id_attributes = [\"crm_id\"]";
    let config = super::load(text, &[]).unwrap();
    assert_eq!(config.customer.id_attributes, ["crm_id"]);
}
